"""What only Shadeform's Instance promises: every argument of its orders, and changes in place. Its life, its odd
programs and answers, its check and its secrets are in the files beside this."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pulumi_cortecs import shadeform
from pulumi_cortecs.shadeform.kind import INSTANCE
from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import ids
from tests.contract.host import Host, Made
from tests.contract.machines import (
    DOCKER,
    INFO,
    LAUNCHED,
    LIST,
    PLACE,
    TYPES,
    at_vendor,
    change_at_vendor,
    count,
    documented,
    endpoint,
    full_program,
    inputs_of,
    machine,
    up,
    waiting,
)
from tests.contract.proxy import Proxy

StartHost = Callable[..., Host]


# -- outputs


def test_every_field_of_an_order_is_an_argument() -> None:
    fields = documented("Create")
    assert len(fields) == 15
    assert [field for field in fields if field not in INSTANCE.arguments] == []


def test_every_field_of_the_vendors_instance_is_an_output(host: Host, simulator: Simulator) -> None:
    made = machine(host).buy(full_program(simulator))
    outs = {**made.outs, **endpoint(host).create(waiting(made)).outs, "id": made.id}
    fields = documented("Instance")
    assert {"deleted_at", "cloud_instance_type", "shade_cloud", "hourly_price"} <= set(fields)
    unset = {key for key in fields if key not in outs}
    assert unset == {"shade_cloud"}  # the default stands in no state
    missing = [field for field in [*fields, "gpu_manufacturer", "base_url", "address"] if not is_output(field)]
    assert missing == []


def is_output(name: str) -> bool:
    return name == "id" or name in shadeform.Instance.__annotations__ or hasattr(shadeform.Instance, name)


def test_prices_are_money_and_a_time_that_has_not_come_is_empty(host: Host, simulator: Simulator) -> None:
    made = machine(host).buy(PLACE)
    outs = endpoint(host).create(waiting(made)).outs
    assert outs["hourly_price"] == "0.50 USD"
    assert outs["cost_estimate"].endswith(" USD")
    assert (outs["gpu_manufacturer"], outs["cloud_instance_type"]) == ("nvidia", "gpu_1x_a6000")
    assert (outs["created_at"] != "", outs["active_at"] != "", outs["deleted_at"]) == (True, True, "")
    simulator.control.settings(null_times=True)
    assert endpoint(host).read(Made("some-id", outs)).outs["deleted_at"] == ""
    simulator.control.settings(null_times=False)


# -- the order


def test_an_order_has_what_was_given_and_our_tags(start_host: StartHost, proxy: Proxy) -> None:
    made = machine(start_host(proxy.env()), "chat").buy({**PLACE, "tags": ["blue"], "labels": {"team": "search"}})
    (body,) = proxy.bodies("/instances/create")
    *others, order = body.pop("tags")
    assert body == {**PLACE, "name": "pulumi-cortecs", "shade_cloud": True}
    assert others == ["blue", "label:stack=test", "label:project=tests", "label:team=search"]
    key, token, digest = order.removeprefix("pulumi-cortecs:order=").split(".")
    assert all(re.fullmatch(r"[0-9a-z]{10,}", part) for part in (key, token, digest))
    assert made.outs["tags"] == ["blue"]


def test_a_full_order_is_what_the_program_says(start_host: StartHost, simulator: Simulator, proxy: Proxy) -> None:
    program = full_program(simulator)
    machine(start_host(proxy.env()), "chat").buy(program)
    (body,) = proxy.bodies("/instances/create")
    assert set(body) == set(documented("Create"))
    same = set(body) - {"envs", "launch_configuration", "tags"}
    assert {key: body[key] for key in same} == {key: program[key] for key in same}
    assert body["launch_configuration"]["type"] == "docker"
    assert type(body["launch_configuration"]["docker_configuration"]["shared_memory_in_gb"]) is int


@pytest.mark.parametrize("program", ["full", "least"])
def test_a_read_right_after_the_purchase_is_quiet(
    host: Host, start_host: StartHost, simulator: Simulator, program: str
) -> None:
    arguments = full_program(simulator, labels={"team": "a"}) if program == "full" else {**PLACE, "ttl": "8h"}
    made = machine(host).buy({**arguments, "endpoint_port": 80})
    later = machine(start_host(), "chat")
    read = later.read(made)
    assert read.outs == made.outs
    assert read.inputs == inputs_of(made)
    assert later.diff(read.outs, read.inputs, made.id).changes is False


def test_a_second_check_settles_on_the_first_and_asks_no_market(start_host: StartHost, simulator: Simulator) -> None:
    arguments = full_program(simulator, labels={"team": "a"}, endpoint_port=80, max_price="1 USD")
    first = machine(start_host(), "chat").check(arguments)
    assert first.failures == ()
    asked = count(simulator, TYPES, LIST, INFO)
    assert machine(start_host(), "chat").check(arguments, first.inputs) == first
    assert asked() == (0, 0, 0)


def test_a_vendors_other_spelling_is_no_drift(host: Host, start_host: StartHost, simulator: Simulator) -> None:
    made = machine(host).buy(full_program(simulator))
    spelled = {"date_threshold": "2099-01-02T04:04:05+01:00", "spend_threshold": "25.50"}
    change_at_vendor(simulator, made.id, auto_delete=spelled)
    assert machine(start_host(), "chat").read(made).inputs == inputs_of(made)


# -- in place and replaced


def test_what_changes_in_place_keeps_the_machine(host: Host, simulator: Simulator) -> None:
    resource = machine(host)
    program = full_program(simulator, labels={"team": "a"})
    made = resource.buy(program)
    changed = {
        "name": "again",
        "tags": ["green"],
        "labels": {"team": "b"},
        "auto_delete": {"spend_threshold": "30"},
        "alert": {"date_threshold": "2098-01-01T00:00:00Z"},
    }
    made = up(resource, made, {**program, **changed})
    after = at_vendor(simulator, made.id)
    assert ids(simulator) == [made.id]
    assert after["name"] == "again"
    assert (after["auto_delete"], after["alert"]) == (changed["auto_delete"], changed["alert"])
    ours = {"pulumi-cortecs:order", "label:stack", "label:project"}
    assert {tag.partition("=")[0] for tag in after["tags"]} == {"green", "label:team", *ours}
    assert "label:team=b" in after["tags"]
    none = {key: value for key, value in program.items() if key not in changed} | {"name": "again"}
    made = up(resource, made, none)
    after = at_vendor(simulator, made.id)
    assert (after["auto_delete"], after["alert"]) == (None, None)
    assert {tag.partition("=")[0] for tag in after["tags"]} == ours
    assert machine(host).read(made).inputs == inputs_of(made)


OURS = {
    "endpoint_port": 80,
    "ready": "status",
    "ready_path": "/health",
    "ready_key": "key",
    "max_price": "5 USD",
    "price_tolerance": 5,
    "on_timeout": "delete",
    "restart_trigger": "again",
    "ttl": "8h",
    "spend_limit": "8 USD",
    "labels": {"a": "b"},
    "state": "running",
}
REPLACING: Mapping[str, Any] = {
    "cloud": "massedcompute",
    "region": "desmoines-usa-1",
    "shade_instance_type": "L40",
    "shade_cloud": False,
    "os": "ubuntu22.04_cuda12.8_shade_os",
    "template_id": "another",
    "ssh_key_id": "another",
    "volume_ids": ["another"],
    "volume_mount": {"auto": False},
    "envs": {"TOKEN": "another"},
    "launch_configuration": {"docker_configuration": {**DOCKER, "args": "another"}},
}


@pytest.mark.parametrize("argument", [*OURS, "adopt_id"])
def test_what_is_ours_never_replaces(shared_host: Host, argument: str) -> None:
    resource = machine(shared_host)
    olds = resource.check(PLACE).inputs
    value = OURS.get(argument, "some-id")
    news = resource.check({**PLACE, argument: value}, olds)
    assert news.failures == ()
    assert resource.diff(olds, news.inputs).replaces == ()


@pytest.mark.parametrize("argument", REPLACING)
def test_every_other_argument_replaces(shared_host: Host, argument: str) -> None:
    assert set(REPLACING) == set(documented("Create")) - {"name", "tags", "auto_delete", "alert"}
    resource = machine(shared_host)
    program = {**PLACE, **({} if argument == "launch_configuration" else LAUNCHED)}
    olds = resource.check(program).inputs
    # diff alone: some of these values are on no offer together
    news = {**olds, argument: REPLACING[argument]}
    assert resource.diff(olds, news).replaces == (argument,)

"""What only Shadeform's Instance promises: every argument of its orders, no secret in any text, changes in place, an
end by the vendor, and the life of a machine that cannot be stopped."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs import shadeform
from pulumi_cortecs.shadeform.kind import INSTANCE
from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import ids
from tests.contract.engine import FakeEngine, listening
from tests.contract.host import IMPATIENT, UNKNOWN, CallFailedError, Host, Made
from tests.contract.machines import (
    CREATE,
    DOCKER,
    INFO,
    LAUNCHED,
    LIST,
    MARKER,
    PLACE,
    RESTART,
    SCRIPTED,
    TYPES,
    UPDATE,
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
from tests.contract.proxy import Answer, Proxy, Sent

StartHost = Callable[..., Host]


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with listening() as engine:
        yield engine


@pytest.fixture
def buy(host: Host) -> Callable[..., Made]:
    """Buys an A6000 with more arguments."""
    return lambda **more: machine(host).buy({**PLACE, **more})


# -- arguments and outputs


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


def test_prices_are_money_and_a_time_that_has_not_come_is_empty(
    host: Host, simulator: Simulator, buy: Callable[..., Made]
) -> None:
    made = buy()
    outs = endpoint(host).create(waiting(made)).outs
    assert outs["hourly_price"] == "0.50 USD"
    assert outs["cost_estimate"].endswith(" USD")
    assert (outs["gpu_manufacturer"], outs["cloud_instance_type"]) == ("nvidia", "gpu_1x_a6000")
    assert (outs["created_at"] != "", outs["active_at"] != "", outs["deleted_at"]) == (True, True, "")
    simulator.control.settings(null_times=True)
    assert endpoint(host).read(Made("some-id", outs)).outs["deleted_at"] == ""
    simulator.control.settings(null_times=False)


MISTAKES: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "an unknown argument": ({"image": "x"}, "image", "is not an argument of an Instance"),
    "an unknown field": (
        {"launch_configuration": {"docker_configuration": {**DOCKER, "ports": [1]}}},
        "launch_configuration",
        "docker_configuration.ports is not a field; valid fields: image, args, ",
    ),
    "no image": (
        {"launch_configuration": {"docker_configuration": {"args": "x"}}},
        "launch_configuration",
        "docker_configuration.image is required",
    ),
    "two volumes": ({"volume_ids": ["a", "b"]}, "volume_ids", "must have at most 1 item; got 2"),
    "port 0": (
        {
            "launch_configuration": {
                "docker_configuration": {**DOCKER, "port_mappings": [{"host_port": 0, "container_port": 80}]}
            }
        },
        "launch_configuration",
        "docker_configuration.port_mappings[0].host_port must be 1..65535; got 0",
    ),
    "half a mapping": (
        {"launch_configuration": {"docker_configuration": {**DOCKER, "port_mappings": [{"host_port": 80}]}}},
        "launch_configuration",
        "docker_configuration.port_mappings[0].container_port is required",
    ),
    "both launch configurations": (
        {"launch_configuration": {**LAUNCHED["launch_configuration"], **SCRIPTED["launch_configuration"]}},
        "launch_configuration",
        "must have either docker_configuration or script_configuration",
    ),
    "neither": (
        {"launch_configuration": {"type": "docker"}},
        "launch_configuration",
        "must have either docker_configuration or script_configuration",
    ),
    "a launch configuration of another type": (
        {"launch_configuration": {"type": "script", "docker_configuration": DOCKER}},
        "launch_configuration",
        "type must be docker, as its docker_configuration is; got 'script'",
    ),
    "a launch configuration that is none": (
        {"launch_configuration": MARKER},
        "launch_configuration",
        "must be an object of type, docker_configuration, script_configuration",
    ),
    "variables in the vendor's form": (
        {"envs": [{"name": "TOKEN", "value": MARKER}]},
        "envs",
        "must be an object of names and values",
    ),
    "a variable that is no string": ({"envs": {"TOKEN": 7}}, "envs", "TOKEN must be a string"),
    "a script that is none": (
        {"launch_configuration": {"script_configuration": {"script": 7}}},
        "launch_configuration",
        "script_configuration.script must be a string",
    ),
    "a malformed date": (
        {"auto_delete": {"date_threshold": "tomorrow"}},
        "auto_delete",
        "date_threshold must be a date such as ",
    ),
    "a date without a zone": (
        {"auto_delete": {"date_threshold": "2099-01-01T00:00:00"}},
        "auto_delete",
        "date_threshold must be a date such as ",
    ),
    "a date alone": ({"alert": {"date_threshold": "2099-01-01"}}, "alert", "date_threshold must be a date such as "),
    "a port that is not mapped": (
        {
            "launch_configuration": {
                "docker_configuration": {"image": "x", "port_mappings": [{"host_port": 8000, "container_port": 80}]}
            },
            "endpoint_port": 8000,
        },
        "endpoint_port",
        "got 8000, and port_mappings lead to the container's ports 80 only",
    ),
    "a date in the past": (
        {"auto_delete": {"date_threshold": "2020-01-01T00:00:00Z"}},
        "auto_delete",
        "date_threshold must be in the future; got '2020-01-01T00:00:00Z'",
    ),
    "an amount that is none": (
        {"alert": {"spend_threshold": "3,14"}},
        "alert",
        "spend_threshold must be an amount of US dollars above 0",
    ),
    "another currency": ({"spend_limit": "25 EUR"}, "spend_limit", "must be above 0, in USD and in whole cents"),
    "no currency": ({"spend_limit": "25"}, "spend_limit", "25"),
    "parts of a cent": (
        {"spend_limit": "25.001 USD"},
        "spend_limit",
        "in whole cents, such as '25.00 USD'; got '25.001 ",
    ),
    "a limit that no order takes": (
        {"spend_limit": "12345678901234567890 USD"},
        "spend_limit",
        "must be above 0, in USD and in whole cents",
    ),
    "a limit of nothing": ({"spend_limit": "0 USD"}, "spend_limit", "must be above 0, in USD and in whole cents"),
    "ttl with auto_delete": (
        {"ttl": "8h", "auto_delete": {"spend_threshold": "5"}},
        "auto_delete",
        "got auto_delete and ttl, which sets it; leave one of them out",
    ),
    "spend_limit with auto_delete": (
        {"spend_limit": "8 USD", "auto_delete": {"spend_threshold": "5"}},
        "auto_delete",
        "got auto_delete and spend_limit, which sets it; leave one of them out",
    ),
    "spend_limit of a linked account": (
        {"spend_limit": "8 USD", "shade_cloud": False},
        "spend_limit",
        "got one with shade_cloud=False",
    ),
    "a tag of ours": ({"tags": ["pulumi-cortecs:order=x"]}, "tags", "[0] must be printable, and not begin with"),
    "a tag of ours behind a space": ({"tags": [" pulumi-cortecs:order=x"]}, "tags", "[0] must be printable, and not"),
    "a tag that is a label": ({"tags": ["a", "label:team=b"]}, "tags", "[1] must be printable, and not begin with"),
    "a stop": ({"state": "stopped"}, "state", "must be 'running'; got 'stopped'"),
    "a stop in time": ({"on_timeout": "stop"}, "on_timeout", "must be keep or delete; got 'stop'"),
    "a port out of range": ({"endpoint_port": 65_536}, "endpoint_port", "must be 0..65535; got 65536"),
    "an unknown cloud": ({"cloud": "hyperstak"}, "cloud", "no cloud 'hyperstak'; did you mean hyperstack?"),
    "an unknown type": (
        {"shade_instance_type": "A600"},
        "shade_instance_type",
        "hyperstack has no instance type 'A600'; did you mean A6000?",
    ),
    "an unknown region": (
        {"region": "montreal-canada-1"},
        "region",
        "hyperstack has no A6000 in region 'montreal-canada-1'; did you mean montreal-canada-2?",
    ),
    "an os that is not offered": (
        {"os": "windows"},
        "os",
        "A6000 of hyperstack has no 'windows'; it has ubuntu22.04_cuda12.2_shade_os, ",
    ),
}


@pytest.mark.parametrize(
    "date",
    [
        "2099-01-01 00:00:00Z",
        "2099-01-01T00:00Z",
        "20990101T000000Z",
        "2099-01-01T00:00:00+0200",
        "2099-02-30T00:00:00Z",
    ],
)
def test_a_date_is_one_that_the_vendor_takes(shared_host: Host, date: str) -> None:
    (reason,) = machine(shared_host).check({**PLACE, "alert": {"date_threshold": date}}).reasons("alert")
    assert reason.startswith("date_threshold must be a date such as 2026-12-31T12:00:00Z, with its time zone; got ")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_where_it_is(shared_host: Host, mistake: str) -> None:
    wrong, argument, reason = MISTAKES[mistake]
    checked = machine(shared_host).check({**PLACE, **wrong})
    assert [name for name, _ in checked.failures] == [argument]
    assert reason in checked.reasons(argument)[0]
    assert MARKER not in str(checked.failures)


def test_all_mistakes_are_named_at_once(shared_host: Host) -> None:
    wrong = {
        "cloud": "hyperstak",
        "volume_ids": ["a", "b"],
        "state": "stopped",
        "spend_limit": "25 EUR",
        "tags": [""],
        "launch_configuration": {
            "docker_configuration": {"image": " ", "port_mappings": [{"host_port": 0}], "envs": {"A": 1, "B": 2}}
        },
    }
    failures = machine(shared_host).check({**PLACE, **wrong}).failures
    assert {name for name, _ in failures} == set(wrong)
    launch = [reason.split()[0] for name, reason in failures if name == "launch_configuration"]
    assert launch == [
        "docker_configuration.image",
        "docker_configuration.envs.A",
        "docker_configuration.envs.B",
        "docker_configuration.port_mappings[0].container_port",
        "docker_configuration.port_mappings[0].host_port",
    ]


# -- secrets


def test_no_secret_is_in_a_text_of_ours(
    start_host: StartHost, simulator: Simulator, proxy: Proxy, engine: FakeEngine, tmp_path: Path
) -> None:
    limits = tmp_path / "limits.json"
    url = proxy.env()["SHADEFORM_BASE_URL"]
    limits.write_text(json.dumps({"shadeform": {"allowed_base_urls": [url], "account_hourly_ceiling": "9 USD"}}))
    machine_wide = {"PULUMI_CORTECS_STATE_DIR": str(tmp_path / "state"), "PULUMI_CORTECS_LIMITS": str(limits)}
    machine_wide["PULUMI_CORTECS_LIST_LAG"] = "0.05"
    host = start_host({**proxy.env(), **machine_wide}, engine=engine.address, machine=str(tmp_path), before=IMPATIENT)
    made = machine(host, "full").buy(full_program(simulator))
    endpoint(host, "full").create(waiting(made))
    scripted = machine(host, "script").buy({**PLACE, **SCRIPTED})
    errors = [*_refusals_of_secrets(host), *_errors_that_quote(host, proxy)]
    for one in (made, scripted):
        machine(host).delete(one)
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) > 2
    encoded = base64.b64encode(f"#!/bin/sh\necho {MARKER}".encode()).decode()
    for text in (*errors, *engine.messages, host.printed(), *map(repr, written)):
        assert MARKER not in text
        assert encoded not in text


def _refusals_of_secrets(host: Host) -> Iterator[str]:
    """What check says of secrets in wrong places."""
    for odd in (
        {"envs": {"TOKEN": {"a": MARKER}}},
        {"envs": MARKER},
        {"launch_configuration": {"docker_configuration": {"image": "x", "envs": MARKER, "args": [MARKER]}}},
        {"launch_configuration": {"docker_configuration": {"image": "x", "registry_credentials": MARKER}}},
        {"launch_configuration": {"script_configuration": {"script": {"x": MARKER}}}},
        {"ready_key": {"x": MARKER}},
    ):
        failures = machine(host).check({**PLACE, **odd}).failures
        assert failures
        yield str(failures)


def _errors_that_quote(host: Host, proxy: Proxy) -> Iterator[str]:
    """What an order fails with, if the vendor's error quotes it."""
    for status, program in ((400, LAUNCHED), (422, SCRIPTED), (409, {"envs": {"TOKEN": f'{MARKER} "b" é'}})):

        def quoting(sent: Sent, pass_on: Callable[[], Answer], status: int = status) -> Answer:
            is_order = sent.path == "/instances/create"
            return Answer(status, {"error": f"invalid: {json.dumps(sent.body)[150:]}"}) if is_order else pass_on()

        proxy.rewrite = quoting
        with pytest.raises(CallFailedError) as failed:
            machine(host).buy({**PLACE, **program})
        assert "[redacted]" in str(failed.value)
        yield str(failed.value)
    for quoted, program in (
        (f"unknown flag --api-key {MARKER}", _docker(f"--model a --api-key {MARKER}")),
        (f"unknown key {MARKER}", _docker(f"--model a --api-key={MARKER}")),
        (f"line 2: export TOKEN={MARKER}", SCRIPTED_LINES),
    ):
        proxy.rewrite = lambda sent, pass_on, quoted=quoted: (
            Answer(400, {"error": quoted}) if sent.path == "/instances/create" else pass_on()
        )
        with pytest.raises(CallFailedError) as failed:
            machine(host).buy({**PLACE, **program})
        assert "[redacted]" in str(failed.value)
        yield str(failed.value)
    proxy.rewrite = lambda _, pass_on: pass_on()


def _docker(args: str) -> dict[str, Any]:
    return {"launch_configuration": {"docker_configuration": {"image": "x", "args": args}}}


SCRIPTED_LINES: Mapping[str, Any] = {
    "launch_configuration": {"script_configuration": {"script": f"#!/bin/sh\nexport TOKEN={MARKER}\necho\n"}}
}


def test_the_vendor_gets_each_secret(host: Host, simulator: Simulator) -> None:
    full, scripted = machine(host).buy(full_program(simulator)), machine(host).buy({**PLACE, **SCRIPTED})
    sent = at_vendor(simulator, full.id)
    assert sent["envs"] == [{"name": "TOKEN", "value": f"{MARKER}-env"}]
    variables = [{"name": "HF_TOKEN", "value": f"{MARKER}-docker-env"}]
    assert sent["launch_configuration"]["docker_configuration"] == {**DOCKER, "envs": variables}
    encoded = at_vendor(simulator, scripted.id)["launch_configuration"]["script_configuration"]["base64_script"]
    assert base64.b64decode(encoded).decode() == SCRIPTED["launch_configuration"]["script_configuration"]["script"]


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


# -- the end by the vendor


def test_the_end_is_the_vendors_clock_and_the_ttl(start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.pause()
    simulator.control.settings(date_ahead_seconds=3600)
    now = simulator.control.clock().now + timedelta(hours=1)
    made = machine(start_host(), "chat").buy({**PLACE, "ttl": "8h", "spend_limit": "25 USD"})
    sent = at_vendor(simulator, made.id)["auto_delete"]
    assert sent == {"date_threshold": made.outs["expires_at"], "spend_threshold": "25.00"}
    assert abs(ends(made) - now - timedelta(hours=8)) <= timedelta(seconds=1)
    simulator.control.settings(date_ahead_seconds=0)
    simulator.control.resume()


def ends(made: Made) -> datetime:
    return datetime.fromisoformat(made.outs["expires_at"].replace("Z", "+00:00"))


def test_a_changed_ttl_counts_from_now_and_a_spend_limit_leaves_it(start_host: StartHost, simulator: Simulator) -> None:
    resource, program = machine(start_host(), "chat"), {**PLACE, "ttl": "8h"}
    made = resource.buy(program)
    limited = up(resource, made, {**program, "spend_limit": "25 USD"})
    assert limited.outs["expires_at"] == made.outs["expires_at"]
    assert at_vendor(simulator, made.id)["auto_delete"] == {
        "date_threshold": made.outs["expires_at"],
        "spend_threshold": "25.00",
    }
    simulator.control.advance(3600)
    resource = machine(start_host(), "chat")
    later = up(resource, limited, {**PLACE, "ttl": "9h", "spend_limit": "25 USD"})
    assert timedelta(hours=2) <= ends(later) - ends(made) < timedelta(hours=2, minutes=30)
    assert at_vendor(simulator, made.id)["auto_delete"]["date_threshold"] == later.outs["expires_at"]
    none = up(resource, later, {**PLACE, "spend_limit": "25 USD"})
    assert "expires_at" not in none.outs
    assert at_vendor(simulator, made.id)["auto_delete"] == {"spend_threshold": "25.00"}
    own = up(resource, none, {**PLACE, "auto_delete": {"spend_threshold": "9"}})
    assert at_vendor(simulator, made.id)["auto_delete"] == {"spend_threshold": "9"}
    up(resource, own, PLACE)
    assert at_vendor(simulator, made.id)["auto_delete"] is None


@pytest.mark.parametrize("left", [None, {"spend_threshold": "25"}, {"date_threshold": "2098-01-01T00:00:00Z"}])
def test_an_end_that_was_removed_or_moved_is_drift_that_an_up_mends(
    host: Host, start_host: StartHost, simulator: Simulator, left: dict[str, str] | None
) -> None:
    program = {**PLACE, "ttl": "8h", "spend_limit": "25 USD"}
    made = machine(host).buy(program)
    change_at_vendor(simulator, made.id, auto_delete=left)
    later = machine(start_host(), "chat")
    read = later.read(made)
    assert read.inputs is not None
    lost_limit = left is None or "spend_threshold" not in left
    drift = {key for key in ("ttl", "spend_limit") if read.inputs.get(key) != made.outs[key]}
    assert drift == ({"ttl", "spend_limit"} if lost_limit else {"ttl"})
    assert read.outs.get("expires_at", "") == (left or {}).get("date_threshold", "")
    mended = up(later, read, program)
    sent = at_vendor(simulator, made.id)["auto_delete"]
    assert sent == {"date_threshold": mended.outs["expires_at"], "spend_threshold": "25.00"}
    assert machine(host).read(mended).inputs == inputs_of(mended)


def test_an_instance_that_only_the_list_shows_keeps_its_end(start_host: StartHost, proxy: Proxy) -> None:
    program = {**PLACE, "ttl": "8h", "spend_limit": "25 USD", "alert": {"spend_threshold": "8"}}
    made = machine(start_host(proxy.env()), "chat").buy(program)

    def listed_only(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        if sent.path == f"/instances/{made.id}/info":
            return Answer(404, {"error": "not found"})
        return _with(pass_on(), auto_delete=None, alert=None)

    proxy.rewrite = listed_only
    read = machine(start_host(proxy.env()), "chat").read(made)
    assert (read.outs, read.inputs) == (made.outs, inputs_of(made))


def test_a_removed_alert_and_auto_delete_are_drift(host: Host, start_host: StartHost, simulator: Simulator) -> None:
    made = machine(host).buy({**PLACE, "auto_delete": {"spend_threshold": "9"}, "alert": {"spend_threshold": "8"}})
    change_at_vendor(simulator, made.id, auto_delete=None, alert={"spend_threshold": "7"})
    read = machine(start_host(), "chat").read(made)
    assert read.inputs is not None
    assert ("auto_delete" in read.inputs, read.inputs["alert"]) == (False, {"spend_threshold": "7"})


@pytest.mark.parametrize(
    "argument",
    [{"ttl": "8h"}, {"spend_limit": "9 USD"}, {"alert": {"spend_threshold": "8"}}, {"tags": ["a"], "envs": {"A": "b"}}],
)
def test_only_rows_with_an_end_or_an_alert_cost_a_request_of_their_own(
    host: Host, start_host: StartHost, simulator: Simulator, argument: dict[str, Any]
) -> None:
    programs = [PLACE, PLACE, {**PLACE, **argument}, {**PLACE, **argument}]
    made = [machine(host).buy(program) for program in programs]
    later = start_host({"PULUMI_CORTECS_LIST_LAG": "30"})
    asked = count(simulator, LIST, INFO)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: machine(later).read(one), made))
    assert asked() == (1, 0 if "tags" in argument else 2)


def test_what_ended_by_its_ttl_is_said_to_have(
    host: Host, start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    made = machine(host).buy({**PLACE, "ttl": "1h"})
    simulator.control.advance(3700)
    assert machine(start_host(engine=engine.address), "chat").read(made).id == ""
    assert engine.messages == [f"{made.id} ended by its ttl at {made.outs['expires_at']}"]


def test_an_adopted_end_is_told_and_kept(
    host: Host, start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    end = "2098-01-01T00:00:00Z"
    made = machine(host).buy({**PLACE, "auto_delete": {"date_threshold": end}})
    adopting = machine(start_host(engine=engine.address), "adopted")
    adopted = adopting.buy({**PLACE, "adopt_id": made.id})
    assert engine.messages[-1] == (
        f"{made.id} is adopted with its end: Shadeform deletes it at {end}. A ttl sets another date"
    )
    assert adopted.outs["expires_at"] == end
    assert adopting.read(adopted).outs == adopted.outs
    assert at_vendor(simulator, made.id)["auto_delete"] == {"date_threshold": end}


def test_an_adopted_end_stays_beside_a_limit_and_goes_with_another_end(
    host: Host, start_host: StartHost, simulator: Simulator
) -> None:
    end = "2098-01-01T00:00:00Z"
    bought = machine(host).buy({**PLACE, "auto_delete": {"date_threshold": end}})
    resource, program = machine(host), {**PLACE, "adopt_id": bought.id}
    limited = up(resource, resource.buy(program), {**program, "spend_limit": "25 USD"})
    assert at_vendor(simulator, bought.id)["auto_delete"] == {"date_threshold": end, "spend_threshold": "25.00"}
    read = machine(start_host(), "chat").read(limited)
    assert (read.outs, read.inputs) == (limited.outs, inputs_of(limited))
    other = up(resource, limited, {**program, "auto_delete": {"spend_threshold": "9"}})
    assert at_vendor(simulator, bought.id)["auto_delete"] == {"spend_threshold": "9"}
    assert "expires_at" not in machine(start_host(), "chat").read(other).outs


def test_an_adopted_end_gives_way_to_a_ttl(host: Host, simulator: Simulator) -> None:
    made = machine(host).buy({**PLACE, "auto_delete": {"date_threshold": "2098-01-01T00:00:00Z"}})
    adopted = machine(host).buy({**PLACE, "adopt_id": made.id, "ttl": "8h"})
    assert at_vendor(simulator, made.id)["auto_delete"] == {"date_threshold": adopted.outs["expires_at"]}


def test_a_date_that_has_passed_since_blocks_no_later_up(host: Host) -> None:
    passed = {"alert": {"date_threshold": "2020-01-01T00:00:00Z"}}
    olds = machine(host).check(PLACE).inputs
    assert machine(host).check({**PLACE, **passed}, {**olds, **passed}).failures == ()
    assert machine(host).check({**PLACE, **passed}, olds).reasons("alert") != []


# -- the life of a machine


def test_a_boot_goes_through_its_statuses(start_host: StartHost, simulator: Simulator, engine: FakeEngine) -> None:
    host = start_host({"PULUMI_CORTECS_POLL_INTERVAL": "0.03"}, engine=engine.address)
    simulator.control.settings(boot_seconds=60)
    made = machine(host, "chat").buy({**PLACE, **LAUNCHED})
    outs = endpoint(host, "chat").create(waiting(made)).outs
    simulator.control.settings(boot_seconds=18)
    told = " ".join(line.message for line in engine.lines)
    for status in ("pending_provider waiting for the provider", "pending booting"):
        assert status in told
    assert "0.50 USD/h" in told
    assert (outs["status"], outs["ready_by"]) == ("active", "answer")


def test_an_error_ends_the_wait_at_once_with_the_way_on(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("boot_failure", step=2)
    resource = machine(host, "broken")
    made = resource.buy(PLACE)
    with pytest.raises(CallFailedError) as failed:
        endpoint(host, "broken").create(waiting(made, ready_timeout=1800))
    assert str(failed.value) == (
        f"{made.id} failed: error the provider reported an error. It still exists and costs 0.50 USD per hour. `pulumi "
        f"up --replace {resource.urn}` orders another one, `pulumi destroy` deletes it"
    )
    assert ids(simulator) == [made.id]


def test_a_failed_one_is_deleted_if_on_timeout_says_so(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot", step=2)
    resource = machine(host, "stuck")
    made = resource.buy({**PLACE, "on_timeout": "delete"})
    with pytest.raises(CallFailedError, match=r"was not ready within 1 s; last seen: pending_provider.* was deleted"):
        endpoint(host, "stuck").create(waiting(made, ready_timeout=1, on_timeout="delete"))
    assert ids(simulator) == []


def test_a_reclaimed_machine_is_told_with_its_last_status_and_cost(
    host: Host, start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    made = machine(host).buy(PLACE)
    simulator.control.advance(7200)
    waited = endpoint(host).create(waiting(made))
    simulator.control.vanish(made.id)
    later = start_host(engine=engine.address)
    assert machine(later, "chat").read(made).id == ""
    assert endpoint(later, "chat").read(waited).id == ""
    cost = waited.outs["cost_estimate"]
    assert engine.messages == [f"{made.id} does not exist any more; last seen: active, {cost}"]
    assert float(cost.split()[0]) > 0.9


def test_a_restart_reboots_on_the_same_bill(host: Host, simulator: Simulator) -> None:
    resource = machine(host)
    made = resource.buy({**PLACE, **LAUNCHED})
    waited = endpoint(host).create(waiting(made))
    asked = count(simulator, RESTART, UPDATE, CREATE)
    updated = up(resource, made, {**PLACE, **LAUNCHED, "restart_trigger": "again"})
    assert asked() == (1, 0, 0)
    again = endpoint(host).update(waited, waiting(updated, spec_digest="again"))
    assert again.outs["ready_by"] == "answer"
    assert len(simulator.control.ledger().of(made.id)) == 1


def test_what_is_deleting_is_gone(host: Host, start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.settings(deleting_seconds=3600)
    made = machine(host).buy(PLACE)
    simulator.control.stop(made.id)
    assert at_vendor(simulator, made.id)["status"] == "deleting"
    assert machine(start_host(), "chat").read(made).id == ""
    machine(host).delete(made)
    simulator.control.settings(deleting_seconds=10)


TWO = [{"host_port": 8000, "container_port": 80}, {"host_port": 9000, "container_port": 90}]


@pytest.mark.parametrize(
    ("mappings", "container_port", "host_port"),
    [
        (TWO[:1], 0, 8000),
        (TWO, 90, 9000),
        (TWO, 0, None),
        ([], 90, 90),  # nothing is mapped, so it is the machine's own port
        ([], 0, None),
        (None, 0, None),
    ],
)
@pytest.mark.parametrize("own_address", [True, False])
def test_the_address_is_of_the_chosen_port(
    host: Host,
    simulator: Simulator,
    mappings: list[dict[str, int]] | None,
    container_port: int,
    host_port: int | None,
    own_address: bool,
) -> None:
    simulator.control.settings(own_addresses=own_address)
    docker = {"docker_configuration": {"image": "x", "port_mappings": mappings}}
    launched = {} if mappings is None else {"launch_configuration": docker}
    made = machine(host).buy({**PLACE, **launched, "endpoint_port": container_port})
    outs = endpoint(host).create(waiting(made, ready="status")).outs
    simulator.control.settings(own_addresses=True)
    mapped = {row["internal_port"]: row["external_port"] for row in outs["port_mappings"]}
    assert bool(mapped) == (not own_address and bool(mappings))
    address = "" if host_port is None else f"http://{outs['ip']}:{mapped.get(host_port, host_port):.0f}"
    assert (outs["address"], outs["base_url"]) == (address, f"{address}/v1" if address else "")


def test_without_an_address_the_status_counts(host: Host, simulator: Simulator) -> None:
    made = machine(host).buy(PLACE)
    outs = endpoint(host).create(waiting(made)).outs
    assert (outs["base_url"], outs["address"], outs["ready_by"]) == ("", "", "status")


def test_an_image_that_never_answers_meets_the_deadline(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("not_answering", seconds=-1)
    made = machine(host, "silent").buy({**PLACE, **LAUNCHED})
    with pytest.raises(CallFailedError) as failed:
        endpoint(host, "silent").create(waiting(made, ready_timeout=1))
    text = str(failed.value)
    assert text.startswith(f"{made.id} was not ready within 1 s; last seen: active, but it does not answer yet: GET ")
    assert "It still exists and costs 0.50 USD per hour. `pulumi up` continues the wait" in text


# -- odd programs and odd answers


@pytest.mark.parametrize(
    "unknown",
    [
        {key: UNKNOWN}
        for key in (
            *("cloud", "region", "shade_instance_type", "os", "template_id", "ssh_key_id", "volume_ids", "envs"),
            *("launch_configuration", "auto_delete", "alert", "tags", "shade_cloud", "spend_limit", "labels"),
        )
    ]
    + [
        {"volume_ids": [UNKNOWN]},
        {"envs": {"TOKEN": UNKNOWN}},
        {"tags": [UNKNOWN]},
        {"alert": {"date_threshold": UNKNOWN}},
        {"launch_configuration": {"docker_configuration": {**DOCKER, "args": UNKNOWN, "envs": UNKNOWN}}},
        {"launch_configuration": {"docker_configuration": UNKNOWN}},
        {"launch_configuration": {"script_configuration": {"script": UNKNOWN}}},
        {"ttl": UNKNOWN, "spend_limit": UNKNOWN, "auto_delete": UNKNOWN},
    ],
    ids=str,
)
def test_what_only_up_will_know_is_unknown_in_the_plan(shared_host: Host, unknown: dict[str, Any]) -> None:
    resource = machine(shared_host)
    checked = resource.check({**PLACE, **unknown})
    assert checked.failures == ()
    for key in unknown:
        assert UNKNOWN in json.dumps(checked.inputs[key])
    is_priced = not unknown.keys().isdisjoint(INSTANCE.arguments.priced)
    assert (checked.inputs["quote"] == UNKNOWN) == is_priced
    olds = resource.check(PLACE).inputs
    resource.diff(olds, machine(shared_host).check({**PLACE, **unknown}, olds).inputs)


def test_a_linked_account_is_priced_and_marked(host: Host, start_host: StartHost, simulator: Simulator) -> None:
    made = machine(host).buy({**PLACE, "shade_cloud": False})
    quote = made.outs["quote"]
    assert (quote["hourly_total"], quote["billed_by"]) == ("0.50", "your linked hyperstack account")
    assert at_vendor(simulator, made.id)["shade_cloud"] is False
    read = machine(start_host(), "chat").read(made)
    assert read.outs == made.outs
    assert endpoint(host).create(waiting(made)).outs["price_difference"] == ""
    simulator.control.advance(7200)
    (run,) = simulator.control.ledger().of(made.id)
    assert not run.amount.amount


@pytest.mark.parametrize("ready_key", ["", "the-key-of-vllm"])
def test_a_server_with_a_key_answers_by_itself(host: Host, ready_key: str) -> None:
    docker = {**DOCKER, "args": "--model a --api-key the-key-of-vllm"}
    made = machine(host).buy({**PLACE, "launch_configuration": {"docker_configuration": docker}})
    outs = endpoint(host).create(waiting(made, ready_key=ready_key)).outs
    assert outs["ready_by"] == ("answer" if ready_key else "refused")


def test_another_port_is_another_address_of_the_same_machine(host: Host) -> None:
    docker = {"docker_configuration": {"image": "x", "port_mappings": TWO}}
    made = machine(host, "two").buy({**PLACE, "launch_configuration": docker, "endpoint_port": 80})
    first = endpoint(host, "two").create(waiting(made))
    moved = waiting(made, endpoint_port=90)
    assert endpoint(host, "two").diff(first.outs, moved).changes is None
    outs = endpoint(host, "two").update(first, moved).outs
    assert (first.outs["address"][-5:], outs["address"][-5:]) == (":8000", ":9000")


def test_a_machine_that_is_only_read_has_no_secret_of_its_owners(host: Host, start_host: StartHost) -> None:
    made = machine(host).buy({**PLACE, **LAUNCHED, "envs": {"A": MARKER}, "tags": ["blue"]})
    read = machine(start_host(), "read").get(made.id, {})
    assert (read.id, read.outs["name"], read.outs["tags"]) == (made.id, "pulumi-cortecs", ["blue"])
    assert read.outs["quote"]["hourly_total"] == "0.50"
    assert MARKER not in str(read)


def test_an_error_after_active_is_kept_and_waited_for_no_more(
    host: Host, start_host: StartHost, simulator: Simulator
) -> None:
    simulator.control.fault("reclaim", seconds=3600)
    made = machine(host, "taken").buy(PLACE)
    waited = endpoint(host, "taken").create(waiting(made))
    simulator.control.advance(7200)
    later = start_host()
    assert machine(later, "taken").read(made).id == made.id
    read = endpoint(later, "taken").read(waited)
    assert read.outs["status"] == "error"
    assert endpoint(later, "taken").diff(read.outs, waiting(made)).changes is True
    machine(later, "taken").diff(made.outs, inputs_of(made), made.id)
    with pytest.raises(CallFailedError, match=r"failed: error .*up --replace"):
        endpoint(later, "taken").update(read, waiting(made))


def test_a_name_and_tags_that_were_changed_are_drift(host: Host, simulator: Simulator) -> None:
    resource, program = machine(host), {**PLACE, "name": "one", "tags": ["blue"]}
    made = resource.buy(program)
    tags = at_vendor(simulator, made.id)["tags"]
    change_at_vendor(simulator, made.id, name="two", tags=[*reversed(tags), "green"])
    read = machine(host).read(made)
    assert read.inputs is not None
    assert (read.inputs["name"], read.inputs["tags"]) == ("two", ["blue", "green"])
    up(machine(host), read, program)
    after = at_vendor(simulator, made.id)
    assert (after["name"], sorted(after["tags"])) == ("one", sorted(tags))


@pytest.mark.parametrize("gone", [False, True])
def test_a_machine_without_the_informative_fields_can_still_be_deleted(
    start_host: StartHost, simulator: Simulator, proxy: Proxy, gone: bool
) -> None:
    needed = {"id", "cloud", "region", "shade_instance_type", "status"}

    def sparse(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if answer.status != 200 or sent.method != "GET" or "types" in sent.path:
            return answer
        for row in answer.body.get("instances", [answer.body]):
            row.update(dict.fromkeys(row.keys() - needed))
            for key in row.keys() - needed if gone else ():
                del row[key]
        return answer

    host = start_host(proxy.env())
    made = machine(host, "sparse").buy({**PLACE, "spend_limit": "25 USD", "tags": ["a"]})
    proxy.rewrite = sparse
    later = machine(start_host(proxy.env()), "sparse")
    assert later.read(made).id == made.id
    later.delete(made)
    assert ids(simulator) == []


ODD_ROWS: Mapping[str, Mapping[str, Any]] = {
    "/instances": {
        "cost_estimate": 1.5,
        "ssh_port": "22",
        "hourly_price": 50.5,
        "port_mappings": [None, {"internal_port": None}],
        "tags": [None],
        "configuration": [],
        "launch_configuration": {"docker_configuration": {"port_mappings": [None, {"container_port": {}}]}},
        "boot_time": 7,
        "name": 7,
        "shade_cloud": "yes",
        "auto_delete": "x",
        "alert": [],
        "created_at": 0,
    },
    "/instances/types": {"hourly_price": None},
    "/volumes": {"cost_estimate": 1.5, "fixed_size": "yes", "mounted_by": 5, "supports_multi_mount": 1},
    "/volumes/types": {"price_per_gb_per_hour": None},
}


def test_an_odd_row_of_another_hides_no_row_of_ours(start_host: StartHost, simulator: Simulator, proxy: Proxy) -> None:
    made = machine(start_host(proxy.env()), "ours").buy(PLACE)
    with simulator.shadeform_client() as api:
        api.post("/instances/create", json={**PLACE, "name": "theirs"}).raise_for_status()

    def odd(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in next(iter(answer.body.values()))[1:] if sent.path in ODD_ROWS else ():
            row.update(ODD_ROWS[sent.path])
        return answer

    proxy.rewrite = odd
    later = machine(start_host(proxy.env()), "ours")
    assert later.read(made).outs == made.outs
    later.delete(made)
    assert len(ids(simulator)) == 1


@pytest.mark.parametrize("launch", ["x", {"docker_configuration": "x"}, {"docker_configuration": {"port_mappings": 7}}])
def test_an_odd_launch_is_a_machine_without_an_address(
    start_host: StartHost, proxy: Proxy, launch: Any, simulator: Simulator
) -> None:
    proxy.rewrite = lambda sent, pass_on: _with(pass_on(), launch_configuration=launch, hourly_price=-50)
    host = start_host(proxy.env())
    made = machine(host, "odd").buy(PLACE)
    outs = endpoint(host, "odd").create(waiting(made)).outs
    assert (outs["address"], outs["ready_by"], outs["hourly_price"]) == ("", "status", "")


@pytest.mark.parametrize(
    ("ip", "address"),
    [
        ("2001:db8::7", "http://[2001:db8::7]:8000"),
        ("[2001:db8::7]", "http://[2001:db8::7]:8000"),
        ("a.example.com", "http://a.example.com:8000"),
    ],
)
def test_an_address_is_of_version_6_or_a_name_too(start_host: StartHost, proxy: Proxy, ip: str, address: str) -> None:
    proxy.rewrite = lambda sent, pass_on: _with(pass_on(), ip=ip)
    host = start_host(proxy.env())
    made = machine(host, "six").buy({**PLACE, **LAUNCHED})
    assert endpoint(host, "six").create(waiting(made, ready="status")).outs["address"] == address


def _with(answer: Answer, **fields: Any) -> Answer:
    """An answer with other fields of each instance."""
    for row in answer.body.get("instances", [answer.body] if "status" in answer.body else []):
        row.update(fields)
    return answer


def test_an_endpoint_without_a_port_says_that_it_only_counts_the_status(host: Host) -> None:
    docker = {"docker_configuration": {"image": "x", "port_mappings": TWO}}
    made = machine(host).buy({**PLACE, "launch_configuration": docker})
    outs = endpoint(host).create(waiting(made)).outs
    assert (outs["base_url"], outs["ready_by"]) == ("", "status")


def test_an_adopted_machine_keeps_what_its_vendor_does_not_report(
    host: Host, simulator: Simulator, start_host: StartHost, engine: FakeEngine
) -> None:
    made = machine(host).buy({**PLACE, **LAUNCHED, "tags": ["blue"], "name": "one"})
    adopting = machine(start_host(engine=engine.address), "adopted")
    program = {**PLACE, **LAUNCHED, "envs": {"TOKEN": MARKER}, "adopt_id": made.id}
    adopted = adopting.buy(program)
    assert (adopted.outs["name"], adopted.outs["tags"]) == ("one", ["blue"])
    assert "Shadeform does not report" in str(engine.messages)
    assert MARKER not in f"{engine.messages}{adopted}"
    again = machine(start_host(), "adopted").check(program, inputs_of(adopted))
    assert (again.failures, again.inputs) == ((), inputs_of(adopted))
    assert machine(host).diff(adopted.outs, again.inputs, made.id).changes is False
    assert at_vendor(simulator, made.id)["name"] == "one"


def test_a_restart_that_comes_too_early_is_told_and_can_be_repeated(host: Host, simulator: Simulator) -> None:
    simulator.control.pause()
    resource, program = machine(host), {**PLACE, "restart_trigger": "again"}
    made = resource.buy(PLACE)
    news = resource.check(program, inputs_of(made)).inputs
    with pytest.raises(CallFailedError, match=r"may be billed: Shadeform answered POST .*/restart with 409: "):
        resource.update(made, news)
    simulator.control.resume()
    simulator.control.advance(60)
    asked = count(simulator, RESTART)
    assert resource.update(made, news).outs["restart_trigger"] == "again"
    assert asked() == (1,)


def test_whatever_a_program_says_check_answers_and_shows_no_secret(shared_host: Host) -> None:
    chance = random.Random(17)
    resource = machine(shared_host)

    def odd(depth: int = 0) -> Any:
        plain: list[Callable[[], Any]] = [lambda: MARKER, lambda: f"{MARKER}\n", lambda: 7.5, lambda: True, lambda: ""]
        nested: list[Callable[[], Any]] = [
            lambda: [odd(depth + 1)],
            lambda: {"name": "A", "value": odd(depth + 1)},
            lambda: {"A": odd(depth + 1)},
            lambda: UNKNOWN,
        ]
        return chance.choice(plain + nested * (depth < 3))()

    for _ in range(200):
        login = {"username": odd(), "password": odd()}
        docker = {**DOCKER, "envs": odd(), "args": odd(), "registry_credentials": login}
        script = {"script_configuration": {"script": odd()}}
        launch = chance.choice([{"docker_configuration": docker}, script, {**script, "docker_configuration": docker}])
        program = {"envs": odd(), "launch_configuration": chance.choice([launch, launch, odd()]), "ready_key": odd()}
        assert MARKER not in str(resource.check({**PLACE, **program}).failures)

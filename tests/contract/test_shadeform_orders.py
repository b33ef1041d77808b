"""Shadeform's orders: refusals are told as such, and a purchase is found again by its tag, from any machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import ids
from tests.contract.engine import FakeEngine, listening
from tests.contract.host import IMPATIENT, CallFailedError, Host, Resource
from tests.contract.machines import (
    CASE,
    CREATE,
    LAUNCHED,
    LIST,
    MARKER,
    PLACE,
    at_vendor,
    count,
    machine,
)
from tests.contract.patience import until
from tests.contract.states import FOLDER, write
from tests.contract.test_intents import kill

StartHost = Callable[..., Host]
L40 = {**PLACE, "shade_instance_type": "L40"}


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with listening() as engine:
        yield engine


@pytest.fixture
def limited(start_host: StartHost, simulator: Simulator, tmp_path: Path) -> Callable[..., Host]:
    """Starts a host under limits."""

    def start(**limits: Any) -> Host:
        file = tmp_path / "limits.json"
        file.write_text(json.dumps({"shadeform": {"allowed_base_urls": [simulator.shadeform_url], **limits}}))
        return start_host({"PULUMI_CORTECS_LIMITS": str(file)}, before=IMPATIENT)

    return start


def refused(resource: Resource, program: dict[str, Any]) -> str:
    """The text of an order that the vendor refuses."""
    checked = resource.check(program)
    assert checked.failures == ()
    with pytest.raises(CallFailedError) as failed:
        resource.create(checked.inputs)
    return str(failed.value)


CHEAPEST = (
    "massedcompute/desmoines-usa-1/A6000 at 0.57 USD/h, massedcompute/desmoines-usa-1/A6000_base at 0.57 USD/h, "
    "massedcompute/desmoines-usa-1/A6000_plus at 0.57 USD/h"
)


# -- refusals


@pytest.mark.parametrize("shown", ["out of stock", "in stock"])
def test_out_of_stock_is_told_with_what_there_is(start_host: StartHost, simulator: Simulator, shown: str) -> None:
    resource = machine(start_host(before=IMPATIENT), "chat")
    inputs = resource.check(PLACE).inputs
    if shown == "out of stock":
        simulator.control.set_shadeform_stock("hyperstack", "A6000", False)
    else:  # the list is behind
        simulator.control.fault("out_of_stock", status=409)
    asked = count(simulator, CREATE, LIST)
    with pytest.raises(CallFailedError) as failed:
        resource.create(inputs)
    text = str(failed.value)
    assert "Shadeform answered POST /instances/create with 409: Out of stock; nothing new is listed so far" in text
    assert f"hyperstack/montreal-canada-2/A6000 is out of stock; available now and allowed: {CHEAPEST}. " in text
    assert asked()[0] == 1
    assert asked()[1] <= 3
    assert ids(simulator) == []


def test_missing_funds_are_told_once_and_offer_nothing_else(host: Host, simulator: Simulator) -> None:
    simulator.control.settings(shadeform_balance="4.99")
    asked = count(simulator, CREATE)
    text = refused(machine(host), PLACE)
    simulator.control.settings(shadeform_balance="1000")
    assert "with 409: Balance must be a minimum of $5 to launch an instance; nothing new is listed so far" in text
    assert "available now" not in text
    assert asked() == (1,)


@pytest.mark.parametrize(
    ("limits", "offers"),
    [
        ({"allowed_regions": ["montreal-canada-2"]}, "A6000 at 0.50, A6000x2 at 1.00, L40x2 at 2.00"),
        (
            {"allowed_hardware": ["hyperstack/montreal-canada-2/L40x2", "hyperstack/montreal-canada-2/L40"]},
            "L40x2 at 2.00",
        ),
        (
            {"allowed_clouds": ["hyperstack"], "instance_hourly_cap": "1.50 USD"},
            "A6000 at 0.50, A6000x2 at 1.00",
        ),
    ],
)
def test_only_what_the_limits_allow_is_offered(
    limited: Callable[..., Host], simulator: Simulator, limits: dict[str, Any], offers: str
) -> None:
    simulator.control.set_shadeform_stock("hyperstack", "L40", False)
    (reason,) = machine(limited(**limits)).check(L40).reasons("shade_instance_type")
    _, _, offered = reason.partition("; available now and allowed: ")
    assert reason.startswith("hyperstack/montreal-canada-2/L40 is out of stock")
    assert offered == ", ".join(f"hyperstack/montreal-canada-2/{offer} USD/h" for offer in offers.split(", "))


def test_a_wrong_key_buys_nothing(start_host: StartHost, simulator: Simulator) -> None:
    host = start_host({"SHADEFORM_API_KEY": "not-the-key-at-all"})
    with pytest.raises(CallFailedError) as failed:
        machine(host).buy(PLACE)
    text = str(failed.value)
    assert text.startswith("nothing was bought: Shadeform answered GET /instances with 401: The key in X-API-KEY is ")
    assert "not-the-key-at-all" not in text + host.printed()


# -- answers that say nothing


def test_an_instance_that_is_listed_a_minute_late_is_bought_once(start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.fault("list_lag", seconds=60)  # one real second
    simulator.control.fault("server_error", status=409, path="/instances/create", after_side_effect=True)
    made = machine(start_host({"PULUMI_CORTECS_LIST_LAG": "1.2"}), "chat").buy(PLACE)
    assert ids(simulator) == [made.id]
    assert "inferred" not in made.outs


def test_two_stacks_with_one_name_get_one_each(start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.fault("server_error", path="/instances/create", after_side_effect=True)
    hosts = [start_host(), start_host()]
    stacks = [f"urn:pulumi:{stack}::tests::{CASE.token}::chat" for stack in ("dev", "prod")]
    with ThreadPoolExecutor(2) as pool:
        resources = [host.instance("chat", of=CASE, urn_=urn) for host, urn in zip(hosts, stacks, strict=True)]
        made = list(pool.map(lambda resource: resource.buy({**PLACE, "name": "chat"}), resources))
    assert {one.id for one in made} == set(ids(simulator))
    assert len(ids(simulator)) == 2
    assert [one.outs["purchase_labels"]["stack"] for one in made] == ["dev", "prod"]
    for one in made:
        assert f"label:stack={one.outs['purchase_labels']['stack']}" in at_vendor(simulator, one.id)["tags"]


# -- runs that were killed


@pytest.fixture
def next_host(start_host: StartHost, tmp_path: Path) -> StartHost:
    """Starts hosts that see one stack's state, each on a `machine` of its own name."""

    def start(machine: str = "here", **options: str) -> Host:
        environment = {"PULUMI_CORTECS_STATE_DIR": str(tmp_path / machine), FOLDER: str(tmp_path / "states")}
        return start_host(environment, **options)

    return start


def killed_while_it_buys(host: Host, simulator: Simulator, program: dict[str, Any]) -> str:
    """Kills the host when the vendor has made the instance and not answered; its id."""
    simulator.control.fault("slow_answer", path="/instances/create", real_seconds=20)
    resource = machine(host, "chat")
    call = host.stub.Create.future(resource.create_request(resource.check(program).inputs))
    until(lambda: len(ids(simulator)) == 1)
    kill(host)
    call.cancel()
    simulator.control.clear_faults()
    return ids(simulator)[0]


def test_a_killed_run_is_continued(next_host: StartHost, simulator: Simulator, engine: FakeEngine) -> None:
    program = {**PLACE, **LAUNCHED, "ttl": "8h", "tags": ["blue"], "labels": {"team": "a"}}
    instance_id = killed_while_it_buys(next_host(), simulator, program)
    made = machine(next_host(engine=engine.address), "chat").buy(program)
    assert [made.id] == [instance_id] == ids(simulator)
    assert at_vendor(simulator, made.id)["auto_delete"] == {"date_threshold": made.outs["expires_at"]}
    assert "is taken over: an earlier run bought it" in engine.messages[-1]
    assert MARKER not in str(engine.messages)


def test_a_changed_launch_after_a_kill_is_refused_without_a_secret(next_host: StartHost, simulator: Simulator) -> None:
    instance_id = killed_while_it_buys(next_host(), simulator, {**PLACE, **LAUNCHED})
    docker = {**LAUNCHED["launch_configuration"]["docker_configuration"], "envs": {"HF_TOKEN": f"{MARKER}-other"}}
    text = refused(machine(next_host(), "chat"), {**PLACE, "launch_configuration": {"docker_configuration": docker}})
    assert instance_id in text
    assert "it was ordered with other arguments" in text
    assert f"--delete {instance_id}" in text
    assert MARKER not in text
    assert ids(simulator) == [instance_id]


def test_a_machine_without_the_journal_finds_the_purchase_by_its_tag(
    next_host: StartHost, simulator: Simulator, tmp_path: Path, engine: FakeEngine
) -> None:
    program = {**PLACE, **LAUNCHED, "labels": {"team": "a"}}
    instance_id = killed_while_it_buys(next_host(), simulator, program)
    urn = machine(next_host(), "chat").urn
    pending = {"resource": {"urn": urn, "type": CASE.token, "inputs": PLACE}, "type": "creating"}
    write(tmp_path / "states", test=[])
    file = tmp_path / "states" / "test.json"
    export = json.loads(file.read_text())
    export["deployment"]["pending_operations"] = [pending, pending]  # the other one is this run's own
    file.write_text(json.dumps(export))
    made = machine(next_host("elsewhere", engine=engine.address), "chat").buy({**program, "labels": {"owner": "b"}})
    assert [made.id] == [instance_id] == ids(simulator)
    assert made.outs["purchase_labels"] == {"stack": "test", "project": "tests"}
    tags = [tag for tag in at_vendor(simulator, instance_id)["tags"] if tag.startswith("label:")]
    assert sorted(tags) == ["label:owner=b", "label:project=tests", "label:stack=test"]
    assert "cannot be checked" not in str(engine.messages)


@pytest.mark.parametrize(
    "later",
    [
        {"tags": ["green"]},
        {"name": "other"},
        {"alert": {}},
        {"alert": {"spend_threshold": "7.00"}, "auto_delete": {}, "name": "other", "tags": []},
        {"auto_delete": {"spend_threshold": "9.00"}},
    ],
    ids=lambda later: "-".join(later),
)
def test_what_changes_in_place_after_a_kill_is_changed(
    next_host: StartHost, simulator: Simulator, engine: FakeEngine, later: dict[str, Any]
) -> None:
    limits = {"alert": {"spend_threshold": "5.00"}, "auto_delete": {"spend_threshold": "8.00"}}
    program = {**PLACE, "name": "one", "tags": ["blue"], **limits}
    instance_id = killed_while_it_buys(next_host(), simulator, program)
    ordered = [tag for tag in at_vendor(simulator, instance_id)["tags"] if tag != "blue"]
    now = {**program, **later}
    made = machine(next_host(engine=engine.address), "chat").buy(now)
    assert [made.id] == [instance_id] == ids(simulator)
    live = at_vendor(simulator, instance_id)
    assert live["name"] == made.outs["name"] == now["name"]
    assert live["tags"] == [*now["tags"], *ordered]
    assert {key: live[key] or {} for key in limits} == {key: now[key] for key in limits}
    assert "is not what was ordered" not in str(engine.messages)


def test_what_replaces_after_a_kill_is_refused_with_what_changes_in_place(
    next_host: StartHost, simulator: Simulator
) -> None:
    instance_id = killed_while_it_buys(next_host(), simulator, {**PLACE, "name": "one"})
    assert instance_id in refused(machine(next_host(), "chat"), {**L40, "name": "other"})
    assert at_vendor(simulator, instance_id)["name"] == "one"


def test_an_instance_that_bears_another_tag_is_not_changed_after_a_kill(
    next_host: StartHost, simulator: Simulator
) -> None:
    instance_id = killed_while_it_buys(next_host(), simulator, {**PLACE, "name": "one"})
    host = next_host()
    assert machine(host, "chat").buy({**PLACE, "name": "one"}).id == instance_id
    kill(host)  # the journal has its id now, and no state
    tags = [tag.replace("order=", "order=0") for tag in at_vendor(simulator, instance_id)["tags"]]
    with simulator.shadeform_client() as api:
        api.post(f"/instances/{instance_id}/update", json={"tags": tags}).raise_for_status()
    text = refused(machine(next_host(), "chat"), {**PLACE, "name": "other"})
    assert "name: 'other' was reviewed, Shadeform reports 'one'" in text


@pytest.mark.parametrize("kind", ["out_of_stock", "insufficient_funds"])
def test_another_program_after_a_refusal_is_bought_at_once(
    next_host: StartHost, simulator: Simulator, kind: str
) -> None:
    simulator.control.fault(kind, status=409, count=1)
    refused(machine(next_host(), "chat"), PLACE)
    made = machine(next_host(), "chat").buy(L40)
    assert ids(simulator) == [made.id]


def test_a_type_without_a_price_is_not_bought(start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.set_shadeform_price("hyperstack", "A6000", 0)
    asked = count(simulator, CREATE)
    text = refused(machine(start_host(), "chat"), PLACE)
    assert text == (
        "nothing was bought: Shadeform has no price for hyperstack/montreal-canada-2/A6000, so its cost is unknown"
    )
    assert asked() == (0,)

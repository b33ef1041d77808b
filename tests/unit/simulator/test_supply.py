"""Something else than what was ordered: other arguments, or an id that was given out before."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulated import delete, list_statuses, post_order, restart, start, stop

ORDER: dict[str, Any] = {"hardware_type_id": "NVIDIA_L4_1", "num_workers": 1, "context_length": 4000}


def arguments(answer: httpx.Response) -> Any:
    return answer.raise_for_status().json()["instance"]["instance_args"]


def buy(api: httpx.Client) -> Any:
    return post_order(api, **ORDER).raise_for_status().json()["instance"]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("hardware_type_id", "NVIDIA_H100_2"),
        ("num_workers", 8),
        ("model_id", "cortecs--phi-4-FP8-Dynamic"),
        ("context_length", 100),
        ("billing_interval", "per_hour"),
    ],
)
def test_what_comes_differs_from_the_order(argument: str, value: Any, sim: Simulator, api: httpx.Client) -> None:
    plain = buy(api)["instance_args"]
    sim.control.fault("other_argument", count=1, argument=argument, value=value)
    answered = buy(api)
    assert answered["instance_args"] == {**plain, argument: value}
    (row,) = (
        instance
        for instance in api.get("/instances").json()["instances"]
        if instance["instance_id"] == answered["instance_id"]
    )
    assert row["instance_args"] == answered["instance_args"]
    assert buy(api)["instance_args"] == plain


@pytest.mark.parametrize(
    "argument", ["hardware_type_id", "num_workers", "model_id", "context_length", "billing_interval"]
)
def test_without_a_value_it_is_some_other_one(argument: str, sim: Simulator, api: httpx.Client) -> None:
    plain = buy(api)["instance_args"]
    sim.control.fault("other_argument", argument=argument)
    first, second = buy(api)["instance_args"], buy(api)["instance_args"]
    assert first == second == {**plain, argument: first[argument]}
    assert first[argument] != plain[argument]


def test_what_came_is_billed(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("other_argument", value="NVIDIA_L4_2")
    sim.control.fault("other_argument", argument="num_workers", value=3)
    buy(api)
    (run,) = sim.control.ledger().entries
    assert (run.hardware_type_id, run.num_workers) == ("NVIDIA_L4_2", 3)


def test_a_restart_may_bring_other_hardware_as_well(sim: Simulator, api: httpx.Client) -> None:
    instance_id = buy(api)["instance_id"]
    stop(api, instance_id)
    sim.control.fault("other_argument", path="/instances/restart", value="NVIDIA_L4_2")
    assert arguments(restart(api, instance_id))["hardware_type_id"] == "NVIDIA_L4_2"
    assert [run.hardware_type_id for run in sim.control.ledger().entries] == ["NVIDIA_L4_1", "NVIDIA_L4_2"]


def test_hardware_that_the_market_does_not_have_is_named(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("other_argument", value="ABACUS")
    answer = post_order(api)
    assert (answer.status_code, "ABACUS" in answer.json()["error"]) == (500, True)
    assert sim.control.instances() == ()


def test_a_new_instance_gets_the_id_of_the_latest_deleted_one(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("reused_id", count=1)
    earlier, latest = start(api), start(api)
    for instance_id in (earlier, latest):
        stop(api, instance_id)
        delete(api, instance_id)
    assert start(api) == latest
    assert start(api) not in (earlier, latest)
    assert latest in list_statuses(api)
    assert [run.ended_at is None for run in sim.control.ledger().of(latest)] == [False, True]


def test_a_deletion_that_shows_late_does_not_hide_who_has_the_id_now(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("delete_lag", seconds=60, by_id=True)
    sim.control.fault("reused_id")
    instance_id = start(api)
    stop(api, instance_id)
    delete(api, instance_id)
    assert list_statuses(api) == {instance_id: "stopped"}
    assert start(api) == instance_id
    assert list_statuses(api) == {instance_id: "pending"}


def test_no_account_gets_another_accounts_id(sim: Simulator, api: httpx.Client) -> None:
    sim.control.register("other", "secret")
    with sim.client("other", "secret") as other:
        theirs = start(other)
        for of in ("existing", "deleted"):
            sim.control.fault("reused_id", of=of)
        assert start(api) != theirs
        stop(other, theirs)
        delete(other, theirs)
    assert len(sim.control.instances()) == 1


def test_an_answer_names_an_existing_instance_and_one_more_is_billed(sim: Simulator, api: httpx.Client) -> None:
    first = start(api)
    sim.control.fault("reused_id", count=1, of="existing")
    assert start(api) == first
    assert len(list_statuses(api)) == len(sim.control.ledger().open) == 2


def test_an_answer_names_an_existing_instance_and_nothing_was_bought(sim: Simulator, api: httpx.Client) -> None:
    first = start(api)
    sim.control.fault("reused_id", count=1, of="existing", makes=False)
    assert start(api) == first
    assert list(list_statuses(api)) == [first]
    assert len(sim.control.ledger().open) == 1


def test_the_first_instance_has_an_id_of_its_own_and_the_fault_waits(sim: Simulator, api: httpx.Client) -> None:
    fault = sim.control.fault("reused_id", of="existing", makes=False)
    start(api)
    assert sim.control.faults() == {fault: 0}

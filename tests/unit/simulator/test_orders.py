"""Orders that a good client may still not get: stock, funds, quota."""

from __future__ import annotations

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulated import QWEN, list_statuses, post_order, restart, start, status_by_id, stop

OTHER = "cortecs--phi-4-FP8-Dynamic"


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("out_of_stock", 400, "NVIDIA_L4_1"),
        ("insufficient_funds", 402, "balance"),
        ("quota_exceeded", 403, "quota of 0 workers"),
    ],
)
def test_a_refused_order_buys_nothing_and_says_why(
    kind: str, code: int, message: str, sim: Simulator, api: httpx.Client
) -> None:
    sim.control.fault(kind, count=1)
    answer = post_order(api)
    assert (answer.status_code, list(answer.json())) == (code, ["error"])
    assert message in answer.json()["error"]
    assert sim.control.instances() == ()
    assert sim.control.ledger().entries == ()
    start(api)


@pytest.mark.parametrize("kind", ["out_of_stock", "insufficient_funds", "quota_exceeded"])
def test_the_status_of_a_refused_order_is_a_parameter(kind: str, sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault(kind, status=409)
    assert post_order(api).status_code == 409


@pytest.mark.parametrize("kind", ["out_of_stock", "insufficient_funds", "quota_exceeded"])
def test_a_restart_can_be_refused_and_stays_stopped(kind: str, sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    stop(api, instance_id)
    sim.control.fault(kind, path="/instances/restart", count=1)
    assert restart(api, instance_id).status_code >= 400
    assert list_statuses(api) == {instance_id: "stopped"}
    assert sim.control.ledger().open == ()
    assert restart(api, instance_id).status_code == 200


def test_an_order_that_is_wrong_anyway_uses_no_fault_up(sim: Simulator, api: httpx.Client) -> None:
    fault = sim.control.fault("out_of_stock", count=1)
    assert post_order(api, num_workers=99).status_code == 400
    assert sim.control.faults() == {fault: 0}


def test_stock_runs_out_between_the_look_and_the_order(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("out_of_stock", model_id=QWEN)
    available = [
        hardware_type["hardware_type_id"]
        for hardware_type in api.get("/hardware-types/available").json()["hardware_types"]
    ]
    assert "NVIDIA_L4_1" in available
    assert post_order(api).status_code == 400
    assert post_order(api, model_id=OTHER).status_code == 200


def test_a_quota_counts_the_workers_that_are_not_stopped(sim: Simulator, api: httpx.Client) -> None:
    sim.control.register("acme", "s")
    with sim.client("acme", "s") as acme:
        start(acme, num_workers=8)
    sim.control.fault("quota_exceeded", limit=3)
    first = start(api, num_workers=2)
    assert post_order(api, num_workers=2).status_code == 403
    second = start(api)
    assert post_order(api).status_code == 403
    stop(api, first)
    assert restart(api, first).status_code == 200
    stop(api, second)
    start(api)


def test_an_empty_balance_refuses_orders_when_the_knob_says_so(sim: Simulator, api: httpx.Client) -> None:
    sim.control.settings(initial_balance="0.02", empty_balance_status=402)
    first = start(api)
    second = start(api)
    stop(api, second)
    sim.control.advance(60)
    assert api.get("/user/balance").json()["current_balance"] == 0
    refused = post_order(api)
    assert (refused.status_code, "0.00 EUR" in refused.json()["error"]) == (402, True)
    assert restart(api, second).status_code == 402
    assert status_by_id(api, first) == "running"
    sim.control.settings(initial_balance="0.03")
    start(api)


def test_only_the_account_that_is_empty_is_refused(sim: Simulator, api: httpx.Client) -> None:
    sim.control.settings(initial_balance="0.02", empty_balance_status=402)
    start(api)
    sim.control.advance(60)
    assert post_order(api).status_code == 402
    sim.control.register("acme", "s")
    with sim.client("acme", "s") as acme:
        assert post_order(acme).status_code == 200


def test_unless_the_knob_is_turned_a_balance_goes_below_zero(sim: Simulator, api: httpx.Client) -> None:
    sim.control.settings(initial_balance="0")
    start(api)
    sim.control.advance(60)
    start(api)
    assert api.get("/user/balance").json()["current_balance"] < 0

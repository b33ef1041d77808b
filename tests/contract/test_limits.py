"""The second line: what the machine's limits refuse is not bought, started or adopted, whatever came before; and what
runs, stops or ends never asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids, machine_limits
from tests.contract.engine import listening
from tests.contract.host import IMPATIENT, UNKNOWN, CallFailedError, Checked, Host, Made

START = "POST /api/v1/instances/start"
RESTART = "POST /api/v1/instances/restart"
L4_ONLY = {"allowed_hardware": ["NVIDIA_L4_1", "NVIDIA_L4_2"]}
CAP = {"instance_hourly_cap": "2.00 EUR"}
CEILING = {"account_hourly_ceiling": "3.00 EUR"}
TWO_WORKERS = {
    **INPUTS,
    "num_workers": 2,
    "quote": {**INPUTS["quote"], "hourly_total": "2.40"},
}
Limited = Callable[..., Host]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits.json"


@pytest.fixture
def limited(start_host: Callable[..., Host], path: Path, simulator: Simulator) -> Limited:
    """Starts a host under limits, given as Python or as text."""

    def start(limits: Any, options: Mapping[str, str] = MappingProxyType({}), **environment: str) -> Host:
        path.write_text(limits if isinstance(limits, str) else machine_limits(simulator, **limits), encoding="utf-8")
        return start_host({"PULUMI_CORTECS_LIMITS": str(path), **environment}, before=IMPATIENT, **options)

    return start


def refusals(checked: Checked) -> str:
    assert checked.failures
    return "; ".join(reason for _, reason in checked.failures)


def refused_create(host: Host, inputs: dict[str, Any], simulator: Simulator) -> str:
    """Returns the reason why a create was refused without a request that buys."""
    before = simulator.control.requests().count(START), len(simulator.control.ledger().entries)
    with pytest.raises(CallFailedError, match=r"^nothing was bought: ") as refused:
        host.instance().create(inputs)
    assert (simulator.control.requests().count(START), len(simulator.control.ledger().entries)) == before
    return str(refused.value)


def test_a_disallowed_purchase_is_refused_in_the_plan_and_at_the_purchase(
    limited: Limited, simulator: Simulator
) -> None:
    host = limited({**L4_ONLY, "allowed_models": [QWEN]})
    checked = host.instance().check({"model_id": QWEN, "hardware_type_id": "NVIDIA_L40S_1"})
    (reason,) = checked.reasons("hardware_type_id")
    assert "NVIDIA_L40S_1 is not allowed by " in reason
    assert reason.endswith("limits.json, which allows NVIDIA_L4_1, NVIDIA_L4_2")
    other = host.instance().check({"model_id": "cortecs/phi-4-FP8-Dynamic", "hardware_type_id": UNKNOWN})
    (reason,) = other.reasons("model_id")
    assert reason.endswith("which allows Qwen--Qwen2-7B-Instruct")
    # a policy's remediation, a forged plan, a file that was tightened after the preview
    assert "is not allowed" in refused_create(
        host, {**INPUTS, "hardware_type_id": "NVIDIA_L40S_1", "price_tolerance": 1000}, simulator
    )
    assert host.instance().buy({"model_id": QWEN}).id in ids(simulator)


def test_the_cap_counts_all_workers_at_todays_price_not_the_quotes(limited: Limited, simulator: Simulator) -> None:
    host = limited(CAP)
    reasons = refusals(host.instance().check({"model_id": QWEN, "num_workers": 2}))
    assert "the instance costs 2.40 EUR/h, and the cap per instance is 2.00 EUR" in reasons
    assert reasons.endswith("exceeded by 0.40 EUR")
    for total in ("0.50", "1.20", "2.40"):
        inputs = {**TWO_WORKERS, "quote": {**INPUTS["quote"], "hourly_total": total}, "price_tolerance": 1000}
        assert "exceeded by 0.40 EUR" in refused_create(host, inputs, simulator)
    assert "no price was shown" in refused_create(host, {**TWO_WORKERS, "quote": {}}, simulator)
    assert host.instance().check({"model_id": QWEN}).failures == ()


def test_a_cap_in_another_currency_refuses(limited: Limited, simulator: Simulator) -> None:
    host = limited({"instance_hourly_cap": "100.00 USD"})
    assert "not the same currency" in refusals(host.instance().check({"model_id": QWEN}))
    assert "not the same currency" in refused_create(host, INPUTS, simulator)


def test_the_ceiling_counts_what_the_account_runs_whoever_bought_it(limited: Limited, simulator: Simulator) -> None:
    bought(simulator)
    simulator.control.stop(bought(simulator, num_workers=8).id)  # costs nothing
    host = limited(CEILING)
    host.instance().buy({"model_id": QWEN})
    reasons = refusals(host.instance().check({"model_id": QWEN}))
    assert "the account would cost 3.60 EUR/h" in reasons
    assert reasons.endswith("exceeded by 0.60 EUR")
    assert "exceeded by 0.60 EUR" in refused_create(host, INPUTS, simulator)


def test_the_ceiling_sees_through_a_list_that_lags(limited: Limited, simulator: Simulator) -> None:
    simulator.control.fault("list_lag", count=1, seconds=1200)  # twenty real seconds
    host = limited(CEILING, PULUMI_CORTECS_LIST_LAG="30")
    host.instance().create(INPUTS)
    bought(simulator)  # a foreign one, which shows at once and is not taken for ours
    message = refused_create(host, INPUTS, simulator)
    assert "1.20 EUR for what it runs, 1.20 EUR for what was just ordered, 1.20 EUR for this instance" in message


def test_sixty_four_at_once_do_not_overshoot(limited: Limited, simulator: Simulator) -> None:
    host = limited({"account_hourly_ceiling": "12.00 EUR"})
    host.configure({})  # widens the pool

    def one(_: int) -> str:
        try:
            return host.instance().create(INPUTS).id
        except CallFailedError as error:
            return str(error)

    with ThreadPoolExecutor(64) as pool:
        outcomes = list(pool.map(one, range(64)))
    assert len(set(outcomes) & set(ids(simulator))) == 10
    assert sum("the ceiling of the account is 12.00 EUR" in outcome for outcome in outcomes) == 54
    assert len(ids(simulator)) == 10


def test_an_unusable_ledger_is_reported_once_and_stops_no_purchase(
    limited: Limited, simulator: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "machine" / "ledger.sqlite3").mkdir(parents=True)
    with listening() as engine:
        host = limited({"account_hourly_ceiling": "2.40 EUR"}, {"engine": engine.address, "machine": str(tmp_path)})
        made = [host.instance().create(INPUTS) for _ in range(2)]
        assert "exceeded by 1.20 EUR" in refused_create(host, INPUTS, simulator)
        host.instance().delete(made[0])
        host.instance().create(INPUTS)
        (warning,) = engine.messages
    assert "ledger.sqlite3 cannot be used" in warning
    assert "this process sends its orders one at a time" in warning


def test_what_two_processes_buy_at_once_is_counted_by_both(
    limited: Limited, simulator: Simulator, tmp_path: Path
) -> None:
    simulator.control.fault("list_lag", count=2, seconds=1200)
    one, other = (limited(CEILING, {"machine": str(tmp_path)}) for _ in range(2))
    made = one.instance().create(INPUTS)
    other.instance().create(INPUTS)
    message = refused_create(one, INPUTS, simulator)
    assert "2.40 EUR for what was just ordered" in message
    assert "2.40 EUR for what was just ordered" in refusals(other.instance().check({"model_id": QWEN}))
    one.instance().delete(made)  # its room is free at once, for the other as well
    assert other.instance().create(INPUTS).id in ids(simulator)


def test_what_cannot_be_priced_leaves_no_room(limited: Limited, simulator: Simulator) -> None:
    odd = bought(simulator, hardware_type_id="NVIDIA_L40S_1")
    simulator.control.withdraw_hardware("NVIDIA_L40S_1")
    host = limited({"account_hourly_ceiling": "1000.00 EUR"})
    assert f"have no price: {odd.id}" in refused_create(host, INPUTS, simulator)
    simulator.control.stop(odd.id)
    assert host.instance().create(INPUTS).id


def test_without_credentials_the_plan_says_what_it_can_and_up_refuses(limited: Limited) -> None:
    host = limited({**CAP, **CEILING}, CORTECS_CLIENT_ID="", CORTECS_CLIENT_SECRET="")
    assert "the cap per instance" in refusals(host.instance().check({"model_id": QWEN, "num_workers": 2}))
    assert host.instance().check({"model_id": QWEN}).failures == ()
    with pytest.raises(CallFailedError, match="nothing was bought: no Cortecs credentials"):
        host.instance().create(INPUTS)


def test_a_stopped_instance_is_not_started_beyond_the_limits(
    limited: Limited, path: Path, simulator: Simulator
) -> None:
    made = bought(simulator, num_workers=2)
    simulator.control.stop(made.id)
    host = limited(CAP)
    stopped = {**TWO_WORKERS, "state": "stopped"}
    news = {"model_id": QWEN, "num_workers": 2, "state": "running"}
    assert "exceeded by 0.40 EUR" in refusals(host.instance().check(news, stopped))
    with pytest.raises(CallFailedError, match=f"{made.id} was not started: the instance costs 2.40 EUR/h"):
        host.instance().update(Made(made.id, {**made.outs, "state": "stopped"}), TWO_WORKERS)
    assert simulator.control.requests().count(RESTART) == 0
    path.write_text(machine_limits(simulator, account_hourly_ceiling="2.40 EUR"))
    host.instance().update(Made(made.id, {**made.outs, "state": "stopped"}), TWO_WORKERS)
    assert simulator.control.requests().count(RESTART) == 1
    assert "exceeded by 1.20 EUR" in refused_create(host, INPUTS, simulator)


def test_a_forbidden_instance_is_not_adopted(limited: Limited, path: Path, simulator: Simulator) -> None:
    big = bought(simulator, hardware_type_id="NVIDIA_L40S_1", num_workers=2)
    host = limited(L4_ONLY)
    adopting = {"model_id": QWEN, "adopt_id": big.id}
    assert "NVIDIA_L40S_1 is not allowed" in refusals(host.instance().check(adopting))
    inputs = {**TWO_WORKERS, "hardware_type_id": "NVIDIA_L40S_1", "adopt_id": big.id}
    assert "NVIDIA_L40S_1 is not allowed" in refused_create(host, inputs, simulator)
    path.write_text(machine_limits(simulator, instance_hourly_cap="4.00 EUR"))
    assert "the instance costs 4.20 EUR" in refusals(host.instance().check(adopting))
    path.write_text(machine_limits(simulator, account_hourly_ceiling="4.00 EUR"))
    assert "4.20 EUR for what it runs" in refusals(host.instance().check(adopting))
    assert "4.20 EUR for what it runs" in refused_create(host, inputs, simulator)
    path.write_text(machine_limits(simulator, account_hourly_ceiling="4.20 EUR"))  # it is counted once
    resource = host.instance()
    checked = resource.check(adopting)
    assert checked.failures == ()
    assert resource.create(checked.inputs).id == big.id


def test_a_replacement_is_refused_before_anything_is_deleted(
    limited: Limited, path: Path, simulator: Simulator
) -> None:
    made = bought(simulator)
    host = limited({"instance_hourly_cap": "10.00 EUR"})
    resource = host.instance()
    news = {"model_id": QWEN, "num_workers": 2}
    first = resource.check(news, INPUTS)
    assert first.failures == ()
    resource.diff(made.outs, first.inputs, made.id)
    path.write_text(machine_limits(simulator, instance_hourly_cap="2.00 EUR"))
    # the engine's second check comes before it deletes, with delete_before_replace as well
    assert "exceeded by 0.40 EUR" in refusals(resource.check(news))
    forced = host.instance()  # replace_on_changes: the first check finds no change of the purchase
    path.write_text("broken")
    kept = forced.check({"model_id": QWEN}, INPUTS)
    assert kept.failures == ()
    forced.diff(made.outs, kept.inputs, made.id)
    with pytest.raises(CallFailedError, match=r"limits\.json: is not valid JSON"):
        forced.check({"model_id": QWEN})
    assert ids(simulator) == [made.id]


@pytest.mark.parametrize(
    "limits",
    [
        "",
        "{}",
        '{"cortecs": {"instance_hourly_cap": 5.0}}',
        '{"cortecs": {"instance_hourly_caps": "5.00 EUR"}}',
        '{"somewhere": {"instance_hourly_cap": "5.00 EUR"}}',
    ],
)
def test_limits_that_nobody_understands_refuse(limited: Limited, simulator: Simulator, limits: str) -> None:
    host = limited(limits)
    with pytest.raises(CallFailedError, match="the purchase cannot be checked, so nothing was bought or changed"):
        host.instance().check({"model_id": QWEN})
    assert "limits.json" in refused_create(host, INPUTS, simulator)


@pytest.mark.parametrize("named", ["", "limits.json", "/nonexistent/limits.json"])
def test_a_variable_that_names_no_file_refuses(
    start_host: Callable[..., Host], simulator: Simulator, named: str
) -> None:
    host = start_host({"PULUMI_CORTECS_LIMITS": named})
    with pytest.raises(CallFailedError, match="cannot be checked"):
        host.instance().check({"model_id": QWEN})
    refused_create(host, INPUTS, simulator)


@pytest.mark.parametrize("limits", [{"allowed_hardware": []}, {"account_hourly_ceiling": "0 EUR"}, "broken"])
def test_what_runs_and_what_ends_asks_for_no_limits(limited: Limited, simulator: Simulator, limits: Any) -> None:
    made = bought(simulator)
    host = limited(limits)
    resource = host.instance()
    news = {"model_id": QWEN}
    assert resource.check(news, INPUTS) == Checked(INPUTS, ())
    assert resource.check({**news, "ttl": "8h"}, INPUTS).failures == ()
    assert resource.diff(made.outs, INPUTS).changes is False
    assert resource.read(made).inputs == INPUTS
    assert resource.update(made, {**INPUTS, "restart_trigger": "now"}).id == made.id
    assert resource.check({**news, "state": "stopped"}, INPUTS).failures == ()
    stopped = resource.update(made, {**INPUTS, "state": "stopped"})
    assert simulator.control.ledger().open == ()
    resource.delete(stopped)
    assert ids(simulator) == []

"""Check is a fixpoint: what was settled once stays, and the market is not even asked, until what is bought changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.host import UNKNOWN, Checked, Host

QWEN, QWEN_ID = "Qwen/Qwen2-7B-Instruct", "Qwen--Qwen2-7B-Instruct"
LLAMA, LLAMA_ID = "neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8", "neuralmagic--Meta-Llama-3.1-8B-Instruct-FP8"
LLAMA_70B = "neuralmagic/Meta-Llama-3.1-70B-Instruct-FP8"
NEMO = "neuralmagic/Mistral-Nemo-Instruct-2407-FP8"

StartHost = Callable[..., Host]
Settled = Callable[[dict[str, Any]], dict[str, Any]]
CheckAnew = Callable[..., tuple[Checked, int]]


@pytest.fixture
def settled(shared_host: Host) -> Settled:
    """The inputs of an instance that an earlier `up` has made."""

    def inputs(news: dict[str, Any]) -> dict[str, Any]:
        return shared_host.instance().check(news).inputs

    return inputs


@pytest.fixture
def check_anew(start_host: StartHost, simulator: Simulator) -> CheckAnew:
    """A check in a process that has not asked the market yet, and how many requests it cost."""

    def check(news: dict[str, Any], olds: dict[str, Any], **environment: str) -> tuple[Checked, int]:
        host, before = start_host(environment), _requests(simulator)
        return host.instance("chat").check(news, olds), _requests(simulator) - before

    return check


def _requests(simulator: Simulator) -> int:
    return sum(simulator.control.requests().counts.values())


EVENTS: dict[str, Callable[[Simulator], None]] = {
    "nothing happens": lambda simulator: None,
    "the price moves": lambda simulator: simulator.control.reprice("NVIDIA_L4_1", "2.40"),
    "other hardware is recommended": lambda simulator: simulator.control.recommend(QWEN_ID, "NVIDIA_L40S_1"),
    "the hardware is out of stock": lambda simulator: simulator.control.set_available("NVIDIA_L4_1", False),
    "the hardware is withdrawn": lambda simulator: simulator.control.withdraw_hardware("NVIDIA_L4_1"),
    "the model is withdrawn": lambda simulator: simulator.control.withdraw_model(QWEN_ID),
    "every answer is an error": lambda simulator: simulator.control.fault("server_error") and None,
}
PROGRAMS: dict[str, dict[str, Any]] = {
    "little said": {"model_id": QWEN},
    "all said": {
        "model_id": QWEN_ID,
        "hardware_type_id": "NVIDIA_L4_1",
        "context_length": 32000,
        "billing_interval": "per_minute",
        "num_workers": 1,
        "state": "running",
    },
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("event", EVENTS)
def test_nothing_that_happens_to_the_market_touches_what_runs(
    settled: Settled, check_anew: CheckAnew, simulator: Simulator, event: str, program: str
) -> None:
    news = PROGRAMS[program]
    first = settled(news)
    EVENTS[event](simulator)
    again, requests = check_anew(news, first)
    assert (again.inputs, again.failures) == (first, ())
    assert requests == 0


def test_a_market_that_cannot_be_reached_does_not_touch_what_runs(
    settled: Settled,
    check_anew: CheckAnew,
) -> None:
    first = settled({"model_id": QWEN})
    again, _ = check_anew({"model_id": QWEN}, first, CORTECS_API_BASE_URL="http://127.0.0.1:1/api/v1")
    assert (again.inputs, again.failures) == (first, ())


def test_stopping_and_restarting_ask_the_market_nothing(settled: Settled, check_anew: CheckAnew) -> None:
    first = settled({"model_id": QWEN})
    news = {"model_id": QWEN, "state": "stopped", "restart_trigger": "now"}
    stopped, requests = check_anew(news, first)
    assert stopped.inputs == {**first, "state": "stopped", "restart_trigger": "now"}
    assert requests == 0


def test_starting_again_is_quoted_anew(settled: Settled, check_anew: CheckAnew, simulator: Simulator) -> None:
    first = settled({"model_id": QWEN})
    simulator.control.reprice("NVIDIA_L4_1", "2.40")
    started, requests = check_anew({"model_id": QWEN}, {**first, "state": "stopped"})
    assert requests > 0
    assert started.inputs["quote"]["hourly_total"] == "2.40"
    assert {**started.inputs, "quote": None} == {**first, "quote": None}


def test_starting_again_on_withdrawn_hardware_is_refused(
    settled: Settled, check_anew: CheckAnew, simulator: Simulator
) -> None:
    first = settled({"model_id": QWEN})
    simulator.control.withdraw_hardware("NVIDIA_L4_1")
    started, _ = check_anew({"model_id": QWEN}, {**first, "state": "stopped"})
    (reason,) = started.reasons("hardware_type_id")
    assert "no hardware type 'NVIDIA_L4_1'" in reason


@pytest.mark.parametrize(
    ("change", "hourly"),
    [
        ({"num_workers": 2}, "4.80"),
        ({"billing_interval": "per_hour"}, "2.40"),
        ({"context_length": 16000}, "2.40"),
        ({"hardware_type_id": "NVIDIA_L4_2"}, "2.40"),
        ({"model_id": LLAMA}, "2.40"),
    ],
)
def test_a_changed_purchase_is_quoted_anew(
    settled: Settled, check_anew: CheckAnew, simulator: Simulator, change: dict[str, Any], hourly: str
) -> None:
    first = settled({"model_id": QWEN})
    assert first["quote"]["hourly_total"] == "1.20"
    simulator.control.reprice("NVIDIA_L4_1", "2.40")
    changed, requests = check_anew({"model_id": QWEN, **change}, first)
    assert requests > 0
    assert changed.inputs["quote"]["hourly_total"] == hourly
    assert changed.failures == ()


def test_hardware_and_context_once_given_are_kept_when_left_out(settled: Settled, check_anew: CheckAnew) -> None:
    first = settled({"model_id": QWEN, "hardware_type_id": "NVIDIA_L40S_1", "context_length": 4096})
    again, requests = check_anew({"model_id": QWEN}, first)
    assert again.inputs == first
    assert requests == 0


def test_hardware_and_context_are_kept_for_a_new_model_that_they_fit(
    settled: Settled, check_anew: CheckAnew, simulator: Simulator
) -> None:
    first = settled({"model_id": QWEN, "context_length": 4096})
    simulator.control.recommend(LLAMA_ID, "NVIDIA_H100_1")
    changed, _ = check_anew({"model_id": LLAMA}, first)
    assert changed.failures == ()
    assert (changed.inputs["hardware_type_id"], changed.inputs["context_length"]) == ("NVIDIA_L4_1", 4096)


def test_hardware_that_does_not_fit_the_new_model_is_recommended_anew(settled: Settled, shared_host: Host) -> None:
    first = settled({"model_id": QWEN})
    changed = shared_host.instance().check({"model_id": LLAMA_70B}, first)
    assert changed.failures == ()
    assert (changed.inputs["hardware_type_id"], changed.inputs["context_length"]) == ("NVIDIA_H100_2", 32000)


def test_a_context_that_does_not_fit_the_new_model_is_cut_to_its_limit(settled: Settled, shared_host: Host) -> None:
    first = settled({"model_id": QWEN, "context_length": 32768})
    changed = shared_host.instance().check({"model_id": NEMO}, first)
    assert changed.failures == ()
    assert (changed.inputs["hardware_type_id"], changed.inputs["context_length"]) == ("NVIDIA_L4_1", 16384)


@pytest.mark.parametrize(
    ("key", "value", "fallback"), [("billing_interval", "per_hour", "per_minute"), ("num_workers", 3, 1)]
)
def test_billing_and_workers_fall_back_when_left_out(
    settled: Settled, shared_host: Host, key: str, value: Any, fallback: Any
) -> None:
    first = settled({"model_id": QWEN, key: value})
    again = shared_host.instance().check({"model_id": QWEN}, first)
    assert again.inputs[key] == fallback
    assert again.inputs["quote"]["hourly_total"] == "1.20"


def test_a_restart_trigger_that_is_left_out_is_none(settled: Settled, check_anew: CheckAnew) -> None:
    first = settled({"model_id": QWEN, "restart_trigger": "one"})
    again, requests = check_anew({"model_id": QWEN}, first)
    assert again.inputs["restart_trigger"] == ""
    assert requests == 2  # that is a restart, too: can the hardware be had again?


@pytest.mark.parametrize("gone", ["withdrawn", "out of stock"])
def test_a_restart_on_unavailable_hardware_is_refused_before_any_stop(
    settled: Settled, check_anew: CheckAnew, simulator: Simulator, gone: str
) -> None:
    first = settled({"model_id": QWEN})
    if gone == "withdrawn":
        simulator.control.withdraw_hardware("NVIDIA_L4_1")
    else:
        simulator.control.set_available("NVIDIA_L4_1", False)
    again, _ = check_anew({"model_id": QWEN, "restart_trigger": "now"}, first)
    assert [name for name, _ in again.failures] == ["hardware_type_id"]
    quiet, requests = check_anew({"model_id": QWEN, "ttl": "8h"}, first)
    assert (quiet.failures, requests) == ((), 0)


def test_a_quote_that_ignore_changes_holds_on_to_is_no_argument(settled: Settled, shared_host: Host) -> None:
    first = settled({"model_id": QWEN})
    ignoring = {"model_id": QWEN, "quote": first["quote"]}
    assert shared_host.instance().check(ignoring, first) == Checked(first, ())


CHANGES: dict[str, Any] = {
    "model_id": LLAMA,
    "hardware_type_id": "NVIDIA_L40S_1",
    "context_length": 4096,
    "billing_interval": "per_hour",
    "num_workers": 2,
}


@pytest.mark.parametrize("before", ["running", "stopped"])
@pytest.mark.parametrize("key", CHANGES)
def test_a_stopped_instance_is_not_replaced(shared_host: Host, key: str, before: str) -> None:
    resource = shared_host.instance()
    olds = {**resource.check({"model_id": QWEN}).inputs, "state": before}
    checked = resource.check({"model_id": QWEN, key: CHANGES[key], "state": "stopped"}, olds)
    (reason,) = checked.reasons(key)
    assert "a stopped instance cannot be replaced" in reason
    assert len(checked.failures) == 1


@pytest.mark.parametrize("key", CHANGES)
def test_whether_a_stopped_instance_would_be_replaced_waits_for_an_unknown(shared_host: Host, key: str) -> None:
    resource = shared_host.instance()
    olds = {**resource.check({"model_id": QWEN}).inputs, "state": "stopped"}
    assert resource.check({"model_id": QWEN, key: UNKNOWN, "state": "stopped"}, olds).failures == ()


def test_an_unknown_does_not_hide_the_replacement_of_a_stopped_instance(shared_host: Host) -> None:
    resource = shared_host.instance()
    olds = {**resource.check({"model_id": QWEN}).inputs, "state": "stopped"}
    news = {"model_id": QWEN, "hardware_type_id": UNKNOWN, "num_workers": 2, "state": "stopped"}
    assert [name for name, _ in resource.check(news, olds).failures] == ["num_workers"]


def test_an_instance_may_be_started_and_replaced_in_one_go(shared_host: Host) -> None:
    resource = shared_host.instance()
    olds = {**resource.check({"model_id": QWEN}).inputs, "state": "stopped"}
    assert resource.check({"model_id": QWEN, "num_workers": 2}, olds).failures == ()


def test_a_refused_change_leaves_no_trace_in_the_next_check(shared_host: Host) -> None:
    resource = shared_host.instance()
    first = resource.check({"model_id": QWEN})
    assert resource.check({"model_id": QWEN, "num_workers": 9}, first.inputs).failures != ()
    assert resource.check({"model_id": QWEN}, first.inputs) == first

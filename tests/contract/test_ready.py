"""Ready means answered, with the provider's own process and the simulator's faults over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids
from tests.contract.engine import FakeEngine
from tests.contract.host import CallFailedError, Host, Made

StartHost = Callable[..., Host]
KEY = "the-key-of-the-instance"


def _wanted(made: Made, **inputs: Any) -> dict[str, Any]:
    return {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20, **inputs}


def test_an_instance_that_answers_later_is_waited_for(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("not_answering", seconds=120)  # two real seconds
    made = bought(simulator)
    outs = host.endpoint().create(_wanted(made)).outs
    assert outs["ready_by"] == "answer"
    # one at least before it answered; the pauses are tested with a clock (tests/unit/lifecycle/test_readiness.py)
    assert simulator.control.requests().count("GET /serve/{instance_id}/v1/models") >= 2


@pytest.mark.parametrize("on_timeout", ["keep", "delete"])
def test_a_dead_container_is_not_ready_whatever_the_vendor_says(
    host: Host, simulator: Simulator, on_timeout: str
) -> None:
    simulator.control.fault("not_answering", seconds=-1)
    made = bought(simulator)
    endpoint = host.endpoint(made.id)
    host.instance(made.id).diff(made.outs, INPUTS, made.id)
    with pytest.raises(CallFailedError) as failed:
        endpoint.create(_wanted(made, ready_timeout=1, on_timeout=on_timeout))
    assert "last seen: running, but it does not answer yet: GET " in str(failed.value.text)
    assert "is answered with 503" in str(failed.value.text)
    assert ids(simulator) == ([made.id] if on_timeout == "keep" else [])


def test_a_gateway_without_a_key_leaves_it_to_the_status_with_a_warning(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    simulator.control.settings(inference_key=KEY)
    made = bought(simulator)
    outs = start_host(engine=engine.address).endpoint().create(_wanted(made)).outs
    assert outs["ready_by"] == "status"
    (warning,) = [message for message in engine.messages if "counts as ready" in message]
    assert warning.startswith(f"{made.id} counts as ready by Cortecs' status alone: GET {outs['base_url']}/models ")
    assert "Set ready_key" in warning


def test_with_its_key_an_instance_behind_a_gateway_is_asked_itself(host: Host, simulator: Simulator) -> None:
    simulator.control.settings(inference_key=KEY)
    simulator.control.fault("not_answering", seconds=30)
    assert host.endpoint().create(_wanted(bought(simulator), ready_key=KEY)).outs["ready_by"] == "answer"


def test_a_wrong_key_is_no_reason_to_delete_and_is_in_no_text(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine, tmp_path: Path
) -> None:
    simulator.control.settings(inference_key=KEY)
    simulator.control.fault("not_answering", seconds=-1)
    host = start_host({"PULUMI_CORTECS_STATE_DIR": str(tmp_path)}, engine=engine.address)
    resource = host.instance("chat")
    made = resource.buy({"model_id": QWEN, "ready_key": "another-key"})
    with pytest.raises(CallFailedError, match="ready_key may be wrong") as failed:
        host.endpoint("chat").create(_wanted(made, ready_timeout=2, ready_key="another-key", on_timeout="delete"))
    assert ids(simulator) == [made.id]
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert "another-key" not in f"{failed.value} {engine.messages} {files!r}"
    assert made.outs["ready_key"] == "another-key"  # the engine encrypts it, as it came in encrypted


@pytest.mark.parametrize("how", ["tls", "black_hole", "name"])
def test_an_instance_out_of_reach_is_neither_stopped_nor_deleted(host: Host, simulator: Simulator, how: str) -> None:
    simulator.control.fault("unreachable", how=how)
    made = bought(simulator)
    with pytest.raises(CallFailedError) as failed:
        host.endpoint().create(_wanted(made, ready_timeout=1, on_timeout="delete"))
    assert "Cortecs calls it ready, so on_timeout leaves it as it is" in str(failed.value.text)
    assert ids(simulator) == [made.id]


def test_the_status_alone_asks_nothing(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("not_answering", seconds=-1)
    outs = host.endpoint().create(_wanted(bought(simulator), ready="status")).outs
    assert outs["ready_by"] == "status"
    assert simulator.control.requests().count("GET /serve/{instance_id}/v1/models") == 0


def test_a_path_replaces_the_questions(host: Host, simulator: Simulator) -> None:
    outs = host.endpoint().create(_wanted(bought(simulator), ready_path="/v1/models")).outs
    assert outs["ready_by"] == "answer"
    assert simulator.control.requests().count("POST /serve/{instance_id}/v1/chat/completions") == 0


def test_refresh_and_read_ask_no_instance_and_keep_what_the_wait_found_out(host: Host, simulator: Simulator) -> None:
    made = host.endpoint().create(_wanted(bought(simulator)))
    before = simulator.control.requests().count("GET /serve/{instance_id}/v1/models")
    simulator.control.settings(inference_key=KEY)
    read = host.endpoint().read(made)
    assert read.outs == made.outs
    older = {key: value for key, value in made.outs.items() if key not in ("ready_by", "price_difference")}
    assert host.endpoint().read(Made(made.id, older)).outs == older  # a state of an earlier version stays as it is
    assert simulator.control.requests().count("GET /serve/{instance_id}/v1/models") == before


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("ready", "maybe"),
        ("ready_path", "health"),
        ("ready_path", "/a b"),
        ("ready_path", "//other.example\n"),
        ("ready_key", "a key"),
        ("ready_key", "a\r\nHost: other"),
        ("ready_key", 7),
        ("max_price", "2.10"),
        ("max_price", "-1 EUR"),
        ("price_tolerance", -1),
        ("price_tolerance", 1001),
        ("price_tolerance", 2.5),
    ],
)
def test_a_wrong_value_is_refused_before_the_purchase(host: Host, argument: str, value: Any) -> None:
    checked = host.instance().check({"model_id": QWEN, argument: value})
    (reason,) = checked.reasons(argument)
    if argument == "ready_key":
        assert str(value) not in reason


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("ready", "status"),
        ("ready_path", "/health"),
        ("ready_key", KEY),
        ("max_price", "5 EUR"),
        ("price_tolerance", 5),
    ],
)
def test_a_change_of_these_arguments_means_nothing_by_itself(
    host: Host, simulator: Simulator, argument: str, value: Any
) -> None:
    made = bought(simulator)
    before = simulator.control.requests()
    checked = host.instance().check({"model_id": QWEN, argument: value}, INPUTS)
    assert checked.failures == ()
    assert argument in checked.inputs
    assert host.instance().diff(made.outs, checked.inputs, made.id).changes is False
    assert host.instance().check({"model_id": QWEN}, checked.inputs).inputs == INPUTS
    assert simulator.control.requests() == before


def test_defaults_are_not_in_plans_and_states(host: Host) -> None:
    defaults = {"ready": "answer", "ready_path": "", "ready_key": "", "max_price": "", "price_tolerance": 0}
    assert host.instance().check({"model_id": QWEN, **defaults}).inputs == INPUTS

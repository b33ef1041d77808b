"""Update: stop, start and restart in place, nothing where nothing is to be done, and always the full outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made
from tests.contract.proxy import Answer, Proxy, Sent

STOP = "POST /api/v1/instances/stop"
RESTART = "POST /api/v1/instances/restart"
StartHost = Callable[..., Host]


@pytest.fixture
def made(simulator: Simulator) -> Made:
    """An instance that an earlier `up` bought."""
    return bought(simulator)


def _orders(simulator: Simulator) -> tuple[int, int]:
    requests = simulator.control.requests()
    return requests.count(STOP), requests.count(RESTART)


def _status(simulator: Simulator, made: Made) -> str:
    (instance,) = simulator.control.instances()
    assert instance.instance_id == made.id
    return instance.status


def test_stopping_ends_the_bill_and_keeps_the_instance(host: Host, made: Made, simulator: Simulator) -> None:
    updated = host.instance().update(made, {**INPUTS, "state": "stopped"})
    assert updated == Made(made.id, {**made.outs, "state": "stopped"})
    assert _status(simulator, made) == "stopped"
    assert simulator.control.ledger().open == ()


def test_starting_begins_a_new_run_of_the_same_instance(host: Host, made: Made, simulator: Simulator) -> None:
    simulator.control.stop(made.id)
    stopped = Made(made.id, {**made.outs, "state": "stopped"})
    assert host.instance().update(stopped, INPUTS) == made
    assert _status(simulator, made) in ("pending", "running")
    assert _orders(simulator) == (0, 1)


def test_a_new_restart_trigger_restarts(host: Host, made: Made, simulator: Simulator) -> None:
    updated = host.instance().update(made, {**INPUTS, "restart_trigger": "now"})
    assert updated.outs == {**made.outs, "restart_trigger": "now"}
    assert len(simulator.control.ledger().of(made.id)) == 2
    assert _orders(simulator) == (1, 1)


@pytest.mark.parametrize(
    ("stopped", "olds", "news"),
    [
        pytest.param(True, {}, {"state": "stopped"}, id="stopped already"),
        pytest.param(True, {"state": "stopped"}, {"state": "stopped", "restart_trigger": "now"}, id="to stay stopped"),
        pytest.param(False, {"state": "stopped"}, {}, id="running already"),
        pytest.param(False, {}, {}, id="nothing changed"),
        pytest.param(False, {"restart_trigger": "now"}, {"restart_trigger": "now"}, id="the same restart trigger"),
    ],
)
def test_what_is_already_so_is_left_alone(
    host: Host, made: Made, simulator: Simulator, stopped: bool, olds: dict[str, Any], news: dict[str, Any]
) -> None:
    if stopped:
        simulator.control.stop(made.id)
    updated = host.instance().update(Made(made.id, {**made.outs, **olds}), {**INPUTS, **news})
    assert updated.outs == {**made.outs, **news}
    assert _orders(simulator) == (0, 0)


def test_a_started_instance_is_not_restarted_as_well(host: Host, made: Made, simulator: Simulator) -> None:
    simulator.control.stop(made.id)
    stopped = Made(made.id, {**made.outs, "state": "stopped"})
    host.instance().update(stopped, {**INPUTS, "restart_trigger": "now"})
    assert _orders(simulator) == (0, 1)


def test_a_start_takes_the_new_quote(host: Host, made: Made, simulator: Simulator) -> None:
    simulator.control.stop(made.id)
    stopped = Made(made.id, {**made.outs, "state": "stopped"})
    quote = {**INPUTS["quote"], "hourly_total": "2.40"}
    assert host.instance().update(stopped, {**INPUTS, "quote": quote}).outs["quote"] == quote


def test_any_other_change_keeps_the_quote_of_what_was_bought(host: Host, made: Made) -> None:
    """If a policy changed a new resource, its inputs in the state have the quote of the program's own arguments."""
    another = {**INPUTS["quote"], "hourly_total": "2.10"}
    updated = host.instance().update(made, {**INPUTS, "on_timeout": "stop", "quote": another})
    assert updated.outs["quote"] == INPUTS["quote"]


@pytest.mark.parametrize("lost", ["lost_answer", "malformed_json"])
@pytest.mark.parametrize("route", ["stop", "restart"])
def test_a_lost_answer_does_no_harm(host: Host, made: Made, simulator: Simulator, route: str, lost: str) -> None:
    simulator.control.fault(lost, path=f"/instances/{route}", count=1)
    host.instance().update(made, {**INPUTS, "restart_trigger": "now"})
    assert _status(simulator, made) in ("pending", "running")
    assert len(simulator.control.ledger().of(made.id)) == 2


def test_a_stop_with_a_lost_answer_counts_though_the_second_is_refused(
    host: Host, made: Made, simulator: Simulator
) -> None:
    simulator.control.settings(stop_stopped_status=400)
    simulator.control.fault("lost_answer", path="/instances/stop", count=1)
    updated = host.instance().update(made, {**INPUTS, "state": "stopped"})
    assert updated.outs["state"] == "stopped"
    assert _status(simulator, made) == "stopped"


def test_a_restart_whose_answers_are_all_lost_has_happened(host: Host, made: Made, simulator: Simulator) -> None:
    simulator.control.stop(made.id)
    simulator.control.fault("lost_answer", path="/instances/restart")
    host.instance().update(Made(made.id, {**made.outs, "state": "stopped"}), INPUTS)
    assert len(simulator.control.ledger().of(made.id)) == 2


@pytest.mark.parametrize("wanted", ["stopped", "running"])
def test_a_failed_change_is_an_error_that_speaks_of_the_bill(
    host: Host, made: Made, simulator: Simulator, wanted: str
) -> None:
    if wanted == "running":
        simulator.control.stop(made.id)
    simulator.control.fault("server_error", method="POST", path="/instances/*")
    with pytest.raises(CallFailedError) as failed:
        host.instance().update(made, {**INPUTS, "state": wanted})
    assert failed.value.text is not None
    assert failed.value.text.startswith(
        f"{made.id} may not have the wanted state, and may be billed: Cortecs answered POST"
    )


def test_what_is_out_of_stock_is_not_started(host: Host, made: Made, simulator: Simulator) -> None:
    simulator.control.stop(made.id)
    simulator.control.set_available("NVIDIA_L4_1", False)
    with pytest.raises(CallFailedError, match=r"may not have the wanted state.*'NVIDIA_L4_1' is not available"):
        host.instance().update(Made(made.id, {**made.outs, "state": "stopped"}), INPUTS)
    assert _status(simulator, made) == "stopped"


def test_a_vanished_instance_is_not_made_anew_by_an_update(host: Host, made: Made, simulator: Simulator) -> None:
    simulator.control.vanish(made.id)
    with pytest.raises(CallFailedError, match=f"does not know {made.id} any more; `pulumi up --refresh` creates"):
        host.instance().update(made, {**INPUTS, "restart_trigger": "now"})
    assert ids(simulator) == []


def test_another_account_changes_nothing(start_host: StartHost, made: Made, simulator: Simulator) -> None:
    simulator.control.register("somebody", "else", "somebody")
    other = start_host({"CORTECS_CLIENT_ID": "somebody", "CORTECS_CLIENT_SECRET": "else"})
    with pytest.raises(CallFailedError, match="use the credentials of its account"):
        other.instance().update(made, {**INPUTS, "state": "stopped"})
    assert simulator.control.ledger().open != ()


@pytest.mark.parametrize("changed", [{"state": "Stopped"}, {"num_workers": 1.5}, {"state": None}, {"colour": "red"}])
def test_an_update_follows_only_what_a_check_can_have_come_to(
    host: Host, made: Made, simulator: Simulator, changed: dict[str, Any]
) -> None:
    news = {key: value for key, value in {**INPUTS, **changed}.items() if value is not None}
    with pytest.raises(CallFailedError, match=r"^refused.*(state|num_workers|colour)"):
        host.instance().update(made, news)
    assert _orders(simulator) == (0, 0)


def test_a_status_that_nobody_knows_changes_nothing(
    start_host: StartHost, made: Made, simulator: Simulator, proxy: Proxy
) -> None:
    def hibernating(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if isinstance(answer.body, dict) and "instance" in answer.body:
            answer.body["instance"]["instance_status"]["status"] = "hibernating"
        return answer

    proxy.rewrite = hibernating
    # by the same account's key, at another address
    with pytest.raises(CallFailedError, match=r"may be billed: .*'hibernating'"):
        start_host(proxy.env(), before=IMPATIENT).instance().update(made, {**INPUTS, "state": "stopped"})
    assert _orders(simulator) == (0, 0)


def test_check_diff_update_and_read_agree(host: Host, simulator: Simulator) -> None:
    resource = host.instance("chat")
    program = {"model_id": QWEN}
    made = resource.buy(program)
    for state in ("stopped", "running"):
        olds = {key: value for key, value in made.outs.items() if key in INPUTS}
        checked = resource.check({**program, "state": state}, olds)
        assert resource.diff(made.outs, checked.inputs).changes is None
        made = resource.update(made, checked.inputs)
        read = resource.read(made)
        assert (read.outs, read.inputs) == (made.outs, checked.inputs)
        assert resource.diff(read.outs, checked.inputs).changes is False
    resource.delete(made)
    assert ids(simulator) == []

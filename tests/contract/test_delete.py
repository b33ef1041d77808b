"""Delete: returns when the bill has provably ended, and not before; what is gone already is deleted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import bought, ids
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made
from tests.contract.proxy import Answer, Proxy, Sent

DELETE = "DELETE /api/v1/instances/{instance_id}"
StartHost = Callable[..., Host]


@pytest.fixture
def made(simulator: Simulator) -> Made:
    """An instance that an earlier `up` bought."""
    return bought(simulator)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_deleted_instance_costs_nothing_more(host: Host, made: Made, simulator: Simulator, stopped: bool) -> None:
    other = bought(simulator)
    if stopped:
        simulator.control.stop(made.id)
    host.instance().delete(made)
    assert ids(simulator) == [other.id]
    assert [entry.instance_id for entry in simulator.control.ledger().open] == [other.id]


@pytest.mark.parametrize("status", [400, 404, 410])
def test_what_is_gone_already_is_deleted_silently(host: Host, made: Made, simulator: Simulator, status: int) -> None:
    # the vendor documents no status for an id that it does not know
    simulator.control.settings(unknown_id_status=status)
    simulator.control.vanish(made.id)
    host.instance().delete(made)
    requests = simulator.control.requests()
    assert requests.count("POST /api/v1/instances/stop") == 1
    assert requests.count("GET /api/v1/instances/{instance_id}") > 0


def test_a_new_purchase_is_deleted_in_spite_of_a_lagging_list(start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.fault("list_lag", seconds=18, by_id=True)
    host = start_host({"PULUMI_CORTECS_LIST_LAG": "1"})
    resource = host.instance()
    made = resource.buy({"model_id": "Qwen/Qwen2-7B-Instruct"})
    resource.delete(made)
    assert ids(simulator) == []
    assert simulator.control.ledger().open == ()


FAILURES: dict[str, dict[str, Any]] = {
    "stopping fails": {"kind": "server_error", "path": "/instances/stop"},
    "stopping is refused": {"kind": "server_error", "status": 400, "path": "/instances/stop"},
    "no answer at all": {"kind": "lost_answer", "path": "/instances*"},
    "too many requests": {"kind": "too_many_requests", "retry_after": 0, "path": "/instances*"},
}


@pytest.mark.parametrize("fault", FAILURES)
def test_a_deletion_in_doubt_is_an_error_and_can_be_repeated(
    host: Host, made: Made, simulator: Simulator, fault: str
) -> None:
    simulator.control.fault(**FAILURES[fault])
    resource = host.instance()
    with pytest.raises(CallFailedError) as failed:
        resource.delete(made)
    assert failed.value.text is not None
    assert failed.value.text.startswith(f"{made.id} may still exist and be billed: Cortecs ")
    assert "Run `pulumi destroy` again, or delete it in Cortecs' console" in failed.value.text
    simulator.control.clear_faults()
    resource.delete(made)
    assert ids(simulator) == []


@pytest.mark.parametrize("exists", [True, False])
def test_refused_credentials_delete_nothing(
    start_host: StartHost, made: Made, simulator: Simulator, exists: bool
) -> None:
    if not exists:
        simulator.control.vanish(made.id)
    host = start_host({"CORTECS_CLIENT_SECRET": "wrong"}, before=IMPATIENT)
    with pytest.raises(CallFailedError, match=r"may still exist and be billed: .* 401"):
        host.instance().delete(made)


@pytest.mark.parametrize("exists", [True, False])
def test_another_account_has_nothing_to_delete(
    start_host: StartHost, made: Made, simulator: Simulator, exists: bool
) -> None:
    if not exists:
        simulator.control.vanish(made.id)
    simulator.control.register("somebody", "else", "somebody")
    other = start_host({"CORTECS_CLIENT_ID": "somebody", "CORTECS_CLIENT_SECRET": "else"})
    with pytest.raises(CallFailedError, match="do not show it: use the credentials of its account"):
        other.instance().delete(made)
    assert ids(simulator) == ([made.id] if exists else [])


def test_delete_returns_only_when_the_instance_is_gone(
    start_host: StartHost, made: Made, simulator: Simulator, proxy: Proxy
) -> None:
    def deleted_a_little_later(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        if sent.method == "DELETE":
            threading.Timer(0.7, pass_on).start()
            return Answer(200, {"instance_id": made.id})
        return pass_on()

    proxy.rewrite = deleted_a_little_later
    resource = start_host(proxy.env()).instance()
    began = time.monotonic()
    resource.delete(made)
    assert time.monotonic() - began >= 0.7
    assert ids(simulator) == []
    assert simulator.control.requests().count(DELETE) == 1


def test_a_status_that_nobody_knows_keeps_nothing_alive(
    start_host: StartHost, made: Made, simulator: Simulator, proxy: Proxy
) -> None:
    def hibernating(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in [*answer.body.get("instances", []), answer.body.get("instance")]:
            if row:
                row["instance_status"]["status"] = "hibernating"
        return answer

    proxy.rewrite = hibernating
    start_host({**proxy.env()}).instance().delete(made)
    assert ids(simulator) == []


def test_deleting_an_endpoint_ends_nothing(host: Host, made: Made, simulator: Simulator) -> None:
    before = simulator.control.requests().counts
    host.endpoint().delete(Made("some-id", {"instance_id": made.id, "state": "running"}))
    assert simulator.control.requests().counts == before

"""The faults as a client meets them, over real connections."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import ControlError, FaultKind, Simulator
from tests.contract.patience import until

QWEN = "Qwen--Qwen2-7B-Instruct"
OTHER = "cortecs--phi-4-FP8-Dynamic"


def start(api: httpx.Client, model_id: str = QWEN) -> Any:
    return api.post("/instances/start", json={"model_id": model_id}).raise_for_status().json()["instance"]


def list_instances(api: httpx.Client) -> list[Any]:
    return list(api.get("/instances").raise_for_status().json()["instances"])


def status(api: httpx.Client, instance_id: str) -> Any:
    return api.get(f"/instances/{instance_id}").json()["instance"]["instance_status"]["status"]


def test_a_lost_answer_leaves_the_side_effect_and_no_byte(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("lost_answer", method="POST", path="/instances/start", count=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        start(api)
    assert [instance.status for instance in sim.control.instances()] == ["pending"]
    assert len(list_instances(api)) == 1


def test_a_lost_request_has_no_side_effect(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("lost_request", path="/instances/start", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        start(api)
    assert sim.control.instances() == ()


def test_a_dropped_connection_leaves_the_others_alone(sim: Simulator, api: httpx.Client) -> None:
    with sim.client() as other:
        sim.control.fault("lost_answer", path="/instances/start", count=1)
        with pytest.raises(httpx.RemoteProtocolError):
            start(api)
        assert len(list_instances(other)) == 1


def test_what_a_client_says_about_its_address_saves_no_answer(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("lost_answer", path="/instances")
    with pytest.raises(httpx.RemoteProtocolError):
        api.get("/instances", headers={"X-Forwarded-For": "192.0.2.1"})


@pytest.mark.parametrize("code", [500, 502, 503])
def test_a_server_error_comes_before_the_side_effect(code: int, sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("server_error", path="/instances/start", count=1, status=code)
    assert api.post("/instances/start", json={"model_id": QWEN}).status_code == code
    assert sim.control.instances() == ()
    start(api)


def test_a_server_error_may_come_after_it(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("server_error", path="/instances/start", count=1, status=502, after_side_effect=True)
    assert api.post("/instances/start", json={"model_id": QWEN}).status_code == 502
    assert len(sim.control.instances()) == 1


def test_too_many_requests_says_when_to_come_back(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("too_many_requests", path="/instances", method="GET", count=1, retry_after=7)
    answer = api.get("/instances/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert api.get("/instances/").status_code == 200


def test_malformed_json_is_a_200_that_ends_too_early(sim: Simulator, api: httpx.Client) -> None:
    start(api)
    sim.control.fault("malformed_json", path="/instances", count=1)
    answer = api.get("/instances")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
        answer.json()
    assert len(list_instances(api)) == 1


def test_a_slow_answer_comes_late_and_its_side_effect_in_time(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("slow_answer", path="/instances/start", count=1, real_seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        api.post("/instances/start", json={"model_id": QWEN}, timeout=1)
    until(lambda: len(sim.control.instances()) == 1)


def test_a_slow_answer_does_not_delay_other_requests(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("slow_answer", path="/instances", count=1, real_seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        api.get("/instances", timeout=1)
    assert api.get("/instances", timeout=20).status_code == 200  # the other one's answer is not due yet


def test_a_token_expires_in_flight(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("token_expiry", path="/instances", count=1)
    assert api.get("/instances").status_code == 401
    assert api.get("/instances").status_code == 401
    with sim.client() as again:
        assert again.get("/instances").status_code == 200


def test_a_stuck_boot_stays_pending_and_goes_on_billing(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("stuck_boot", model_id=QWEN, step=2)
    stuck, fine = start(api)["instance_id"], start(api, OTHER)["instance_id"]
    sim.control.advance(36000)
    answer = api.get(f"/instances/{stuck}").json()["instance"]
    assert answer["instance_status"]["status"] == "pending"
    assert answer["worker_statuses"][0]["init_progress"]["current_step"] == 2
    assert status(api, fine) == "running"
    (run,) = sim.control.ledger().of(stuck)
    assert str(run.amount) == "12.00 EUR"


def test_a_stuck_boot_is_cured_by_a_stop_and_a_restart(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("stuck_boot", count=1)
    instance_id = start(api)["instance_id"]
    api.post("/instances/stop", json={"instance_id": instance_id})
    api.post("/instances/restart", json={"instance_id": instance_id})
    sim.control.advance(40)
    assert status(api, instance_id) == "running"


def test_a_new_instance_is_missing_from_the_list_for_a_while(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("list_lag", seconds=3, count=1)
    instance_id = start(api)["instance_id"]
    assert list_instances(api) == []
    assert status(api, instance_id) == "pending"
    sim.control.advance(2.999)
    assert list_instances(api) == []
    sim.control.advance(0.001)
    assert [instance["instance_id"] for instance in list_instances(api)] == [instance_id]


def test_the_lag_may_hold_for_the_id_as_well(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("list_lag", seconds=3, by_id=True)
    instance_id = start(api)["instance_id"]
    assert api.get(f"/instances/{instance_id}").status_code == 404
    assert [instance.instance_id for instance in sim.control.instances()] == [instance_id]
    sim.control.advance(3)
    assert status(api, instance_id) == "pending"


def test_a_stop_from_outside_is_dated_when_it_was_due(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("stop_from_outside", seconds=61)
    instance_id = start(api)["instance_id"]
    sim.control.advance(60)
    assert status(api, instance_id) == "running"
    sim.control.advance(3600)
    assert status(api, instance_id) == "stopped"
    (run,) = sim.control.ledger().of(instance_id)
    assert run.ended_at is not None
    assert (run.ended_at - run.started_at).total_seconds() == 61
    assert str(run.amount) == "0.04 EUR"


def test_a_client_that_stopped_first_is_not_stopped_again(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("stop_from_outside", seconds=100, count=1)
    body = {"instance_id": start(api)["instance_id"]}
    api.post("/instances/stop", json=body)
    api.post("/instances/restart", json=body)
    sim.control.advance(200)
    assert status(api, body["instance_id"]) == "running"


def test_faults_are_matched_by_the_instance_they_ask_for(sim: Simulator, api: httpx.Client) -> None:
    first, second = start(api)["instance_id"], start(api)["instance_id"]
    sim.control.fault("server_error", instance_id=first)
    assert api.get(f"/instances/{first}").status_code == 500
    assert api.post("/instances/stop", json={"instance_id": first}).status_code == 500
    assert api.get(f"/instances/{second}").status_code == 200


def test_faults_count_and_can_be_cleared(sim: Simulator, api: httpx.Client) -> None:
    fault_id = sim.control.fault(FaultKind.SERVER_ERROR)
    assert [api.get("/instances").status_code for _ in range(3)] == [500, 500, 500]
    assert sim.control.faults() == {fault_id: 3}
    sim.control.clear_faults()
    assert api.get("/instances").status_code == 200


def test_the_same_seed_breaks_the_same_requests(sim: Simulator, api: httpx.Client) -> None:
    def outcomes() -> list[int]:
        sim.control.reset(seed=5)
        sim.control.fault("server_error", path="/instances", probability=0.5)
        return [api.get("/instances").status_code for _ in range(30)]

    first = outcomes()
    assert first == outcomes()
    assert set(first) == {200, 500}


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("lost_answer", {"status": 500}),
        ("server_error", {"status": 200}),
        ("server_error", {"retry_after": 3}),
        ("stuck_boot", {"step": 5}),
        ("stuck_boot", {"step": 0}),
        ("list_lag", {"seconds": -1}),
        ("lost_answer", {"probability": 1.5}),
        ("lost_answer", {"count": 0}),
        ("lost_answer", {"colour": True}),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(kind: str, parameters: dict[str, Any], sim: Simulator) -> None:
    with pytest.raises(ControlError, match="400"):
        sim.control.fault(kind, **parameters)
    assert sim.control.faults() == {}

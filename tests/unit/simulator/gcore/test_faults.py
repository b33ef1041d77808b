"""The faults of the simulated Gcore."""

from __future__ import annotations

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulator.gcore.answers import body_of, message_of
from tests.unit.simulator.gcore.client import BOOT, CPU, NAME, PATH, TASK, WANTED, GcoreClient, region


@pytest.mark.parametrize(("makes", "status"), [(False, "gone"), (True, "PARTIALLYDEPLOYED")])
def test_a_task_may_end_in_an_error(api: GcoreClient, sim: Simulator, makes: bool, status: str) -> None:
    sim.control.fault("task_error", message="Node is lost", after_side_effect=makes, count=1)
    (task_id,) = api.create()
    sim.control.advance(TASK - 1)
    assert (api.task(task_id)["state"], api.task(task_id)["error"]) == ("RUNNING", None)
    sim.control.advance(BOOT / 2)
    task = api.task(task_id)
    assert (task["state"], task["error"], task["created_resources"]) == ("ERROR", "Node is lost", None)
    assert api.status() == status


def test_an_update_and_a_deletion_whose_tasks_fail_change_nothing(api: GcoreClient, sim: Simulator) -> None:
    api.create()
    sim.control.fault("task_error", count=2, instance_id=NAME)
    api.update(description="two")
    api.delete()
    assert (api.info()["description"], api.status()) == ("", "DEPLOYING")


def test_an_answer_may_name_no_task(api: GcoreClient, sim: Simulator) -> None:
    sim.control.fault("no_task", count=1)
    assert (api.create(), api.status()) == ([], "DEPLOYING")
    assert len(api.update(timeout=5)) == 1


def test_containers_fail_in_the_region_that_matches(api: GcoreClient, sim: Simulator) -> None:
    sim.control.fault("container_error", region_id="26", count=1)
    api.create(region(7), region(26))
    sim.control.advance(10 * BOOT)
    assert (api.status(), api.replicas()) == ("PARTIALLYDEPLOYED", [(1, 1), (0, 1)])
    assert [each["error_message"] for each in api.info()["containers"]] == [None, "Failed to pull image"]
    assert [entry.region_id for entry in sim.control.ledger().open] == [7]
    api.update(image="vllm/vllm-openai:v2")
    sim.control.advance(BOOT)
    assert (api.status(), api.info()["containers"][1]["error_message"]) == ("ACTIVE", None)


def test_an_image_that_cannot_be_pulled_never_answers(api: GcoreClient, sim: Simulator) -> None:
    sim.control.fault("container_error", flavor_name=CPU)
    api.create(flavor_name=CPU)
    sim.control.advance(10 * BOOT)
    assert (api.ask(), sim.control.ledger().entries) == (503, ())


@pytest.mark.parametrize(("step", "status"), [(1, "DEPLOYING"), (3, "PARTIALLYDEPLOYED")])
def test_a_boot_may_be_stuck(api: GcoreClient, sim: Simulator, step: int, status: str) -> None:
    sim.control.fault("stuck_boot", step=step, count=1)
    api.create()
    sim.control.advance(100 * BOOT)
    assert (api.status(), api.replicas()) == (status, [(0, 1)])


def test_containers_may_crash(api: GcoreClient, sim: Simulator) -> None:
    sim.control.fault("boot_failure", count=1)
    api.create()
    sim.control.advance(BOOT)
    assert api.status() == "PARTIALLYDEPLOYED"
    assert api.info()["containers"][0]["error_message"] == "Container exited with an error"


@pytest.mark.parametrize(("vanish", "status"), [(False, "DISABLED"), (True, "gone")])
def test_it_may_be_taken_back(api: GcoreClient, sim: Simulator, vanish: bool, status: str) -> None:
    sim.control.fault("reclaim", seconds=60, vanish=vanish, count=1)
    api.create()
    sim.control.advance(BOOT + 59)
    assert api.status() == "ACTIVE"
    sim.control.advance(1)
    assert (api.status(), sim.control.ledger().open) == (status, ())


def test_it_may_be_stopped_from_outside(api: GcoreClient, sim: Simulator) -> None:
    sim.control.fault("stop_from_outside", seconds=5, count=1)
    api.create()
    sim.control.advance(5)
    assert api.status() == "DISABLED"
    api.start()
    sim.control.advance(BOOT)
    assert api.status() == "ACTIVE"


def test_lists_may_lag(api: GcoreClient, sim: Simulator) -> None:
    sim.control.fault("list_lag", seconds=3, by_id=False, count=1)
    sim.control.fault("delete_lag", seconds=4, by_id=True, count=1)
    api.create()
    assert (api.status(), api.listed()) == ("DEPLOYING", {})
    sim.control.advance(3)
    assert api.listed() == {NAME: "DEPLOYING"}
    api.delete()
    sim.control.advance(TASK + 3)
    assert (api.status(), api.listed(), sim.control.instances()) == ("DELETING", {NAME: "DELETING"}, ())
    sim.control.advance(1)
    assert (api.status(), api.listed()) == ("gone", {})


def test_a_status_may_lag(api: GcoreClient, sim: Simulator) -> None:
    api.create()
    sim.control.advance(BOOT)
    sim.control.fault("status_lag", seconds=3, by_id=True)
    for change, before, after in ((api.stop, "ACTIVE", "DISABLED"), (api.start, "DISABLED", "DEPLOYING")):
        change()
        assert (api.status(), api.listed()) == (before, {NAME: before})
        sim.control.advance(3)
        assert (api.status(), api.listed()) == (after, {NAME: after})


def test_a_quota_may_refuse_an_order(api: GcoreClient, sim: Simulator) -> None:
    sim.control.fault("quota_exceeded", limit=2, status=429)
    api.create(region(7, 1, 2))
    refused = api.http.post(PATH, json={**WANTED, "name": "another", "containers": [region(7, 1, 1)]})
    assert message_of(refused, 429) == "Quota exceeded"
    assert list(api.listed()) == [NAME]


def test_an_order_may_be_carried_out_and_refused(api: GcoreClient, sim: Simulator) -> None:
    path = "/v3/inference/*/deployments"
    sim.control.fault("server_error", status=409, after_side_effect=True, method="POST", path=path, count=1)
    answer = api.http.post(PATH, json={**WANTED, "containers": [region()]})
    assert (answer.status_code, answer.json()["exception_class"]) == (409, "ConflictError")
    assert api.status() == "DEPLOYING"


def test_faults_of_serving_hold_for_deployments(api: GcoreClient, sim: Simulator) -> None:
    sim.control.fault("not_answering", seconds=20, status=502, count=1)
    sim.control.fault("old_container", seconds=10, count=1)
    api.create()
    sim.control.advance(BOOT)
    assert api.ask() == 502
    region_address = api.info()["containers"][0]["address"]
    assert api.http.get(f"{region_address}/v1/models").status_code == 502
    sim.control.advance(20)
    assert api.ask() == 200
    api.update(image="vllm/vllm-openai:v2")
    assert api.ask() == 200  # the old one
    sim.control.advance(10)
    assert api.ask() == 503
    sim.control.fault("unreachable", how="name", count=1)
    api.update(image="vllm/vllm-openai:v3")
    assert api.info()["address"] == f"http://instance.invalid/serve/{NAME}"


def test_lists_may_be_empty(api: GcoreClient, sim: Simulator) -> None:
    api.create()
    sim.control.fault("empty_list", count=1)
    assert body_of(api.http.get(PATH)) == {"count": 0, "results": []}

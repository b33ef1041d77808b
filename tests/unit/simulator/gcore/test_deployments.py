"""The routes of the simulated Gcore's deployments (docs/apis/gcore.md#endpoints)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulator.gcore.answers import body_of, message_of
from tests.unit.simulator.gcore.client import BOOT, NAME, PATH, PROJECT, TASK, WANTED, GcoreClient, region

FIELDS = {
    "address", "api_keys", "auth_enabled", "command", "containers", "created_at", "credentials_name", "description",
    "envs", "flavor_name", "image", "ingress_opts", "listening_port", "logging", "name", "object_references", "probes",
    "project_id", "status", "timeout",
}  # fmt: skip
NO_TRIGGERS = dict.fromkeys(("cpu", "gpu_memory", "gpu_utilization", "http", "memory", "sqs"))


def test_an_answer_has_all_fields_with_their_defaults(api: GcoreClient) -> None:
    api.create(command=["vllm", "serve", "Qwen/Qwen3-8B"])
    answer = api.info()
    assert set(answer) == FIELDS
    assert answer["command"] == "vllm serve Qwen/Qwen3-8B"  # a list goes in, one string comes out
    assert (answer["timeout"], answer["envs"], answer["credentials_name"], answer["description"]) == (120, {}, "", "")
    (container,) = answer["containers"]
    assert set(container) == {"address", "deploy_status", "error_message", "region_id", "scale"}
    assert container["scale"] == {
        "min": 1,
        "max": 3,
        "cooldown_period": 60,
        "polling_interval": 30,
        "triggers": {**NO_TRIGGERS, "cpu": {"threshold": 80}, "memory": {"threshold": 80}},
    }


def test_triggers_that_are_given_replace_the_default_ones(api: GcoreClient) -> None:
    api.create(region(triggers={"http": {"rate": 2, "window": 60}}))
    (container,) = api.info()["containers"]
    assert container["scale"]["triggers"] == {**NO_TRIGGERS, "http": {"rate": 2, "window": 60}}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"surprise": 1}, "surprise: unknown field"),
        ({"name": "abc"}, "name"),
        ({"name": "My-Model"}, "name"),
        ({"image": "registry.example.com:5000/a"}, "image"),
        ({"listening_port": 0}, "listening_port"),
        ({"containers": []}, "containers"),
        ({"containers": [region(7, 2, 1)]}, "min: got 2"),
        ({"containers": [region(7, 1, 301)]}, "scale.max"),
        ({"containers": [region(7), region(7)]}, "only be named once"),
        ({"containers": [region(8)]}, "region 8 not found"),
        ({"containers": [region(triggers={"cpu": {"threshold": 101}})]}, "threshold"),
        ({"flavor_name": "huge"}, "flavor 'huge' not found"),
        ({"api_keys": ["nobody"]}, "API key 'nobody' not found"),
        ({"api_keys": [], "auth_enabled": True}, "only one of them"),
        ({"credentials_name": "nobody"}, "registry credential 'nobody' not found"),
        ({"timeout": -1}, "timeout"),
    ],
)
def test_a_wrong_order_is_refused(http: httpx.Client, wrong: dict[str, Any], message: str) -> None:
    answer = http.post(PATH, json={**WANTED, "containers": [region()], **wrong})
    assert message in message_of(answer, 400)
    assert answer.json()["exception_class"] == "ValidationError"


def test_auth_enabled_may_be_false_beside_api_keys(api: GcoreClient, sim: Simulator) -> None:
    sim.control.seed_gcore(api_keys=[{"name": "key1", "secret": "s1"}])
    api.create(api_keys=["key1"], auth_enabled=False)
    assert (api.info()["api_keys"], api.info()["auth_enabled"]) == (["key1"], True)
    assert body_of(api.http.get(f"{PROJECT}/api_keys/key1"))["deployment_names"] == [NAME]


def test_access_needs_a_key_of_the_account_and_a_project_of_it(api: GcoreClient, sim: Simulator) -> None:
    def answer(project: int = 1, **headers: str) -> int:
        url = f"{sim.url}/cloud/v3/inference/{project}/deployments"
        return api.plain.get(url, headers=headers).status_code

    assert answer() == answer(Authorization="APIKey wrong") == answer(Authorization="Bearer sim$sim") == 401
    assert answer(Authorization="apikey sim$sim") == answer(2, Authorization="APIKEY sim$sim") == 200
    assert answer(99, Authorization="APIKey sim$sim") == 403
    sim.control.accept_gcore_key("My API Key")
    assert answer(Authorization="APIKey My API Key") == 200


def test_names_are_unique_in_their_project(api: GcoreClient, sim: Simulator) -> None:
    api.create()
    order = {**WANTED, "containers": [region()]}
    assert "already exists" in message_of(api.http.post(PATH, json=order), 409)
    body_of(api.http.post("/cloud/v3/inference/2/deployments", json=order))
    assert {each.instance_id for each in sim.control.instances()} == {NAME, f"2.{NAME}"}


def test_lists_come_in_pages(api: GcoreClient, sim: Simulator) -> None:
    for number in range(3):
        api.create(name=f"model-{number}")
    assert list(api.listed(limit=2)) == ["model-0", "model-1"]
    assert list(api.listed(limit=2, offset=2)) == ["model-2"]
    sim.control.settings(gcore_page_size=1)
    page = body_of(api.http.get(PATH))
    assert (page["count"], len(page["results"])) == (3, 1)
    for query in ("limit=0", "limit=1001", "offset=-1", "limit=x"):
        assert "allowed:" in message_of(api.http.get(f"{PATH}?{query}"), 400)


def test_the_task_of_an_order_names_it_once_it_is_finished(api: GcoreClient, sim: Simulator) -> None:
    (task_id,) = api.create()
    states = []
    for _ in range(4):
        task = api.task(task_id)
        states.append((task["state"], task["created_resources"]))
        sim.control.advance(TASK / 3)
    created = {"inference_instances": [NAME]}
    assert states == [("NEW", None), ("RUNNING", None), ("RUNNING", None), ("FINISHED", created)]
    assert "not found" in message_of(api.http.get("/cloud/v1/tasks/nothing"), 404)


@pytest.mark.parametrize(("exists_from", "seconds"), [("asked", 0), ("started", TASK / 3), ("finished", TASK)])
def test_a_new_deployment_is_found_from_the_moment_of_the_setting(
    api: GcoreClient, sim: Simulator, exists_from: str, seconds: float
) -> None:
    sim.control.settings(gcore_exists_from=exists_from)
    api.create()
    if seconds:
        sim.control.advance(seconds - 1)
        assert (api.status(), api.listed()) == ("gone", {})
        sim.control.advance(1)
    assert (api.status(), api.listed()) == ("DEPLOYING", {NAME: "DEPLOYING"})


def test_an_update_that_changes_nothing_has_no_task(api: GcoreClient) -> None:
    api.create(envs={"A": "1"}, description="one")
    unchanged = {"description": "one", "timeout": None, "command": None, "flavor_name": None, "containers": [region()]}
    assert api.update(**unchanged) == api.update() == []
    assert len(api.update(description="two")) == 1
    assert api.info()["description"] == "two"


def test_variables_are_replaced_or_merged(api: GcoreClient, sim: Simulator) -> None:
    api.create(envs={"A": "1", "B": "2"})
    api.update(envs={"B": "3"})
    assert api.info()["envs"] == {"B": "3"}
    sim.control.settings(gcore_patched_envs="merge")
    api.update(envs={"C": "4"})
    assert api.info()["envs"] == {"B": "3", "C": "4"}


def test_probes_of_an_update_are_merged_and_then_checked(api: GcoreClient) -> None:
    probe = {"enabled": True, "probe": {"http_get": {"port": 8000}}}
    api.create(probes={"liveness_probe": probe})
    before = api.info()["probes"]["liveness_probe"]["probe"]
    assert (before["period_seconds"], before["http_get"]["schema"]) == (10, "HTTP")
    api.update(probes={"liveness_probe": {"probe": {"period_seconds": 5}}})
    assert api.info()["probes"]["liveness_probe"]["probe"] == {**before, "period_seconds": 5}
    wrong = api.http.patch(f"{PATH}/{NAME}", json={"probes": {"startup_probe": {}}})
    assert "probes.startup_probe.enabled" in message_of(wrong, 400)


def test_no_api_keys_in_an_update_mean_that_none_is_asked_for(api: GcoreClient, sim: Simulator) -> None:
    sim.control.seed_gcore(api_keys=[{"name": "key1", "secret": "s1"}])
    api.create(api_keys=["key1"])
    api.update(api_keys=[])
    assert (api.info()["api_keys"], api.info()["auth_enabled"]) == (None, False)


def test_a_deployment_that_is_being_deleted_cannot_be_changed(api: GcoreClient, sim: Simulator) -> None:
    api.create()
    (task_id,) = api.delete()
    assert api.status() == "DELETING"
    for refused in (api.http.patch(f"{PATH}/{NAME}", json={"timeout": 5}), api.http.delete(f"{PATH}/{NAME}")):
        assert "being deleted" in message_of(refused, 409)
    sim.control.advance(TASK)
    assert (api.task(task_id)["state"], api.status(), api.listed()) == ("FINISHED", "gone", {})
    api.create()


def test_logs_tell_of_the_containers(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7), region(26))
    sim.control.advance(BOOT)

    def messages(query: str = "") -> list[str]:
        return [row["message"] for row in body_of(api.http.get(f"{PATH}/{NAME}/logs{query}"))["results"]]

    lines = ["Listening on port 8000", "Pulling image vllm/vllm-openai:v1"]
    assert messages("?region_id=7") == lines
    assert messages("?order_by=time.asc&region_id=7") == lines[::-1]
    assert (len(messages()), len(messages("?limit=1"))) == (4, 1)
    assert "order_by" in message_of(api.http.get(f"{PATH}/{NAME}/logs?order_by=x"), 400)


def test_quotas_limit_orders_and_updates_that_ask_for_more(api: GcoreClient, sim: Simulator) -> None:
    sim.control.settings(gcore_gpu_quota=3)
    api.create(region(7, 1, 3))
    sim.control.settings(gcore_gpu_quota=0, gcore_quota_status=429)
    api.update(description="no more GPUs")
    more = api.http.patch(f"{PATH}/{NAME}", json={"containers": [region(7, 1, 4)]})
    assert "inference_gpu_l40s_count exceeded: limit 0, usage 0, requested 4" in message_of(more, 429)
    sim.control.settings(gcore_instance_quota=1)
    other = api.http.post(PATH, json={**WANTED, "name": "another", "containers": [region()]})
    assert other.json()["exception_class"] == "QuotaExceededError"


def test_a_seed_replaces_everything_by_what_is_ready_at_once(api: GcoreClient, sim: Simulator) -> None:
    api.create(name="to-be-gone")
    sim.control.advance(BOOT)
    key, order = {"name": "key1", "secret": "s1"}, {**WANTED, "containers": [region()], "api_keys": ["key1"]}
    sim.control.seed_gcore(keys=["mine"], api_keys=[key], deployments=[order])
    assert api.listed() == {NAME: "ACTIVE"}
    assert [entry.instance_id for entry in sim.control.ledger().entries] == [NAME]
    with sim.gcore_client("mine") as client:
        assert body_of(client.get(PATH))["count"] == 1


def test_the_control_makes_a_deployment_a_part_of_an_application(api: GcoreClient, sim: Simulator) -> None:
    api.create()
    for name, shown in (("chat", [{"kind": "AppDeployment", "name": "chat"}]), ("", [])):
        sim.control.gcore_set_application(NAME, name)
        assert api.info()["object_references"] == shown

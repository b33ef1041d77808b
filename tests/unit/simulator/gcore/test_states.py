"""The states of the simulated Gcore's deployments, and what restarts their containers (docs/apis/gcore.md#states)."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulator.gcore.client import BOOT, CPU, NAME, PATH, GcoreClient, region

THIRD = BOOT / 3


def test_a_deployment_becomes_active_region_by_region(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7), region(26))
    seen = []
    for _ in range(4):
        seen.append((api.status(), api.replicas(), api.info()["address"] is not None))
        sim.control.advance(THIRD)
    assert seen == [
        ("DEPLOYING", [(0, 1), (0, 1)], False),
        ("PARTIALLYDEPLOYED", [(0, 1), (0, 1)], True),
        ("PARTIALLYDEPLOYED", [(1, 1), (0, 1)], True),
        ("ACTIVE", [(1, 1), (1, 1)], True),
    ]


def test_a_region_without_capacity_says_so_and_stays_unready(api: GcoreClient, sim: Simulator) -> None:
    sim.control.set_gcore_capacity(CPU, 0, region_id=26)
    api.create(region(7), region(26), flavor_name=CPU)
    sim.control.advance(10 * BOOT)
    assert (api.status(), api.replicas()) == ("PARTIALLYDEPLOYED", [(1, 1), (0, 1)])
    messages = [container["error_message"] for container in api.info()["containers"]]
    assert messages == [None, "No capacity available in the region"]


def test_a_stop_is_free_and_a_start_boots_the_minimum(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7, 2))
    sim.control.advance(BOOT)
    api.stop()
    assert (api.status(), api.replicas(), sim.control.ledger().open) == ("DISABLED", [(0, 0)], ())
    assert api.ask() == 503
    api.stop()
    api.start()
    assert (api.status(), api.replicas()) == ("DEPLOYING", [(0, 2)])
    sim.control.advance(BOOT)
    api.start()
    assert (api.status(), api.replicas(), api.ask()) == ("ACTIVE", [(2, 2)], 200)


def test_a_start_with_a_minimum_of_zero_starts_nothing(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7, 0))
    sim.control.advance(BOOT)
    assert (api.status(), api.replicas()) == ("ACTIVE", [(1, 1)])
    api.stop()
    api.start()
    sim.control.advance(BOOT)
    assert (api.status(), api.replicas()) == ("PENDING", [(0, 0)])


def test_a_new_deployment_may_start_at_zero(api: GcoreClient, sim: Simulator) -> None:
    sim.control.settings(gcore_create_at_zero=True)
    api.create(region(7, 0), region(26, 1))
    sim.control.advance(BOOT)
    assert api.replicas() == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    "changes",
    [
        {"flavor_name": CPU},
        {"image": "vllm/vllm-openai:v2"},
        {"command": ["serve"]},
        {"envs": {"A": "1"}},
        {"listening_port": 80},
        {"probes": {"startup_probe": {"enabled": False}}},
        {"containers": [region(7), region(26)]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_update_of_what_containers_are_made_of_restarts_them(
    api: GcoreClient, sim: Simulator, changes: dict[str, Any]
) -> None:
    api.create()
    sim.control.advance(BOOT)
    api.update(**changes)
    assert (api.status(), api.ask()) == ("DEPLOYING", 503)
    sim.control.advance(BOOT)
    assert (api.status(), api.ask()) == ("ACTIVE", 200)


@pytest.mark.parametrize(
    "changes",
    [
        {"containers": [region(7, 1, 5)]},
        {"timeout": 5},
        {"description": "d"},
        {"logging": {"enabled": True}},
        {"ingress_opts": {"disable_response_buffering": True}},
        {"api_keys": ["key1"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_updates_restart_nothing(api: GcoreClient, sim: Simulator, changes: dict[str, Any]) -> None:
    sim.control.seed_gcore(api_keys=[{"name": "key1", "secret": "s1"}])
    api.create()
    sim.control.advance(BOOT)
    assert len(api.update(**changes)) == 1
    assert (api.status(), api.replicas()) == ("ACTIVE", [(1, 1)])


def test_an_update_of_a_stopped_deployment_starts_nothing(api: GcoreClient) -> None:
    api.create()
    api.stop()
    api.update(image="vllm/vllm-openai:v2")
    assert (api.status(), api.info()["image"]) == ("DISABLED", "vllm/vllm-openai:v2")


@pytest.mark.parametrize(("with_old", "image"), [(True, "vllm/vllm-openai:v1"), (False, "vllm/vllm-openai:v2")])
def test_answers_after_an_update_may_be_stale(api: GcoreClient, sim: Simulator, with_old: bool, image: str) -> None:
    sim.control.settings(gcore_stale_after_patch_seconds=5, gcore_stale_arguments=with_old)
    api.create()
    sim.control.advance(BOOT)
    api.update(image="vllm/vllm-openai:v2")
    assert (api.status(), api.replicas(), api.info()["image"]) == ("ACTIVE", [(1, 1)], image)
    assert api.listed() == {NAME: "ACTIVE"}
    assert api.ask() == 503  # the truth
    sim.control.advance(5)
    assert (api.status(), api.replicas(), api.info()["image"]) == ("DEPLOYING", [(0, 1)], "vllm/vllm-openai:v2")


def test_stale_answers_have_the_regions_of_the_update(api: GcoreClient, sim: Simulator) -> None:
    sim.control.settings(gcore_stale_after_patch_seconds=5, gcore_stale_arguments=False)
    api.create(region(7), region(26))
    sim.control.advance(BOOT)
    api.update(containers=[region(26)])
    assert (api.status(), api.replicas()) == ("ACTIVE", [(1, 1)])


def test_the_address_of_a_region_answers_once_that_region_is_ready(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7), region(26))
    sim.control.advance(2 * THIRD)
    addresses = [container["address"] for container in api.info()["containers"]]
    statuses = [api.http.get(f"{address}/v1/models").status_code for address in addresses]
    assert statuses == [200, 503]
    assert api.ask() == 200
    assert api.http.get(f"{api.info()['address']}~34/v1/models").status_code == 404


def test_attached_keys_are_asked_for(api: GcoreClient, sim: Simulator) -> None:
    sim.control.seed_gcore(api_keys=[{"name": "key1", "secret": "s1"}, {"name": "key2", "secret": "s2"}])
    api.create(api_keys=["key1"])
    sim.control.advance(BOOT)
    assert api.ask() == api.ask(Authorization="Bearer s2") == api.ask(Authorization="s1") == 401
    assert api.ask(Authorization="Bearer s1") == api.ask(**{"X-Api-Key": "s1"}) == 200
    api.update(api_keys=[])
    assert api.ask() == 200


@pytest.mark.parametrize(
    ("order", "model"),
    [
        ({"command": ["vllm", "serve", "Qwen/Qwen3-8B", "--max-model-len", "4096"]}, "Qwen/Qwen3-8B"),
        ({"command": ["--model", "a/b", "--served-model-name", "b"]}, "b"),
        ({"command": ["nginx", "-g", "daemon off;"]}, "vllm/vllm-openai:v1"),
        ({"image": "registry.invalid/inference/qwen2.5-7b-instruct:v1"}, "Qwen/Qwen2.5-7B-Instruct"),
    ],
)
def test_the_served_model_is_that_of_the_command_or_of_the_catalogue(
    api: GcoreClient, sim: Simulator, order: dict[str, Any], model: str
) -> None:
    api.create(**order)
    sim.control.advance(BOOT)
    (card,) = api.http.get(f"{api.info()['address']}/v1/models").json()["data"]
    assert card["id"] == model


def test_a_user_may_stop_or_remove_it_in_the_console(api: GcoreClient, sim: Simulator) -> None:
    api.create()
    sim.control.advance(BOOT)
    stopped = sim.control.stop(NAME)
    assert (stopped.status, api.status(), sim.control.ledger().open) == ("DISABLED", "DISABLED", ())
    sim.control.vanish(NAME)
    assert (api.status(), api.listed(), sim.control.instances()) == ("gone", {}, ())
    assert api.http.post(f"{PATH}/{NAME}/start").status_code == 404

"""The methods of Gcore's client that wait for a task, which its own tests leave out.

The client is the real one, but where it would sleep the simulator's clock goes on instead.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from pulumi_cortecs.simulator import FaultKind, Simulator, running
from tests.compat.clients import gcore_folder

WANTED: dict[str, Any] = {
    "name": "my-instance",
    "flavor_name": "inference-16vcpu-232gib-1xh100-80gb",
    "image": "nginx:latest",
    "listening_port": 80,
    "containers": [{"region_id": 1337, "scale": {"min": 1, "max": 3}}],
}
POLLING = {"polling_interval_seconds": 2, "polling_timeout_seconds": 60}
TASK = 5
"""Virtual seconds of a task, whose end is seen at the fourth look."""


@pytest.fixture(scope="module")
def sdk() -> Iterator[Any]:
    source = gcore_folder() / "src"
    assert source.is_dir(), f"Gcore's client is not in {gcore_folder()}: run `make setup`"
    sys.path.insert(0, str(source))
    yield import_module("gcore")
    sys.path.remove(str(source))


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with running(seed=1) as simulator:
        simulator.control.pause()
        simulator.control.settings(gcore_task_seconds=TASK)
        yield simulator


@pytest.fixture
def client(sdk: Any, sim: Simulator) -> Iterator[Any]:
    with sdk.Gcore(api_key="sim$sim", base_url=sim.url, cloud_project_id=1, max_retries=0, **POLLING) as client:
        client.cloud.tasks._sleep = sim.control.advance
        yield client


def looks_at_tasks(sim: Simulator) -> int:
    return sim.control.requests().counts.get("GET /cloud/v1/tasks/{task_id}", 0)


def test_a_deployment_is_created_changed_and_deleted(sdk: Any, sim: Simulator, client: Any) -> None:
    deployments = client.cloud.inference.deployments
    created = deployments.create_and_poll(**WANTED)
    assert (created.name, created.status, looks_at_tasks(sim)) == ("my-instance", "DEPLOYING", 4)
    changed = deployments.update_and_poll(deployment_name=created.name, description="changed", envs={"A": "1"})
    assert (changed.description, changed.envs, looks_at_tasks(sim)) == ("changed", {"A": "1"}, 8)
    assert deployments.delete_and_poll(deployment_name=created.name) is None
    with pytest.raises(sdk.NotFoundError):
        deployments.get(deployment_name=created.name)
    assert list(deployments.list()) == []


def test_an_update_that_changes_nothing_has_no_task_to_wait_for(sim: Simulator, client: Any) -> None:
    deployments = client.cloud.inference.deployments
    created = deployments.create_and_poll(**WANTED)
    looks = looks_at_tasks(sim)
    same = {name: value for name, value in WANTED.items() if name != "name"}
    unchanged = deployments.update_and_poll(deployment_name=created.name, **same)
    assert (unchanged, looks_at_tasks(sim)) == (created, looks)


def test_a_task_that_fails_raises_its_words(sim: Simulator, client: Any) -> None:
    sim.control.fault(FaultKind.TASK_ERROR, count=1, message="No such image")
    with pytest.raises(ValueError, match="No such image"):
        client.cloud.inference.deployments.create_and_poll(**WANTED)


def test_an_order_without_a_task_is_one_that_the_client_does_not_wait_for(sim: Simulator, client: Any) -> None:
    sim.control.fault(FaultKind.NO_TASK, count=1)
    with pytest.raises(ValueError, match="exactly one task"):
        client.cloud.inference.deployments.create_and_poll(**WANTED)
    assert client.cloud.inference.deployments.get(deployment_name="my-instance").name == "my-instance"


def test_a_name_is_taken_once(sdk: Any, client: Any) -> None:
    client.cloud.inference.deployments.create_and_poll(**WANTED)
    with pytest.raises(sdk.ConflictError, match="my-instance"):
        client.cloud.inference.deployments.create_and_poll(**WANTED)


def test_the_client_with_async_methods_waits_as_well(sdk: Any, sim: Simulator) -> None:
    async def sleep(seconds: float) -> None:
        sim.control.advance(seconds)

    async def whole_life() -> None:
        async with sdk.AsyncGcore(api_key="sim$sim", base_url=sim.url, cloud_project_id=1, **POLLING) as client:
            client.cloud.tasks._sleep = sleep
            deployments = client.cloud.inference.deployments
            created = await deployments.create_and_poll(**WANTED)
            unchanged = await deployments.update_and_poll(deployment_name=created.name, listening_port=80)
            changed = await deployments.update_and_poll(deployment_name=created.name, listening_port=8000)
            assert (unchanged, changed.listening_port) == (created, 8000)
            await deployments.delete_and_poll(deployment_name=created.name)
            assert [row async for row in deployments.list()] == []

    asyncio.run(whole_life())

"""A clock that ticks whenever it is read: changes of the simulated Gcore fall between two readings of a request."""

from __future__ import annotations

from itertools import count

import pytest

from pulumi_cortecs.simulator import SimulatorSettings
from pulumi_cortecs.simulator.gcore import SimulatedGcore
from pulumi_cortecs.simulator.gcore.changes import Changes
from pulumi_cortecs.simulator.gcore.requests import CreateRequest, UpdateRequest
from pulumi_cortecs.simulator.world import World
from tests.unit.simulator.gcore.client import NAME, WANTED, region

ORDER = CreateRequest.model_validate({**WANTED, "containers": [region(7, 0, 3)], "timeout": 2})


@pytest.mark.parametrize("boot", range(1, 8))
def test_no_run_is_lost_or_begun_twice(boot: int) -> None:
    ticks = count()
    defaults = SimulatorSettings(boot_seconds=boot)
    world = World(origin="http://127.0.0.1:3000", defaults=defaults, monotonic=lambda: float(next(ticks)))
    cloud = SimulatedGcore(world)
    changes = Changes(cloud)
    changes.create(1, ORDER)
    for number in range(40):
        changes.update(1, NAME, UpdateRequest(image=f"vllm/vllm-openai:v{number}"))
        cloud.set_load(NAME, number % 4 or None)
        served = cloud.find_served_model(NAME)
        assert served is not None
        served.gateway({})
        if number % 5 == 0:
            changes.stop(1, NAME)
            changes.start(1, NAME)
    cloud.stop_from_outside(NAME)
    runs = list(world.ledger)
    assert runs
    assert all(run.ended_at is not None for run in runs)

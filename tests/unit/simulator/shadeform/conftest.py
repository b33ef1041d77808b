"""A client of the simulated Shadeform, whose time stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_cortecs.simulator import Simulator, running
from tests.unit.simulator.shadeform.client import BOOT, ShadeformClient


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Virtual time passes by `sim.control.advance` only."""
    with running(boot=BOOT, seed=1) as simulator:
        simulator.control.pause()
        yield simulator


@pytest.fixture
def api(sim: Simulator) -> Iterator[ShadeformClient]:
    """A client with the key."""
    client = ShadeformClient(f"{sim.url}/v1", "sim")
    with client.http:
        yield client

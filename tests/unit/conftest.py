"""A simulator whose time stands still, for tests of the simulator itself."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator, running
from tests.unit.simulated import BOOT


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Virtual time passes by `sim.control.advance` only."""
    with running(boot=BOOT, seed=1) as simulator:
        simulator.control.pause()
        yield simulator


@pytest.fixture
def api(sim: Simulator) -> Iterator[httpx.Client]:
    """A client of the simulated API, logged in."""
    with sim.client() as client:
        yield client

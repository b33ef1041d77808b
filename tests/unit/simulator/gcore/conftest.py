"""A client of the simulated Gcore, whose time stands still."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator, running


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Virtual time passes by `sim.control.advance` only."""
    with running(seed=1) as simulator:
        simulator.control.pause()
        yield simulator


@pytest.fixture
def http(sim: Simulator) -> Iterator[httpx.Client]:
    """A plain client with the key."""
    with sim.gcore_client() as client:
        yield client

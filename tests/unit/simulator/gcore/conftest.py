"""A simulator for all these tests, reset before each, and clients of its Gcore. Time stands still."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator, running
from tests.unit.simulator.gcore.client import BOOT, GcoreClient


@pytest.fixture(scope="session")
def _shared() -> Iterator[Simulator]:
    with running(boot=BOOT) as simulator:
        yield simulator


@pytest.fixture
def sim(_shared: Simulator) -> Simulator:
    """Virtual time passes by `sim.control.advance` only."""
    _shared.control.reset(seed=1)
    _shared.control.pause()
    return _shared


@pytest.fixture
def http(sim: Simulator) -> Iterator[httpx.Client]:
    """A plain client with the key."""
    with sim.gcore_client() as client:
        yield client


@pytest.fixture
def api(http: httpx.Client) -> Iterator[GcoreClient]:
    """A client of deployments."""
    with GcoreClient(http) as client:
        yield client

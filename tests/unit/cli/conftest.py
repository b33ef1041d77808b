"""The environment of the commands: no cloud's credentials, no vendor's address, and a simulator of Cortecs alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_cortecs import _abi
from pulumi_cortecs.simulator import Simulator, running
from tests.clouds.cortecs import CORTECS
from tests.unit.simulated import BOOT

NOWHERE = "http://127.0.0.1:9/v1"
"""An address of this machine at which nothing listens."""


@pytest.fixture(autouse=True)
def _no_vendor_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command finds only the clouds that its test names, whatever the environment of this machine has."""
    for kind in _abi.instance_kinds().values():
        monkeypatch.setenv(kind.credentials.url.variable, NOWHERE)
        for key in kind.credentials.parts:
            monkeypatch.delenv(key.variable, raising=False)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Cortecs without any other cloud; virtual time passes by `sim.control.advance` only."""
    with running(boot=BOOT, seed=1, simulated=[CORTECS.simulated]) as simulator:
        simulator.control.pause()
        yield simulator

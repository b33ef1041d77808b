"""What all simulated clouds share: one clock, one table of faults, one ledger, one set of knobs, one source of chance.

There is no lock: handlers never wait while they hold half a change, and all of them run on one event loop.
"""

from __future__ import annotations

import random
import time
import uuid
from datetime import datetime
from typing import Protocol

from pulumi_cortecs.simulator.clock import Monotonic, VirtualClock
from pulumi_cortecs.simulator.faults import FaultTable
from pulumi_cortecs.simulator.ledger import Ledger
from pulumi_cortecs.simulator.settings import Settings
from pulumi_cortecs.simulator.traffic import Traffic


class Cloud(Protocol):
    """What the world asks of each simulated vendor."""

    def reset(self) -> None:
        """Begins anew, as empty as at first."""

    def settle(self, now: datetime) -> None:
        """Does what was due by `now`."""


class World:
    """The shared state. `origin` is where it is reached ("http://127.0.0.1:3000"); `seed` None is a random one."""

    clock: VirtualClock
    settings: Settings
    faults: FaultTable
    ledger: Ledger
    traffic: Traffic
    seed: int

    def __init__(
        self,
        *,
        origin: str,
        settings: Settings | None = None,
        speed: float = 1.0,
        seed: int | None = None,
        monotonic: Monotonic = time.monotonic,
    ):
        self.origin = origin
        self.monotonic = monotonic
        self._initial_settings = settings or Settings()
        self._initial_speed = speed
        self._clouds: list[Cloud] = []
        self.reset(seed)

    def join(self, cloud: Cloud) -> None:
        """Takes a cloud in; from now on it is reset and settled with the others."""
        self._clouds.append(cloud)
        cloud.reset()

    def reset(self, seed: int | None = None) -> None:
        """Everything as it was at the beginning. With the same seed, ids and chances come in the same order again."""
        self.seed = random.SystemRandom().getrandbits(32) if seed is None else seed
        # two generators, so that a fault added in between does not change the ids that follow
        self._ids = random.Random(f"ids {self.seed}")
        self.clock = VirtualClock(self._initial_speed, monotonic=self.monotonic)
        self.settings = self._initial_settings
        self.faults = FaultTable(random.Random(f"faults {self.seed}"))
        self.ledger = Ledger()
        self.traffic = Traffic()
        for cloud in self._clouds:
            cloud.reset()

    def now(self) -> datetime:
        """The virtual time, with everything done that was due by then."""
        now = self.clock.now()
        for cloud in self._clouds:
            cloud.settle(now)
        return now

    def new_id(self) -> str:
        """An opaque id that has not been given out before."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

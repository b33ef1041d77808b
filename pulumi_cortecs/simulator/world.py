"""The state that all simulated clouds share: clock, table of faults, ledger, settings, and random numbers.

It needs no lock: handlers never wait in the middle of a change, and all of them run on one event loop.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol, TypeVar

from pulumi_cortecs.simulator.clock import Moment, Monotonic, VirtualClock
from pulumi_cortecs.simulator.faults import Fault, FaultTable
from pulumi_cortecs.simulator.instance_ports import InstancePorts
from pulumi_cortecs.simulator.ledger import RunLedger
from pulumi_cortecs.simulator.request_log import RequestLog
from pulumi_cortecs.simulator.serving import ServedInstances, ServingFaults
from pulumi_cortecs.simulator.settings import SharedSettings
from pulumi_cortecs.simulator.state import State, open_state

T = TypeVar("T")
S = TypeVar("S", bound=SharedSettings)
_CURRENT = "current"
SEED = "seed"


class SimulatedCloud(Protocol):
    """The contract of a simulated vendor with the world; `name` is the key of its state."""

    name: str

    def reset(self) -> None:
        """Return to the empty initial state."""

    def settle(self, now: datetime) -> None:
        """Carry out all scheduled changes that are due by `now`."""

    def true_states(self) -> Mapping[str, Mapping[str, Any]]:
        """The true state of all instances of all accounts, by their ids, in JSON."""

    def stop_from_outside(self, instance_id: str) -> Mapping[str, Any]:
        """Stop an instance, as a user does in the vendor's console; returns its true state."""

    def vanish(self, instance_id: str) -> None:
        """Remove an instance, running or not."""

    def expire_tokens(self) -> None:
        """Invalidate all access tokens."""


class World:
    """The shared state, new or continued.

    `origin` is its URL ("http://127.0.0.1:3000"). `defaults` has the settings of all its clouds. `settings`, the single
    `knobs` and `speed` are the initial values, to which a reset returns; in a continued state they replace only their
    own kept values. `seed` (None: a random one) is for a new state: a continued one keeps its own. `ports` are the
    sockets of instances; without them nothing listens at their addresses.
    """

    clock: VirtualClock

    def __init__(
        self,
        *,
        origin: str,
        defaults: SharedSettings,
        state: State | None = None,
        settings: SharedSettings | None = None,
        knobs: Mapping[str, Any] | None = None,
        speed: float | None = None,
        seed: int | None = None,
        ports: InstancePorts | None = None,
        monotonic: Monotonic = time.monotonic,
        wall: Callable[[], float] = time.time,
    ):
        self.origin = origin
        self.ports = ports or InstancePorts(is_bound=False)
        self.wall = wall
        self._monotonic = monotonic
        self._state = open_state(None) if state is None else state
        self._initial_settings = replace(settings or defaults, **(knobs or {}))
        self._initial_speed = 1.0 if speed is None else speed
        self.clouds: list[SimulatedCloud] = []

        self._begun = self.table("clouds", bool)
        self._tally = self.table("tally", int)
        self._settings = self.table("settings", type(defaults))
        self._moments = self.table("clock", Moment)
        # two sources, so that a fault added in between does not change the ids that follow
        self._ids = ReplayableRandom("ids drawn", self._tally)
        self.faults = FaultTable(
            ReplayableRandom("chances drawn", self._tally), self.table("faults", Fault), self._tally
        )
        self.serving = ServedInstances(origin, self.table("serving faults", ServingFaults))
        self.ledger = RunLedger()
        self.request_log = RequestLog(self.table("requests", int), self.table("refused requests", int))
        if SEED not in self._tally:
            self.reset(seed)
            return
        self.clock = VirtualClock.since(self._moments[_CURRENT], monotonic=monotonic)
        if speed is not None:
            self.clock.run_at(speed)
        self.settings = replace(settings or self.settings, **(knobs or {}))

    def table(self, name: str, kind: type[T]) -> MutableMapping[str, T]:
        """The table that keeps the values of one kind; see `state.State`."""
        return self._state.table(name, kind)

    def join(self, cloud: SimulatedCloud) -> None:
        """Add a cloud, empty unless its state was kept; resets and scheduled changes then include it."""
        self.clouds.append(cloud)
        if cloud.name not in self._begun:
            cloud.reset()
            self._begun[cloud.name] = True

    def reset(self, seed: int | None = None) -> None:
        """Return to the initial state. The same seed gives the same ids and chances in the same order."""
        self._tally.clear()
        self._tally[SEED] = random.SystemRandom().getrandbits(32) if seed is None else seed
        self.clock = VirtualClock(self._initial_speed, monotonic=self._monotonic)
        self.settings = self._initial_settings
        self.faults.clear()
        self.serving.clear()
        self.ledger.clear()
        self.request_log.clear()
        for cloud in self.clouds:
            cloud.reset()

    @property
    def seed(self) -> int:
        """The seed of ids and chances."""
        return self._tally[SEED]

    @property
    def settings(self) -> SharedSettings:
        """The current settings."""
        return self._settings[_CURRENT]

    @settings.setter
    def settings(self, changed: SharedSettings) -> None:
        self._settings[_CURRENT] = changed

    def settings_of(self, kind: type[S]) -> S:
        """The current settings, with those of one cloud."""
        settings = self.settings
        assert isinstance(settings, kind), f"this world has no {kind.__name__}"
        return settings

    def now(self) -> datetime:
        """The virtual time, after all changes that are due by then."""
        now = self.clock.now()
        for cloud in self.clouds:
            cloud.settle(now)
        return now

    def reported_date(self) -> datetime:
        """The date in answers: the virtual time plus `date_ahead_seconds`."""
        return self.clock.now() + timedelta(seconds=self.settings.date_ahead_seconds)

    def new_id(self) -> str:
        """A new opaque id."""
        return str(uuid.UUID(bytes=self._ids.bytes16(), version=4))

    def save(self) -> None:
        """Save the present state; routes call it before they send an answer."""
        self._moments[_CURRENT] = self.clock.moment()
        self._state.save()


class ReplayableRandom:
    """A random source whose draws follow from the seed, its name and the number of earlier draws.

    `tally` keeps seed and draws, under "seed" and the source's name; sources of other names do not affect this one.
    """

    def __init__(self, name: str, tally: MutableMapping[str, int]):
        self._name = name
        self._tally = tally

    def bytes16(self) -> bytes:
        """Sixteen bytes."""
        return self._draw()[:16]

    def random(self) -> float:
        """At least 0 and below 1."""
        return (int.from_bytes(self._draw()[:8], "big") >> 11) / (1 << 53)

    def _draw(self) -> bytes:
        before = self._tally.get(self._name, 0)
        self._tally[self._name] = before + 1
        return sha256(f"{self._tally[SEED]} {self._name} {before}".encode()).digest()

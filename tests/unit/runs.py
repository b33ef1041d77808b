"""Runs of the provider on one machine, with its journal, at one fake account; they may be killed at any moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.lifecycle.cloud import Arguments
from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.journal import Journal, JournalError, ResourceKey
from pulumi_cortecs.lifecycle.order_log import OrderLog
from pulumi_cortecs.lifecycle.order_recovery import OrderRecovery
from pulumi_cortecs.lifecycle.poller import NEVER, Poller, Snapshot
from pulumi_cortecs.lifecycle.purchases import Purchases
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchase, find_unclaimed
from tests.unit.fakes import EPOCH, FakeAccount, FakeClock, FakeCloud, Machine, refused
from tests.unit.journals import CHAT, FakeStates

LAG = 3.0
SMALL, LARGE = ("small",), ("large",)
AHEAD = 3600.0
"""Seconds by which the vendor's clock is ahead of ours."""


class Killed(BaseException):
    """The death of a process at this point."""


class World:
    """An account, a clock, and the directory of a machine's journal. Machines begin when they are started."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.account = FakeAccount(self.clock, lag=LAG)
        self.directory = directory
        self.began: dict[str, float] = {}
        self.runs: list[Run] = []
        self.states = FakeStates(self.clock)
        self.exclusive = False
        self.patience = 20.0

    def vendor_now(self) -> float:
        return EPOCH.timestamp() + self.clock.now() + AHEAD

    def start(self, arguments: Arguments = SMALL) -> Machine:
        machine = self.account.start(*arguments)
        self.began[machine.instance_id] = self.vendor_now()
        return machine

    def run(
        self,
        fingerprint: str = "ours",
        *,
        tells_time: bool = True,
        calendar_off: float = 0.0,
        clocks: float | None = 0.0,
    ) -> Run:
        """`clocks`: by how many seconds the vendor's two clocks were seen to differ."""
        run = Run(self, fingerprint, tells_time, calendar_off, clocks)
        self.runs.append(run)
        return run

    def ids(self) -> set[str]:
        return set(self.account.machines)

    def fleet_killed_at_the_answer(self, keys: list[ResourceKey]) -> set[str]:
        """Kills a run while it buys for all of these resources; returns the ids that it bought."""
        runs = [self.run() for _ in keys]
        bought = {run.killed_at_the_answer(key, dies=False) for run, key in zip(runs, keys, strict=True)}
        for run in runs:
            run.dies()
        return bought


class Looks(Poller[Machine]):
    """Notes from when on a look for one instance must be."""

    def __init__(self, cloud: FakeCloud, clock: FakeClock, looked_from: list[float]) -> None:
        super().__init__(cloud, clock)
        self._looked_from = looked_from

    def snapshot(self, *, max_age: float, not_before: float = NEVER, **more: Any) -> Snapshot[Machine]:
        if max_age == 15.0:
            self._looked_from.append(not_before)
        return super().snapshot(max_age=max_age, not_before=not_before, **more)


class Run:
    """A process of the provider's on that machine."""

    def __init__(
        self, world: World, fingerprint: str, tells_time: bool, calendar_off: float, clocks: float | None
    ) -> None:
        self.world, clock, exclusive = world, world.clock, world.exclusive
        self.journal = Journal(
            world.directory, lambda: clock.utc_now().timestamp() + calendar_off, patience=world.patience
        )
        cloud = FakeCloud(
            world.account,
            LAG,
            fingerprint,
            began=lambda machine: world.began.get(machine.instance_id),
            now=lambda: world.vendor_now() if tells_time else None,
        )
        self.looked_from: list[float] = []
        self.poller = Looks(cloud, clock, self.looked_from)
        with suppress(JournalError):
            if clocks is not None:
                self.journal.record_clock_difference(fingerprint, clocks)
        self.told: list[str] = []
        self.warned: list[JournalError] = []
        self.log = OrderLog(cloud, self.journal, self.poller, clock, self.warned.append)
        self.recovery = OrderRecovery(
            self.log,
            creations=Creations(lambda: world.states, clock, self.told.append, fingerprint),
            is_exclusive=lambda: exclusive,
            warn=self.told.append,
        )
        self.purchases = Purchases(cloud, self.poller, clock, self.log)

    def left_behind(self, key: ResourceKey) -> list[UnclaimedPurchase]:
        return find_unclaimed(self.log, self.recovery.creations, key)

    def create(
        self,
        key: ResourceKey = CHAT,
        arguments: Arguments = SMALL,
        order: Callable[[], Machine] | None = None,
        is_awaited: Callable[[], bool] | None = None,
    ) -> str:
        """Recovers or buys as Instance.create does; returns the id."""
        earlier = self.recovery.recover(key, arguments, self.world.clock.now())
        if earlier is not None:
            return earlier.instance_id
        sends = order or (lambda: self.world.start(arguments))
        return self.purchases.buy(key, arguments, {"carried_out": sends}, is_awaited).instance_id

    def killed_at_the_answer(self, key: ResourceKey = CHAT, arguments: Arguments = SMALL, *, dies: bool = True) -> str:
        """Kills the run when the vendor has carried the order out and its answer is on its way; returns the id that it
        bought. Without `dies` the process stays for a while: another that begins now takes nothing over."""
        before = self.world.ids()

        def carried_out() -> Machine:
            self.world.start(arguments)
            raise Killed

        with pytest.raises(Killed):
            self.create(key, arguments, carried_out)
        if dies:
            self.dies()
        (bought,) = self.world.ids() - before
        return bought

    def killed_before_the_order(
        self, key: ResourceKey = CHAT, arguments: Arguments = SMALL, *, dies: bool = True
    ) -> None:
        def never_sent() -> Machine:
            raise Killed

        with pytest.raises(Killed):
            self.create(key, arguments, never_sent)
        if dies:
            self.dies()

    def killed_with_the_id(self, key: ResourceKey = CHAT, arguments: Arguments = SMALL) -> str:
        """Kills the run when it has the answer, before an engine has saved it; returns the id."""
        bought = self.create(key, arguments)
        self.dies()
        return bought

    def dies(self) -> None:
        self.journal.close()


def refused_after(world: World, status: int = 400, times: int = 1) -> Callable[[], Machine]:
    """An order that is carried out and then refused, so many times; after that it is answered."""
    remaining = [times]

    def order() -> Machine:
        machine = world.start()
        world.clock.advance(0.1)
        if remaining[0] == 0:
            return machine
        remaining[0] -= 1
        raise refused(status)

    return order

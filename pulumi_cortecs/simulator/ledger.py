"""Every run of every instance with its cost, for a comparison with predicted costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from pulumi_cortecs.cost import Money

R = TypeVar("R", bound="Run")


@dataclass(frozen=True)
class Run(ABC):
    """One uninterrupted run, from start or restart to stop or deletion; a subclass of its cloud has the tariff.

    `billed_from` is None if billing never begins: for a stuck boot, if pending instances are not billed.
    """

    cloud: ClassVar[str]

    account: str
    instance_id: str
    _: KW_ONLY
    started_at: datetime
    billed_from: datetime | None
    ended_at: datetime | None = None

    @property
    def key(self) -> str:
        """The name of what has one open run at most: the instance, or a part of it that is billed alone."""
        return self.instance_id

    @abstractmethod
    def cost(self, ran_for: timedelta) -> Money:
        """The cost of a run of this length, at the prices of its start; zero for no length."""

    @abstractmethod
    def tariff(self) -> Mapping[str, Any]:
        """The tariff in JSON."""

    def amount(self, now: datetime) -> Money:
        """The cost until its end, or until `now` while it runs."""
        if self.billed_from is None:
            return self.cost(timedelta(0))
        return self.cost(max((self.ended_at or now) - self.billed_from, timedelta(0)))


class RunLedger:
    """Each cloud's runs in the order of their starts. The deletion of an instance does not remove its runs."""

    def __init__(self) -> None:
        self._runs: dict[str, MutableMapping[str, Any]] = {}
        self._open: dict[str, tuple[str, str]] = {}

    def __iter__(self) -> Iterator[Run]:
        return (run for runs in self._runs.values() for run in runs.values())

    def keep(self, cloud: str, runs: MutableMapping[str, R]) -> None:
        """Add the table of a cloud's runs, including those that it already contains."""
        self._runs[cloud] = runs
        self._open |= {run.key: (cloud, number) for number, run in runs.items() if run.ended_at is None}

    def begin(self, run: Run) -> None:
        """Open a run; there must be no other open one of its key."""
        if run.key in self._open:
            raise ValueError(f"instance {run.key} already has an open run")
        runs = self._runs.setdefault(run.cloud, {})
        number = str(len(runs) + 1)  # runs are never removed
        self._open[run.key] = run.cloud, number
        runs[number] = run

    def end(self, key: str, at: datetime) -> None:
        """Close the open run of an instance or a part of it, if it has one."""
        if key in self._open:
            cloud, number = self._open.pop(key)
            self._runs[cloud][number] = replace(self._runs[cloud][number], ended_at=at)

    def clear(self) -> None:
        """Forget all runs."""
        for runs in self._runs.values():
            runs.clear()
        self._open.clear()

    def totals(self, now: datetime, account: str | None = None) -> dict[str, Money]:
        """The bill until `now`, per currency; of all accounts, or of one."""
        totals: dict[str, Money] = {}
        for run in self:
            if account is None or run.account == account:
                amount = run.amount(now)
                totals[amount.currency] = totals.get(amount.currency, Money.zero(amount.currency)) + amount
        return totals

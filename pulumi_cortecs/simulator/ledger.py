"""Every run of every instance with what it cost: the truth that predicted costs are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pulumi_cortecs.cost import BillingInterval, HardwareType, Money, billed


@dataclass(frozen=True)
class Run:
    """One uninterrupted run, from start or restart to stop or deletion.

    The prices are those at its start. `billed_from` is None where the bill never begins: a boot that is stuck, with
    pending instances not billed.
    """

    account: str
    instance_id: str
    hardware: HardwareType
    billing_interval: BillingInterval
    num_workers: int
    started_at: datetime
    billed_from: datetime | None
    ended_at: datetime | None = None

    def amount(self, now: datetime) -> Money:
        """What it has cost until its end, or until `now` while it runs."""
        if self.billed_from is None:
            return Money.zero(self.hardware.currency)
        ran_for = max((self.ended_at or now) - self.billed_from, timedelta(0))
        return billed(self.hardware, self.billing_interval, self.num_workers, ran_for)


class Ledger:
    """The runs in the order they began. Deleting an instance leaves its runs here."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._open: dict[str, int] = {}

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def begin(self, run: Run) -> None:
        """Opens a run; the instance must have no other open one."""
        if run.instance_id in self._open:
            raise ValueError(f"instance {run.instance_id} already has an open run")
        self._open[run.instance_id] = len(self._runs)
        self._runs.append(run)

    def end(self, instance_id: str, at: datetime) -> None:
        """Closes the open run of an instance, if it has one."""
        index = self._open.pop(instance_id, None)
        if index is not None:
            self._runs[index] = replace(self._runs[index], ended_at=at)

    def totals(self, now: datetime, account: str | None = None) -> dict[str, Money]:
        """What was billed until `now`, per currency; of all accounts, or of one."""
        totals: dict[str, Money] = {}
        for run in self._runs:
            if account is None or run.account == account:
                amount = run.amount(now)
                totals[amount.currency] = totals.get(amount.currency, Money.zero(amount.currency)) + amount
        return totals

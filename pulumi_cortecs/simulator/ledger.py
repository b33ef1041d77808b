"""Every run of every instance with what it cost: the truth that predicted costs are compared with."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
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

    def __init__(self, runs: MutableMapping[str, Run] | None = None) -> None:
        self._runs: MutableMapping[str, Run] = {} if runs is None else runs
        self._open = {run.instance_id: number for number, run in self._runs.items() if run.ended_at is None}

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs.values())

    def begin(self, run: Run) -> None:
        """Opens a run; the instance must have no other open one."""
        if run.instance_id in self._open:
            raise ValueError(f"instance {run.instance_id} already has an open run")
        number = str(len(self._runs) + 1)  # no run is ever taken out
        self._open[run.instance_id] = number
        self._runs[number] = run

    def end(self, instance_id: str, at: datetime) -> None:
        """Closes the open run of an instance, if it has one."""
        number = self._open.pop(instance_id, None)
        if number is not None:
            self._runs[number] = replace(self._runs[number], ended_at=at)

    def clear(self) -> None:
        """Forgets all runs."""
        self._runs.clear()
        self._open.clear()

    def totals(self, now: datetime, account: str | None = None) -> dict[str, Money]:
        """What was billed until `now`, per currency; of all accounts, or of one."""
        totals: dict[str, Money] = {}
        for run in self._runs.values():
            if account is None or run.account == account:
                amount = run.amount(now)
                totals[amount.currency] = totals.get(amount.currency, Money.zero(amount.currency)) + amount
        return totals

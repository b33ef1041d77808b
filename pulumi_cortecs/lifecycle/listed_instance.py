"""An instance of an account's list, with its age and its cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, billed_amount, quote
from pulumi_cortecs.lifecycle.cloud import Phase


@dataclass(frozen=True)
class ListedInstance:
    """One instance. `arguments` are the ordered ones, spelled as in states, as far as the vendor reports them;
    `billing_interval` and `num_workers` are None if it does not report them, `billing_interval` and `phase` also for an
    unknown word. The times are in UTC, or None."""

    instance_id: str
    arguments: Mapping[str, object]
    billing_interval: BillingInterval | None
    num_workers: int | None
    status: str
    phase: Phase | None
    started_at: datetime | None
    stopped_at: datetime | None

    @property
    def hardware_type_id(self) -> str:
        """The hardware of each worker, "" where the vendor does not report it."""
        return str(self.arguments.get("hardware_type_id") or "")

    def age(self, now: datetime) -> timedelta | None:
        """The time since its last start: the vendor keeps no time of the purchase. Never negative, even if two clocks
        differ."""
        return None if self.started_at is None else max(now - self.started_at, timedelta(0))

    def hourly_cost(self, prices: Mapping[str, PricedHardware]) -> Money | None:
        """The current cost of an hour, zero while stopped; None where the price is unknown.

        An unknown status counts as billed.
        """
        hardware, workers = prices.get(self.hardware_type_id), self.num_workers
        if hardware is None or self.billing_interval is None or workers is None or workers < 1:
            return None
        total = quote(hardware, self.billing_interval, workers, source="live").hourly_total
        return Money.zero(total.currency) if self.phase is Phase.STOPPED else total

    def cost_so_far(self, prices: Mapping[str, PricedHardware], now: datetime) -> Money | None:
        """The bill of the run since `started_at` by today's price; None where it is unknown.

        Earlier runs of the same instance are not included: the vendor does not report them.
        """
        hardware = prices.get(self.hardware_type_id)
        ended_at = self.stopped_at if self.phase is Phase.STOPPED else now
        if hardware is None or self.billing_interval is None or self.num_workers is None or self.num_workers < 1:
            return None
        if self.started_at is None or ended_at is None:
            return None
        ran_for = max(ended_at - self.started_at, timedelta(0))
        return billed_amount(hardware, self.billing_interval, self.num_workers, ran_for)


def sum_by_currency(amounts: Iterable[Money | None]) -> Mapping[str, Money]:
    """The sum per currency of the known amounts."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        if amount is not None:
            sums[amount.currency] = sums.get(amount.currency, Money.zero(amount.currency)) + amount
    return sums

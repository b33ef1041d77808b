"""The billed amount of a run, by its length (docs/apis/*.md#billing)."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from pulumi_cortecs.cost.money import Money

if TYPE_CHECKING:
    from pulumi_cortecs.cost.hardware import PricedHardware

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


class BillingInterval(str, Enum):
    """Started minutes, or started hours."""

    PER_MINUTE = "per_minute"
    PER_HOUR = "per_hour"


def billed_amount(hardware: PricedHardware, interval: BillingInterval, num_workers: int, ran_for: timedelta) -> Money:
    """The bill of one uninterrupted run: started intervals x price x workers.

    Each worker is billed. That a started hour counts as a whole one is an inference, and so is the same for minutes. A
    run of no length costs nothing. Raises ValueError for a negative length, for an interval that is none, and for no
    workers.
    """
    check_workers(num_workers)
    if ran_for < timedelta(0):
        raise ValueError(f"a run cannot last {ran_for}")
    by_the_hour = BillingInterval(interval) is BillingInterval.PER_HOUR  # the plain word will do
    price = hardware.price_per_hour if by_the_hour else hardware.price_per_minute
    started = -(-ran_for // (_HOUR if by_the_hour else _MINUTE))
    return price * (started * num_workers)


def check_workers(num_workers: int) -> None:
    """Raises ValueError unless there is at least one worker: nothing is ever priced at zero, or below."""
    if isinstance(num_workers, bool) or not isinstance(num_workers, int) or num_workers < 1:
        raise ValueError(f"at least one worker is paid for, not {num_workers!r}")

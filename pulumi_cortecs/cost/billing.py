"""The billed amount of a run, by its length (docs/apis/*.md#billing)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Context, Decimal, localcontext
from enum import Enum
from typing import TYPE_CHECKING, Final

from pulumi_cortecs.cost.money import Money

if TYPE_CHECKING:
    from pulumi_cortecs.cost.hardware import PricedHardware

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_SMALLEST: Final = Decimal("0.000001")


class BillingInterval(str, Enum):
    """The unit of billing: each started minute, or each started hour."""

    PER_MINUTE = "per_minute"
    PER_HOUR = "per_hour"

    @property
    def unit(self) -> timedelta:
        """The length of the interval."""
        return _HOUR if self is BillingInterval.PER_HOUR else _MINUTE


def billed_amount(hardware: PricedHardware, interval: BillingInterval, num_workers: int, ran_for: timedelta) -> Money:
    """The bill of one uninterrupted run: started intervals x price x workers.

    Each worker is billed. It is an inference that started hours and minutes count in full. A run of zero length costs
    nothing. Raises ValueError for a negative length, an unknown interval, and less than one worker.
    """
    check_workers(num_workers)
    if ran_for < timedelta(0):
        raise ValueError(f"a run cannot last {ran_for}")
    interval = BillingInterval(interval)  # accepts the plain string, too
    price = hardware.price_per_hour if interval is BillingInterval.PER_HOUR else hardware.price_per_minute
    return price * (-(-ran_for // interval.unit) * num_workers)


def run_cost(hourly: Money, unit: timedelta, ran_for: timedelta) -> Money:
    """The cost of one uninterrupted run by its hourly price: each started `unit` (a second, a minute, an hour) counts
    in full. It is rounded to a millionth. Raises ValueError for a negative length."""
    if ran_for < timedelta(0):
        raise ValueError(f"a run cannot last {ran_for}")
    billed = -(-ran_for // unit) * unit
    with localcontext(Context(prec=60)):
        amount = hourly.amount * (billed // _SECOND) / (_HOUR // _SECOND)
        return Money(amount.quantize(_SMALLEST), hourly.currency)


def check_workers(num_workers: int) -> None:
    """Raises ValueError for less than one worker, because no purchase has a price of zero or below."""
    if isinstance(num_workers, bool) or not isinstance(num_workers, int) or num_workers < 1:
        raise ValueError(f"num_workers: got {num_workers!r}; must be at least 1")

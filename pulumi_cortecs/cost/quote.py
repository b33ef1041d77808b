"""The price of a purchase before it is made, in the form that plans and states keep."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pulumi_cortecs.cost.billing import BillingInterval, check_workers
from pulumi_cortecs.cost.hardware import PricedHardware
from pulumi_cortecs.cost.money import Money

LIVE: Final = "live"
"""The source of a quote whose prices are the vendor's own of today."""
SIMULATOR: Final = "simulator"
"""The source of a quote whose prices are those of a server on this machine."""
CATALOGUE: Final = "catalogue"
"""The beginning of the source of a quote by a pinned catalogue."""

_MINUTE_DECIMALS: Final = Decimal("0.000001")


@dataclass(frozen=True)
class Quote:
    """The cost of one purchase while it runs.

    `price_per_hour` and `price_per_minute` are per worker; `hourly_total` is the price of an hour of all workers at the
    chosen billing interval; `source` names the source of the prices: "live", "simulator", the host of another server,
    or the name of a catalogue. It has no field that differs between two readings of the same market, or plans would
    never match the values of `up`.
    """

    price_per_hour: Money
    price_per_minute: Money
    hourly_total: Money
    source: str

    def as_property(self) -> dict[str, str]:
        """The quote as a resource property: decimal strings, because the engine turns every number into a float."""
        return {
            "price_per_hour": self.price_per_hour.decimal_string(),
            "price_per_minute": self.price_per_minute.decimal_string(),
            "hourly_total": self.hourly_total.decimal_string(),
            "currency": self.hourly_total.currency,
            "source": self.source,
        }


def costs_nothing(state: object) -> bool:
    """Returns whether an instance costs nothing while it is in that `state` of a program: a stopped one, at any vendor
    here (docs/orphans.md)."""
    return state == "stopped"


def is_from_catalogue(source: str) -> bool:
    """Returns whether a quote's `source` is a pinned catalogue, which somebody has written."""
    return source.startswith(f"{CATALOGUE} ")


def hourly_quote(hour: Money, source: str) -> Quote:
    """The quote of what is billed by its price of an hour."""
    return Quote(hour, per_minute(hour), hour, source)


def per_minute(hour: Money) -> Money:
    """The rounded price of a minute, which is only shown."""
    return Money((hour.amount / 60).quantize(_MINUTE_DECIMALS), hour.currency)


def quote(hardware: PricedHardware, interval: BillingInterval, num_workers: int, source: str) -> Quote:
    """The quote for `num_workers` workers of `hardware`, billed by `interval`. Raises ValueError for less than one
    worker."""
    check_workers(num_workers)
    hourly = hardware.hour_billed_by(interval)
    return Quote(hardware.price_per_hour, hardware.price_per_minute, hourly * num_workers, source)

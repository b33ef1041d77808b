"""The hardware of a worker with its prices, in the usual units."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from enum import Enum
from typing import Final

from pulumi_cortecs.cost.billing import BillingInterval
from pulumi_cortecs.cost.money import Money, MoneyError

_MINUTES_PER_HOUR: Final = 60
VOLUME: Final = "volume"
"""The last part of the id of a volume, "CLOUD/REGION/volume", whose price is that of a GB."""


class RamMeaning(str, Enum):
    """The meaning of `gpu_ram_gb`: the memory of each GPU, of all of them, or unknown."""

    PER_GPU = "per_gpu"
    TOTAL = "total"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class PricedHardware:
    """The hardware of one worker, and its prices.

    `price_per_hour` and `price_per_minute` are per worker; `gpu_type` is None if the vendor names none; `gpu_ram_gb` is
    the vendor's figure, in GB, and `gpu_ram_is` its meaning. `region` is None if the vendor offers no choice; `billing`
    are the intervals on offer; `provenance` is the source of the row, "" for a vendor's answer. Raises MoneyError for a
    price that is not positive, for two currencies, and for too many digits of memory.
    """

    hardware_type_id: str
    price_per_hour: Money
    price_per_minute: Money
    gpu_type: str | None = None
    num_gpus: int | None = None
    gpu_ram_gb: Decimal | None = None
    cloud: str = field(kw_only=True)
    region: str | None = None
    gpu_ram_is: RamMeaning = RamMeaning.UNDECIDED
    billing: tuple[BillingInterval, ...] = (BillingInterval.PER_MINUTE, BillingInterval.PER_HOUR)
    provenance: str = ""

    def __post_init__(self) -> None:
        for name, price in (("price_per_hour", self.price_per_hour), ("price_per_minute", self.price_per_minute)):
            if price <= Money.zero(price.currency):
                raise MoneyError(f"{self.hardware_type_id}: {name} must be positive, not {price}")
        if self.price_per_hour.currency != self.price_per_minute.currency:
            raise MoneyError(f"{self.hardware_type_id}: prices in two currencies")
        if self.gpu_ram_gb is not None:
            Money(self.gpu_ram_gb, "XXX")  # written out, 1E+999999999 takes a gigabyte

    @property
    def currency(self) -> str:
        """The currency of both prices."""
        return self.price_per_hour.currency

    @property
    def is_volume(self) -> bool:
        """True if it is no hardware, but a GB of a volume."""
        return self.hardware_type_id.split("/", 2)[2:] == [VOLUME]

    @property
    def has_own_hourly_price(self) -> bool:
        """True if an hour costs something else than sixty minutes, by more than the rounding of either price."""
        with localcontext(Context(prec=200)):  # the program's own context may round
            off = abs(self.price_per_hour.amount - self.price_per_minute.amount * _MINUTES_PER_HOUR)
            return (
                off > _rounding_error(self.price_per_hour, 2)
                and off > _rounding_error(self.price_per_minute, 4) * _MINUTES_PER_HOUR
            )

    @property
    def is_minute_derived(self) -> bool:
        """True if the vendor names the price of sixty minutes, and bills no hours: `price_per_minute` may then be a
        rounded sixtieth of it."""
        return BillingInterval.PER_HOUR not in self.billing and not self.has_own_hourly_price

    def hour_billed_by(self, interval: BillingInterval) -> Money:
        """The price of an hour at a billing interval.

        By the minute it is sixty minutes; if the minute's price is derived, it is the hour's.
        """
        by_the_hour = BillingInterval(interval) is BillingInterval.PER_HOUR  # accepts the plain string, too
        return (
            self.price_per_hour if by_the_hour or self.is_minute_derived else self.price_per_minute * _MINUTES_PER_HOUR
        )

    def total_ram_gb(self) -> tuple[Decimal, Decimal] | None:
        """The least and the most memory of all GPUs of a worker together, in GB; None if unknown.

        They differ if the meaning of the vendor's figure is unknown. A strict rule has to hold for both.
        """
        if self.gpu_ram_gb is None or (self.num_gpus is None and self.gpu_ram_is is not RamMeaning.TOTAL):
            return None
        product = self.gpu_ram_gb * (self.num_gpus or 1)
        return {
            RamMeaning.TOTAL: (self.gpu_ram_gb, self.gpu_ram_gb),
            RamMeaning.PER_GPU: (product, product),
            RamMeaning.UNDECIDED: (self.gpu_ram_gb, product),
        }[self.gpu_ram_is]


def _rounding_error(price: Money, least: int) -> Decimal:
    """Half a unit of the last decimal place of a price, if vendors write at least `least` places."""
    decimals = len(price.decimal_string().partition(".")[2])
    return Decimal(5).scaleb(-max(decimals, least) - 1)

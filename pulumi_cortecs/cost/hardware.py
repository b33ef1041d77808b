"""A priced piece of hardware, in the shape the field uses (Cortecs' HardwareType; API facts, section 1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pulumi_cortecs.cost.money import Money, MoneyError


@dataclass(frozen=True)
class HardwareType:
    """What one worker runs on and costs.

    `price_per_hour` and `price_per_minute` are per worker; `gpu_type` is None where the vendor names none;
    `gpu_ram_gb` is the figure the vendor gives, in GB (whether per GPU or in total is the catalogue's to say).
    Raises MoneyError for a price that is not positive, or for two currencies in one row.
    """

    hardware_type_id: str
    price_per_hour: Money
    price_per_minute: Money
    gpu_type: str | None = None
    num_gpus: int | None = None
    gpu_ram_gb: Decimal | None = None

    def __post_init__(self) -> None:
        for name, price in (("price_per_hour", self.price_per_hour), ("price_per_minute", self.price_per_minute)):
            if price <= Money.zero(price.currency):
                raise MoneyError(f"{self.hardware_type_id}: {name} must be positive, not {price}")
        if self.price_per_hour.currency != self.price_per_minute.currency:
            raise MoneyError(f"{self.hardware_type_id}: prices in two currencies")

    @property
    def currency(self) -> str:
        """The currency of both prices."""
        return self.price_per_hour.currency

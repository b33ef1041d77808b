"""What a cloud rents out at this moment, in the same words for every cloud."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pulumi_cortecs.cost.money import Money


@dataclass(frozen=True)
class Offer:
    """The hardware of one instance, or of one of its workers, as a cloud offers it now.

    `id` is the hardware's name in catalogues, limits and policies; `region` is "" where the cloud offers no choice;
    `gpu_type` is the vendor's name, "" for none; `gpu_count` and `gpu_memory_gb`, the GB of each GPU, are None where
    the vendor does not tell them. `price_per_hour` is the lowest price of an hour, whatever the billing. `available`:
    whether it can be bought now.
    """

    cloud: str
    id: str
    price_per_hour: Money
    available: bool
    region: str = ""
    gpu_type: str = ""
    gpu_count: int | None = None
    gpu_memory_gb: Decimal | None = None

"""The rows of a price list, made of Shadeform's figures. Live quotes and catalogues share them, so that both have
the same prices to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from pulumi_cortecs.cost.billing import BillingInterval
from pulumi_cortecs.cost.hardware import PricedHardware, RamMeaning, sixtieth
from pulumi_cortecs.cost.money import Money

CLOUD: Final = "shadeform"
CURRENCY: Final = "USD"
VOLUME: Final = "volume"
"""The type in the hardware id of a volume."""
_CENTS: Final = Decimal("0.01")


def hardware_type_id(cloud: str, region: str, machine: str) -> str:
    """The id of an instance type in a region, in catalogues, limits and policies: "CLOUD/REGION/TYPE"."""
    return f"{cloud}/{region}/{machine}"


def machine_row(
    cloud: str,
    region: str,
    machine: str,
    *,
    cents_per_hour: int,
    gpu_type: str = "",
    num_gpus: int | None = None,
    vram_per_gpu_in_gb: int | None = None,
    provenance: str = "",
) -> PricedHardware:
    """The row of an instance type in a region. A machine without a GPU has no number of GPUs, so that no rule about
    GPUs lets it pass. Raises MoneyError for a price that is not positive."""
    hour = Money.of(cents_per_hour, CURRENCY) * _CENTS
    return _row(
        hardware_type_id(cloud, region, machine),
        region,
        hour,
        gpu_type=gpu_type or None,
        num_gpus=num_gpus or None,
        gpu_ram_gb=Decimal(vram_per_gpu_in_gb) if vram_per_gpu_in_gb else None,
        provenance=provenance,
    )


def volume_row(cloud: str, region: str, price_per_gb_per_hour: str, *, provenance: str = "") -> PricedHardware:
    """The row of the volumes of a region; its prices are per GB. Raises MoneyError for a price that is not positive."""
    hour = Money.of(price_per_gb_per_hour, CURRENCY)
    return _row(hardware_type_id(cloud, region, VOLUME), region, hour, provenance=provenance)


def _row(
    row_id: str,
    region: str,
    hour: Money,
    *,
    gpu_type: str | None = None,
    num_gpus: int | None = None,
    gpu_ram_gb: Decimal | None = None,
    provenance: str = "",
) -> PricedHardware:
    return PricedHardware(
        row_id,
        hour,
        sixtieth(hour),
        gpu_type,
        num_gpus,
        gpu_ram_gb,
        cloud=CLOUD,
        region=region,
        gpu_ram_is=RamMeaning.UNDECIDED if gpu_ram_gb is None else RamMeaning.PER_GPU,
        billing=(BillingInterval.PER_MINUTE,),
        provenance=provenance,
    )

"""What people have noted in a price list, kept when it is pulled anew: no vendor tells what they have found out."""

from __future__ import annotations

from dataclasses import replace

from pulumi_cortecs.cost.hardware import HardwareType
from pulumi_cortecs.cost.pricelist import PriceList


def with_notes_of(old: PriceList, new: PriceList) -> PriceList:
    """`new` with the notes of `old`, each for as long as what it was about is the same.

    `gpu_ram_is` goes with the memory and the number of GPUs, `provenance` with the prices; `billing` stays.
    """
    return replace(
        new, hardware_types=tuple(_noted(row, old.by_id.get(row.hardware_type_id)) for row in new.hardware_types)
    )


def _noted(row: HardwareType, before: HardwareType | None) -> HardwareType:
    if before is None:
        return row
    row = replace(row, billing=before.billing)
    if (row.gpu_ram_gb, row.num_gpus) == (before.gpu_ram_gb, before.num_gpus):
        row = replace(row, gpu_ram_is=before.gpu_ram_is)
    if (row.price_per_hour, row.price_per_minute) == (before.price_per_hour, before.price_per_minute):
        row = replace(row, provenance=before.provenance)
    return row

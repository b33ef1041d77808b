"""The changes that a reviewer of a price list is shown, and the notes that are carried over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, RamMeaning
from pulumi_cortecs.cost import catalogue as catalogues
from pulumi_cortecs.cost.catalogue import Catalogue, CatalogueModel, PriceList
from pulumi_cortecs.cost.catalogue_diff import Difference, Kind, carry_over_notes, differences

SHIPPED = catalogues.load(Path(catalogues.__file__).parents[1] / "catalogues" / "simulator.lock.yaml")
PRICES = SHIPPED.price_lists["cortecs"]
PINNED = Catalogue({"cortecs": PRICES})


def changed(hardware_type_id: str = "NVIDIA_L4_1", **fields: Any) -> PriceList:
    rows = (
        replace(row, **fields) if row.hardware_type_id == hardware_type_id else row for row in PRICES.hardware_types
    )
    return replace(PRICES, hardware_types=tuple(rows))


def priced(hour: str, minute: str, currency: str = "EUR") -> dict[str, Money]:
    return {"price_per_hour": Money.of(hour, currency), "price_per_minute": Money.of(minute, currency)}


def compared(new: PriceList) -> tuple[Difference, ...]:
    return differences(PINNED, Catalogue({"cortecs": new}))


def test_the_same_prices_do_not_differ_by_time_or_source() -> None:
    later = replace(
        changed(provenance="seen again"), as_of=datetime(2030, 1, 1, tzinfo=timezone.utc), source="elsewhere"
    )
    assert compared(later) == ()


def test_a_moved_price_is_shown_in_percent() -> None:
    hour, minute = compared(changed(**priced("1.50", "0.025")))
    assert (hour.kind, hour.field, hour.before, hour.after) == (Kind.MOVED, "price_per_hour", "1.20 EUR", "1.50 EUR")
    assert (hour.percent, minute.percent) == (25, 25)
    (down,) = compared(changed(**priced("1.20", "0.015")))
    assert down.percent == -25


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_percent_are_exact_at_the_edge_of_a_tolerance(before: int, by: int) -> None:
    old, new = Decimal(before) / 1000, Decimal(before * (10**6 + by)) / 10**9
    start = Catalogue({"cortecs": changed(price_per_hour=Money(old, "EUR"))})
    (moved,) = differences(start, Catalogue({"cortecs": changed(price_per_hour=Money(new, "EUR"))}))
    exactly = Decimal(by) / 10**4
    assert not moved.above(exactly)
    assert moved.above(exactly - Decimal("0.00000001"))


@pytest.mark.parametrize(
    ("fields", "field", "before", "after"),
    [
        ({"num_gpus": 2}, "num_gpus", "1", "2"),
        ({"gpu_type": None}, "gpu_type", "NVIDIA L4", "none"),
        ({"gpu_ram_gb": Decimal(48)}, "gpu_ram_gb", "24", "48"),
        ({"gpu_ram_is": RamMeaning.PER_GPU}, "gpu_ram_is", "total", "per_gpu"),
        ({"region": "eu-1"}, "region", "none", "eu-1"),
        ({"billing": (BillingInterval.PER_HOUR,)}, "billing", "per_minute, per_hour", "per_hour"),
    ],
)
def test_what_is_no_price_is_above_any_tolerance(fields: dict[str, Any], field: str, before: str, after: str) -> None:
    (difference,) = compared(changed(**fields))
    assert (difference.kind, difference.field, difference.before, difference.after) == (
        Kind.CHANGED,
        field,
        before,
        after,
    )
    assert difference.above(Decimal(10**9))


def test_rows_and_models_come_and_go() -> None:
    gone = "NVIDIA_H100_2"
    models = tuple(
        replace(
            model,
            recommended_config=None,
            hardware_configs={
                key: 1024 if key == "NVIDIA_L4_2" else tokens
                for key, tokens in model.hardware_configs.items()
                if key != gone
            },
        )
        for model in PRICES.models[1:]
    )
    rows = tuple(row for row in PRICES.hardware_types if row.hardware_type_id != gone)
    new = PricedHardware("NVIDIA_B200_1", **priced("9.00", "0.15"), cloud="cortecs")
    changes = compared(replace(PRICES, hardware_types=(*rows, new), models=(*models, CatalogueModel("A--B"))))
    summary = [(difference.what, difference.id, difference.kind.value, difference.field) for difference in changes]
    assert summary[:3] == [
        ("hardware_type", "NVIDIA_B200_1", "new", ""),
        ("hardware_type", gone, "withdrawn", ""),
        ("model", "A--B", "new", ""),
    ]
    assert ("model", "Qwen--Qwen2-7B-Instruct", "withdrawn", "") in summary
    big = "neuralmagic--Meta-Llama-3.1-70B-Instruct-FP8"
    assert ("model", big, "changed", "recommended_config") in summary
    assert ("model", big, "changed", f"context on {gone}") in summary
    assert ("model", "meta-llama--Meta-Llama-3.1-8B-Instruct", "changed", "context on NVIDIA_L4_2") in summary


def test_another_currency_is_no_percent() -> None:
    dollars = tuple(replace(row, **priced("1.20", "0.02", "USD")) for row in PRICES.hardware_types)
    changes = compared(replace(PRICES, currency="USD", hardware_types=dollars))
    assert {difference.percent for difference in changes} == {None}
    assert all(difference.above(Decimal(10**9)) for difference in changes)


def test_a_whole_cloud_comes_and_goes() -> None:
    elsewhere = PricedHardware("A6000", **priced("0.60", "0.01"), cloud="elsewhere")
    both = Catalogue(
        {
            "cortecs": PRICES,
            "elsewhere": replace(PRICES, cloud="elsewhere", hardware_types=(elsewhere,), models=()),
        }
    )
    assert [(difference.id, difference.kind) for difference in differences(PINNED, both)] == [("elsewhere", Kind.NEW)]
    assert [(difference.id, difference.kind) for difference in differences(both, PINNED)] == [
        ("elsewhere", Kind.WITHDRAWN)
    ]


def pulled(**fields: Any) -> PricedHardware:
    """The row of two L4 as a vendor reports it, with the note of the pinned row on the meaning of its memory."""
    bare = {"gpu_ram_is": RamMeaning.UNDECIDED, "provenance": ""}
    annotated = carry_over_notes(PRICES, changed("NVIDIA_L4_2", **bare, **fields))
    return annotated.by_id["NVIDIA_L4_2"]


def test_what_was_noted_stays_as_long_as_it_fits() -> None:
    before = PRICES.by_id["NVIDIA_L4_2"]
    assert pulled() == before
    dearer = pulled(**priced("3.00", "0.05"))
    assert (dearer.gpu_ram_is, dearer.provenance) == (RamMeaning.TOTAL, "")  # where this price comes from is not known
    bigger = pulled(gpu_ram_gb=Decimal(96))
    assert (bigger.gpu_ram_is, bigger.provenance) == (RamMeaning.UNDECIDED, before.provenance)
    hourly = replace(
        PRICES, hardware_types=tuple(replace(row, billing=(BillingInterval.PER_HOUR,)) for row in PRICES.hardware_types)
    )
    assert carry_over_notes(hourly, PRICES) == hourly


def test_a_new_row_has_no_notes() -> None:
    new = PricedHardware("NVIDIA_B200_1", **priced("9.00", "0.15"), cloud="cortecs")
    annotated = carry_over_notes(PRICES, replace(PRICES, hardware_types=(*PRICES.hardware_types, new)))
    assert annotated.by_id["NVIDIA_B200_1"] == new

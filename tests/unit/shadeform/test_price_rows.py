"""The rows of Shadeform's price list: exact cents per hour, and a minute that never changes what an hour costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import BillingInterval, Money, MoneyError, quote
from pulumi_cortecs.shadeform.price_rows import machine_row, volume_row

PER_MINUTE = BillingInterval.PER_MINUTE


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


def test_a_machine_has_the_price_of_all_its_gpus_and_the_memory_of_each() -> None:
    row = machine_row(
        "hyperstack",
        "montreal-canada-2",
        "A6000x2",
        cents_per_hour=100,
        gpu_type="A6000",
        num_gpus=2,
        vram_per_gpu_in_gb=48,
    )
    assert (row.hardware_type_id, row.region) == ("hyperstack/montreal-canada-2/A6000x2", "montreal-canada-2")
    assert (row.price_per_hour, row.price_per_minute) == (usd("1.00"), usd("0.0166666667"))
    assert row.total_ram_gb() == (96, 96)


def test_a_volume_is_priced_by_the_gb() -> None:
    row = volume_row("hyperstack", "montreal-canada-2", "0.0001")
    assert row.hardware_type_id == "hyperstack/montreal-canada-2/volume"
    assert quote(row, PER_MINUTE, 500, "live").hourly_total == usd("0.05")


@given(st.integers(1, 10**7), st.integers(1, 8))
def test_an_hour_costs_exactly_the_vendors_cents(cents: int, count: int) -> None:
    row = machine_row("c", "r", "t", cents_per_hour=cents)
    assert not row.has_own_hourly_price
    assert quote(row, PER_MINUTE, count, "live").hourly_total.amount * 100 == cents * count


def test_a_machine_without_gpus_has_no_number_of_them() -> None:
    row = machine_row("massedcompute", "us-east-5", "cpu_mini", cents_per_hour=12, num_gpus=0, vram_per_gpu_in_gb=0)
    assert (row.gpu_type, row.num_gpus, row.total_ram_gb()) == (None, None, None)


@pytest.mark.parametrize("cents", [0, -5])
def test_nothing_is_for_free(cents: int) -> None:
    with pytest.raises(MoneyError, match="must be positive"):
        machine_row("c", "r", "t", cents_per_hour=cents)

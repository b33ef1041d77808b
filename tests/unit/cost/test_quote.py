"""The price before the purchase: per worker, in total, in one currency, and the same at every look."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import BillingInterval, Money, MoneyError, PricedHardware, billed_amount, quote

PER_MINUTE, PER_HOUR = BillingInterval.PER_MINUTE, BillingInterval.PER_HOUR

prices = st.decimals(min_value=Decimal("0.000001"), max_value=10_000, places=6)
hardware_types = st.builds(
    lambda hour, minute: PricedHardware("H", Money(hour, "EUR"), Money(minute, "EUR"), cloud="c"), prices, prices
)


def hardware(hour: str = "1.20", minute: str = "0.03") -> PricedHardware:
    return PricedHardware("NVIDIA_L4_1", Money.of(hour, "EUR"), Money.of(minute, "EUR"), cloud="c")


def test_by_the_minute_an_hour_is_sixty_minutes() -> None:
    assert quote(hardware(), PER_MINUTE, 1, "live").hourly_total == Money.of("1.80", "EUR")


def test_where_no_hours_are_billed_the_hours_price_is_that_of_sixty_minutes() -> None:
    derived = replace(hardware("0.50", "0.0083333333"), billing=(PER_MINUTE,))
    assert quote(derived, PER_MINUTE, 2, "live").hourly_total == Money.of("1.00", "EUR")
    own = replace(hardware("0.50", "0.01"), billing=(PER_MINUTE,))  # the two do not agree: a minute is what is billed
    assert quote(own, PER_MINUTE, 2, "live").hourly_total == Money.of("1.20", "EUR")


@given(st.integers(1, 10**7))
def test_a_rounded_minute_moves_no_price_of_an_hour(cents: int) -> None:
    hour = Money(Decimal(cents).scaleb(-2), "USD")
    minute = Money((hour.amount / 60).quantize(Decimal("0.000001")), "USD")
    row = PricedHardware("H", hour, minute, cloud="c", billing=(PER_MINUTE,))
    assert not row.has_own_hourly_price
    assert quote(row, PER_MINUTE, 3, "live").hourly_total == hour * 3


def test_by_the_hour_it_is_the_hourly_price() -> None:
    assert quote(hardware(), PER_HOUR, 1, "live").hourly_total == Money.of("1.20", "EUR")


def test_the_word_for_an_interval_means_that_interval() -> None:
    word: Any = "per_hour"
    assert quote(hardware(), word, 1, "live") == quote(hardware(), PER_HOUR, 1, "live")


@given(hardware_types, st.sampled_from(BillingInterval), st.integers(1, 8))
def test_the_quote_of_an_hour_is_what_an_hour_is_billed(
    hardware_type: PricedHardware, interval: BillingInterval, num_workers: int
) -> None:
    quoted = quote(hardware_type, interval, num_workers, "live")
    assert quoted.hourly_total == billed_amount(hardware_type, interval, num_workers, timedelta(hours=1))


@pytest.mark.parametrize("num_workers", [0, -1, True])
def test_nothing_is_ever_priced_at_zero(num_workers: int) -> None:
    with pytest.raises(ValueError, match="worker"):
        quote(hardware(), PER_MINUTE, num_workers, "live")


def test_a_property_holds_decimal_strings_and_nothing_that_varies() -> None:
    properties = quote(hardware(), PER_MINUTE, 2, "live").as_property()
    assert properties == {
        "price_per_hour": "1.20",
        "price_per_minute": "0.03",
        "hourly_total": "3.60",
        "currency": "EUR",
        "source": "live",
    }
    assert quote(hardware("1.2", "0.030"), PER_MINUTE, 2, "live").as_property() == properties


@pytest.mark.parametrize(("hour", "minute"), [("0", "0.03"), ("1.20", "0"), ("-1", "0.03"), ("1.20", "-0.03")])
def test_hardware_has_positive_prices(hour: str, minute: str) -> None:
    with pytest.raises(MoneyError, match=r"NVIDIA_L4_1.*must be positive"):
        hardware(hour, minute)


def test_hardware_has_its_prices_in_one_currency() -> None:
    with pytest.raises(MoneyError, match="two currencies"):
        PricedHardware("H", Money.of(1, "EUR"), Money.of(1, "USD"), cloud="c")
    assert hardware().currency == "EUR"

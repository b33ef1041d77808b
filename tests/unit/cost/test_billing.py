"""The cost of a run: started intervals, each worker paid for, nothing for nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, billed_amount

PER_MINUTE, PER_HOUR = BillingInterval.PER_MINUTE, BillingInterval.PER_HOUR
# an hour is not sixty minutes here, so that a price taken for the other one shows
L4 = PricedHardware("NVIDIA_L4_1", Money.of("1.20", "EUR"), Money.of("0.03", "EUR"), cloud="c")

runs = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650))
workers = st.integers(1, 8)
intervals = st.sampled_from(BillingInterval)


@pytest.mark.parametrize(
    ("ran_for", "minutes", "hours"),
    [
        (timedelta(0), 0, 0),
        (timedelta(microseconds=1), 1, 1),
        (timedelta(seconds=59, microseconds=999_999), 1, 1),
        (timedelta(minutes=1), 1, 1),
        (timedelta(minutes=1, microseconds=1), 2, 1),
        (timedelta(minutes=59, seconds=59), 60, 1),
        (timedelta(hours=1), 60, 1),
        (timedelta(hours=1, microseconds=1), 61, 2),
        (timedelta(days=1), 1440, 24),
    ],
)
def test_started_minutes_and_hours_count_as_whole_ones(ran_for: timedelta, minutes: int, hours: int) -> None:
    assert billed_amount(L4, PER_MINUTE, 1, ran_for) == L4.price_per_minute * minutes
    assert billed_amount(L4, PER_HOUR, 1, ran_for) == L4.price_per_hour * hours


@given(runs, workers)
def test_an_hourly_bill_is_the_price_times_the_hours_rounded_up(ran_for: timedelta, num_workers: int) -> None:
    microseconds = ran_for // timedelta(microseconds=1)
    hours = (microseconds + 3_600_000_000 - 1) // 3_600_000_000
    assert billed_amount(L4, PER_HOUR, num_workers, ran_for) == L4.price_per_hour * hours * num_workers


@given(intervals, workers, runs, runs)
def test_a_longer_run_never_costs_less(
    interval: BillingInterval, num_workers: int, one: timedelta, other: timedelta
) -> None:
    shorter, longer = sorted((one, other))
    assert billed_amount(L4, interval, num_workers, shorter) <= billed_amount(L4, interval, num_workers, longer)


@given(intervals, workers, runs)
def test_each_worker_is_paid_for(interval: BillingInterval, num_workers: int, ran_for: timedelta) -> None:
    assert billed_amount(L4, interval, num_workers, ran_for) == billed_amount(L4, interval, 1, ran_for) * num_workers


@given(intervals, runs, runs)
def test_two_runs_cost_at_least_what_one_of_their_length_does(
    interval: BillingInterval, one: timedelta, other: timedelta
) -> None:
    apart = billed_amount(L4, interval, 1, one) + billed_amount(L4, interval, 1, other)
    assert apart >= billed_amount(L4, interval, 1, one + other)


def test_a_run_cannot_be_shorter_than_nothing() -> None:
    with pytest.raises(ValueError, match="cannot last"):
        billed_amount(L4, PER_MINUTE, 1, timedelta(microseconds=-1))


@pytest.mark.parametrize("num_workers", [0, -1, True, 1.0, "1"])
def test_at_least_one_worker_is_paid_for(num_workers: Any) -> None:
    with pytest.raises(ValueError, match="worker"):
        billed_amount(L4, PER_MINUTE, num_workers, timedelta(hours=1))


def test_the_word_for_an_interval_means_that_interval() -> None:
    word: Any = "per_hour"
    assert billed_amount(L4, word, 1, timedelta(minutes=1)) == L4.price_per_hour


def test_an_interval_that_is_none_is_not_taken_for_the_cheaper_one() -> None:
    word: Any = "per_day"
    with pytest.raises(ValueError, match="per_day"):
        billed_amount(L4, word, 1, timedelta(minutes=1))

"""Sums: exact, per currency, and the same whoever adds first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import BillingInterval, Money
from pulumi_cortecs.policy import Known, Missing, NotKnownError, Purchase
from pulumi_cortecs.policy.sums import RunningSum, Sum, sum_of
from pulumi_cortecs.policy.testing import sample_catalogue

L4 = sample_catalogue().hardware("cortecs", "NVIDIA_L4_1")
assert L4 is not None
NOTHING = Missing("not given")
ONE = Purchase(
    urn="urn:pulumi:test::tests::kind::n0",
    name="n0",
    cloud="cortecs",
    model_id=Known("Qwen--Qwen2-7B-Instruct"),
    hardware_type_id=Known("NVIDIA_L4_1"),
    hardware=Known(L4),
    regions=NOTHING,
    workers_min=Known(1),
    workers_max=Known(1),
    context_length=NOTHING,
    billing_interval=Known(BillingInterval.PER_MINUTE),
    state=NOTHING,
    ttl=NOTHING,
    adopt_id=NOTHING,
    live=NOTHING,
)


def unit(number: int, workers: int) -> Purchase:
    return replace(ONE, urn=f"{ONE.urn}{number}", workers_max=Known(workers))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 8)), min_size=1, max_size=20))
def test_a_running_sum_is_the_sum_of_the_highest_prices_seen(registered: list[tuple[int, int]]) -> None:
    running = RunningSum()
    sums = [running.add(unit(number, workers)).hourly() for number, workers in registered]
    highest = {number: max(w for n, w in registered if n == number) for number, _ in registered}
    assert sums[-1] == [Money.of("1.20", "EUR") * sum(highest.values())]
    assert sums == sorted(sums)  # and never falls on the way


def test_two_currencies_stay_two() -> None:
    both = Sum("2 instances", (Known(Money.of("1.20", "EUR")), Known(Money.of("2.00", "USD"))))
    assert both.hourly() == [Money.of("1.20", "EUR"), Money.of("2.00", "USD")]


def test_what_has_no_price_is_not_summed_as_nothing() -> None:
    unpriced = replace(ONE, hardware=Missing("the hardware", "is not in the catalogue"))
    with pytest.raises(NotKnownError, match="1 of 2 instances of this stack cannot be summed"):
        sum_of([ONE, unpriced]).hourly()
    running = RunningSum()
    running.add(unpriced)
    with pytest.raises(NotKnownError, match="1 of 2 instances of this stack so far cannot be summed"):
        running.add(unit(1, 1)).hourly()


def test_threads_lose_nothing() -> None:
    running = RunningSum()
    with ThreadPoolExecutor(16) as pool:
        sums = list(pool.map(lambda number: running.add(unit(number, 1)).hourly()[0], range(200)))
    assert max(sums) == Money.of("240.00", "EUR")
    assert len(set(sums)) == 200

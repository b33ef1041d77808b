"""Gates: limits that a machine stops a change by. What cannot be computed has failed."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.review.gates import GateError, check_gates, read_gates
from pulumi_cortecs.review.report import HourlyPrice, Total, Unpriced
from pulumi_cortecs.review.summary import limit_text


def hourly(amount: str, currency: str = "EUR", floor: str | None = None) -> HourlyPrice:
    return HourlyPrice(Money.of(floor or amount, currency), Money.of(amount, currency))


def total(before: str, after: str, currency: str = "EUR", floor: str | None = None) -> Total:
    return Total(hourly(before, currency), hourly(after, currency, floor), HourlyPrice.zero(currency))


def passed(
    *totals: Total, unpriced: tuple[Unpriced, ...] = (), problems: tuple[str, ...] = (), **gates: Any
) -> list[bool]:
    return [gate.passed for gate in check_gates(read_gates(**gates), totals, unpriced, problems, 730)]


@pytest.mark.parametrize(
    ("after", "gates", "passes"),
    [
        ("2.00", {"max_increase": ["1.00EUR/h"]}, True),
        ("2.01", {"max_increase": ["1.00EUR/h"]}, False),
        ("2.00", {"max_increase": ["730.00 EUR/month"]}, True),
        ("2.00", {"max_increase": ["729.99EUR/month"]}, False),
        ("0.50", {"max_increase": ["0EUR/h"]}, True),
        ("1.20", {"max_increase_percent": "20"}, True),
        ("1.21", {"max_increase_percent": "20"}, False),
        ("1.00", {"max_increase_percent": "0"}, True),
        ("5.00", {"max_hourly": ["5EUR"]}, True),
        ("5.01", {"max_hourly": ["5EUR"]}, False),
        ("1.00", {"max_monthly": ["730EUR"]}, True),
        ("1.00", {"max_monthly": ["729EUR"]}, False),
    ],
)
def test_a_gate_passes_up_to_its_amount(after: str, gates: dict[str, Any], passes: bool) -> None:
    assert passed(total("1.00", after), **gates) == [passes]


def test_gates_are_on_the_ceiling_of_what_scales() -> None:
    assert passed(total("1.00", "9.00", floor="0.00"), max_hourly=["8EUR"], max_increase=["7EUR/h"]) == [False, False]


def test_each_currency_is_judged_by_itself_and_one_without_a_limit_fails_where_it_costs_more() -> None:
    totals = total("1.00", "1.50"), total("1.00", "9.00", "USD")
    assert passed(*totals, max_increase=["1EUR/h", "9USD/h"]) == [True, True]
    assert passed(*totals, max_increase=["1EUR/h"]) == [True, False]
    assert passed(*totals, max_hourly=["2EUR"]) == [True, False]
    (_, without) = check_gates(read_gates(max_hourly=["2EUR"]), totals, (), (), 730)
    assert limit_text(without) == "9.00 USD/h: no cost in USD is allowed, because --max-hourly has no amount in USD"
    assert passed(*totals, max_increase_percent="50") == [True, False]
    cheaper = total("1.00", "1.50"), total("9.00", "1.00", "USD")
    assert passed(*cheaper, max_increase=["1EUR/h"]) == [True]
    assert passed(total("1.00", "1.50"), max_increase=["1EUR/h", "1USD/h"]) == [True, True]


def test_a_percentage_of_nothing_cannot_be_computed_and_fails() -> None:
    (result,) = check_gates(read_gates(max_increase_percent="999999"), [total("0", "0.01")], (), (), 730)
    assert (result.passed, result.text) == (False, "cannot be checked: +0.01 EUR/h on nothing has no percentage")
    assert passed(total("0", "0"), max_increase_percent="0") == [True]
    assert passed(max_increase_percent="0") == [True]


@pytest.mark.parametrize(
    ("after", "gates", "sentence"),
    [
        ("2.00", {"max_increase": ["0.50EUR/h"]}, "+1.00 EUR/h is more than the allowed +0.50 EUR/h (--max-increase)"),
        (
            "2.00",
            {"max_increase": ["0EUR/month"]},
            "+730.00 EUR/month is more than the allowed 0.00 EUR/month (--max-increase)",
        ),
        ("0.50", {"max_increase": ["1EUR/h"]}, "-0.50 EUR/h is within the allowed +1.00 EUR/h (--max-increase)"),
        ("2.00", {"max_hourly": ["1EUR"]}, "2.00 EUR/h is more than the allowed 1.00 EUR/h (--max-hourly)"),
        (
            "2.00",
            {"max_increase_percent": "20"},
            "+1.00 EUR/h on 1.00 EUR/h is more than the allowed +20 % (--max-increase-percent)",
        ),
        (
            "2.00",
            {"max_increase": ["9USD/h"]},
            "+1.00 EUR/h: no increase in EUR is allowed, because --max-increase has no amount in EUR",
        ),
    ],
)
def test_a_limit_is_a_sentence_that_begins_with_the_number(after: str, gates: dict[str, Any], sentence: str) -> None:
    assert limit_text(check_gates(read_gates(**gates), [total("1.00", after)], (), (), 730)[-1]) == sentence


def test_without_a_price_a_gate_fails_that_counts_it() -> None:
    changed, unchanged = (
        Unpriced("urn", "chat", "cortecs.Instance", "no row", is_changed=way) for way in (True, False)
    )
    gates = {
        "max_increase": ["9EUR/h"],
        "max_increase_percent": "99",
        "max_hourly": ["9EUR"],
        "max_monthly": ["9999EUR"],
    }
    one = total("1.00", "1.10")
    assert passed(one, unpriced=(changed,), **gates) == [False] * 4
    for unpriced, reason in (
        ((changed,), "1 purchase has no price"),
        ((changed, changed), "2 purchases have no price"),
    ):
        result = check_gates(read_gates(max_increase=["9EUR/h"]), [one], unpriced, (), 730)[0]
        assert limit_text(result) == f"cannot be checked: {reason} (--max-increase)"
    assert passed(one, unpriced=(unchanged,), **gates) == [True, True, False, False]
    assert passed(one, problems=("cut",), **gates) == [False] * 4
    assert passed(one, **gates) == [True] * 4


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ({"max_increase": ["5.00"]}, "5.00 EUR/h, 500 EUR/month"),
        ({"max_increase": ["5.00EUR"]}, "per hour or month"),
        ({"max_increase": ["5.00EUR/day"]}, "per hour or month"),
        ({"max_increase": ["-5.00EUR/h"]}, "per hour or month"),
        ({"max_increase": ["1EUR/h", "2EUR/month"]}, "two amounts in EUR"),
        ({"max_increase_percent": "20%"}, "a number of percent"),
        ({"max_hourly": ["5"]}, "with its currency"),
        ({"max_hourly": ["5EUR/h"]}, "with its currency"),
        ({"max_monthly": ["5eur"]}, "with its currency"),
        ({"max_monthly": [f"{'9' * 30}EUR"]}, "--max-monthly"),
    ],
)
def test_a_gate_is_written_with_its_unit(gates: dict[str, Any], message: str) -> None:
    with pytest.raises(GateError, match=message):
        read_gates(**gates)

"""An amount is exact, finite and in one currency; anything else is an error, never a rounded number."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import CurrencyMismatchError, Money, MoneyError

amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=12, allow_nan=False, allow_infinity=False)
currencies = st.sampled_from(["EUR", "USD", "AZN"])
money = st.builds(Money, amounts, currencies)
euros = st.builds(Money, amounts, st.just("EUR"))


@pytest.mark.parametrize("amount", [1.2, 1.0, float("nan"), float("inf"), True, False, None, b"1", [1], 1 + 0j])
def test_only_strings_ints_and_decimals_are_amounts(amount: Any) -> None:
    with pytest.raises(MoneyError):
        Money.of(amount, "EUR")
    with pytest.raises(MoneyError):
        Money(amount, "EUR")


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_is_no_amount(amount: str) -> None:
    with pytest.raises(MoneyError):
        Money.of(amount, "EUR")
    with pytest.raises(MoneyError):
        Money(Decimal(amount), "EUR")


@pytest.mark.parametrize("amount", ["", " 1", "1 ", "1,20", "1_000", "１.２", "٣", "0x10", "1.", ".5", "EUR 1", "1e"])
def test_a_string_is_a_plain_decimal_number(amount: str) -> None:
    with pytest.raises(MoneyError, match="not a decimal amount"):
        Money.of(amount, "EUR")


@pytest.mark.parametrize("amount", ["1e999999999", "-1e20", "1e-999999999", "0e999999", "1e-41"])
def test_what_nobody_could_write_out_is_refused_at_once(amount: str) -> None:
    with pytest.raises(MoneyError, match="at most"):
        Money.of(amount, "EUR")


@pytest.mark.parametrize("currency", ["eur", "EURO", "EU", "", "€", "EU1", "EUR\n", " EUR", None, 978])
def test_a_currency_is_three_capital_letters(currency: Any) -> None:
    with pytest.raises(MoneyError, match="three-letter"):
        Money(Decimal(1), currency)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=0, max_value=10**6), st.integers(1, 500))
def test_a_sum_of_equal_amounts_is_their_product_to_the_last_digit(amount: Decimal, times: int) -> None:
    total = Money.zero("EUR")
    for _ in range(times):
        total += Money(amount, "EUR")
    assert total == Money(amount, "EUR") * times


@given(euros, euros)
def test_what_is_added_can_be_taken_away_again(one: Money, other: Money) -> None:
    assert one + other == other + one
    assert (one + other) - other == one


def test_the_decimal_context_of_the_program_does_not_round_our_money() -> None:
    with localcontext() as careless:
        careless.prec = 3
        assert Money.of("1234.56", "EUR") + Money.of("0.01", "EUR") == Money.of("1234.57", "EUR")
        assert Money.of("1234.56", "EUR") - Money.of("0.01", "EUR") == Money.of("1234.55", "EUR")
        assert Money.of("1234.56", "EUR") * 3 == Money.of("3703.68", "EUR")
        assert Money.of("1234.56", "EUR").decimal_string() == "1234.56"


def test_digits_beyond_the_default_precision_are_kept() -> None:
    large, tiny = Money.of("99999999999999999999", "EUR"), Money.of("0.0000000000000000000000000000000000000001", "EUR")
    assert (large + tiny).decimal_string() == "99999999999999999999.0000000000000000000000000000000000000001"


def test_a_sum_too_large_to_be_money_is_an_error() -> None:
    with pytest.raises(MoneyError, match="at most"):
        Money.of("99999999999999999999", "EUR") + Money.of(1, "EUR")


@pytest.mark.parametrize("factor", [1.5, True, "2", None, Money.of(2, "EUR"), Decimal("NaN"), Decimal("Infinity")])
def test_money_is_multiplied_by_a_finite_exact_number_only(factor: Any) -> None:
    with pytest.raises(MoneyError):
        Money.of(1, "EUR") * factor
    with pytest.raises(MoneyError):
        Money.zero("EUR") * factor


def test_a_price_is_above_zero_and_has_a_currency() -> None:
    assert Money.price_or_none("0.10", "USD") == Money.of("0.10", "USD")
    for amount, currency in ((None, "USD"), ("0", "USD"), (-1, "USD"), ("1", None), ("", "USD"), ("n/a", "USD")):
        assert Money.price_or_none(amount, currency) is None


def test_a_number_may_stand_on_either_side() -> None:
    assert 3 * Money.of("0.10", "EUR") == Money.of("0.10", "EUR") * 3 == Money.of("0.30", "EUR")
    assert Money.of("0.10", "EUR") * Decimal("0.5") == Money.of("0.05", "EUR")


@pytest.mark.parametrize(
    "use",
    [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge],
    ids=lambda use: use.__name__,
)
@given(one=amounts, other=amounts)
def test_two_currencies_are_never_added_or_compared(
    use: Callable[[Money, Money], object], one: Decimal, other: Decimal
) -> None:
    with pytest.raises(CurrencyMismatchError):
        use(Money(one, "EUR"), Money(other, "USD"))


@given(amounts)
def test_equal_numbers_of_two_currencies_are_not_equal(amount: Decimal) -> None:
    assert Money(amount, "EUR") != Money(amount, "USD")


@pytest.mark.parametrize("other", [0, 1, Decimal(1), "1", None])
def test_money_goes_with_money_only(other: Any) -> None:
    for use in (operator.add, operator.sub, operator.lt, operator.ge):
        with pytest.raises((MoneyError, TypeError)):
            use(Money.of(1, "EUR"), other)
    assert Money.of(1, "EUR") != other


@given(euros, euros)
def test_order_is_that_of_the_numbers(one: Money, other: Money) -> None:
    assert (one < other) == (one.amount < other.amount)
    assert (one >= other) == (one.amount >= other.amount)


@given(money)
def test_the_written_form_reads_back_as_the_same_amount(amount: Money) -> None:
    written = amount.decimal_string()
    assert Money.of(written, amount.currency) == amount
    assert "E" not in written
    assert len(written.partition(".")[2]) >= 2


@given(amounts, st.integers(0, 10))
def test_equal_amounts_are_written_alike(amount: Decimal, zeros: int) -> None:
    longer = Decimal(f"{amount:f}" + "0" * zeros)
    assert Money(longer, "EUR").decimal_string() == Money(amount, "EUR").decimal_string()


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("1.2", "1.20"),
        ("0.0125", "0.0125"),
        ("2", "2.00"),
        ("1e3", "1000.00"),
        ("1.50000", "1.50"),
        ("-0.5", "-0.50"),
        ("0", "0.00"),
        ("-0", "0.00"),
        ("0e-9", "0.00"),
        ("2e-05", "0.00002"),
    ],
)
def test_amounts_are_written_with_two_decimals_or_more(amount: str, written: str) -> None:
    assert Money.of(amount, "EUR").decimal_string() == written
    assert str(Money.of(amount, "EUR")) == f"{written} EUR"


def test_what_people_write_is_plain() -> None:
    assert Money.read("12.50 EUR") == Money.of("12.50", "EUR")
    assert Money.read("0 EUR") == Money.zero("EUR")


@pytest.mark.parametrize(
    "text",
    ["", "5", "EUR", "5.00EUR", "5.00  EUR", "1e3 EUR", "+5 EUR", "-0 EUR", "5. EUR", ".5 EUR", "٥ EUR", "5 EUR "],
)
def test_what_is_not_plain_is_no_amount(text: str) -> None:
    with pytest.raises(MoneyError, match="must be an amount with its currency"):
        Money.read(text)

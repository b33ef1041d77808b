"""The values that a limits file may have, one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.strict_reader import problems_in
from pulumi_cortecs.policy import Amounts, Count, Names, Percent, Settings, Span
from pulumi_cortecs.policy.settings import Patterns, as_integer, parse_lifetime


class Everything(Settings):
    amounts: Amounts = {}  # noqa: RUF012
    count: Count = 0
    names: Names = ()
    patterns: Patterns = {}  # noqa: RUF012
    percent: Percent | None = None
    span: Span = timedelta(0)


def test_values_are_read_for_what_they_mean() -> None:
    read = Everything.model_validate(
        {"amounts": ["12.50 EUR", "14 USD"], "count": 2.0, "names": ["a"], "percent": "2.5", "span": "36h"}
    )
    assert read.amounts == {"EUR": Money.of("12.5", "EUR"), "USD": Money.of(14, "USD")}
    assert (read.count, read.names, str(read.percent), read.span) == (2, ("a",), "2.5", timedelta(hours=36))
    assert isinstance(read.count, int)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("amounts", [], "a list of amounts"),
        ("amounts", "5 EUR", "a list of amounts"),
        ("amounts", [5], "an amount with its currency"),
        ("amounts", ["5"], "an amount with its currency"),
        ("amounts", ["5 eur"], "an amount with its currency"),
        ("amounts", ["-5 EUR"], "an amount with its currency"),
        ("amounts", ["5,00 EUR"], "an amount with its currency"),
        ("amounts", ["５ EUR"], "an amount with its currency"),
        ("amounts", ["NaN EUR"], "an amount with its currency"),
        ("amounts", ["1e9 EUR"], "an amount with its currency"),
        ("amounts", ["0.00 EUR"], "more than nothing"),
        ("amounts", ["999999999999999999999 EUR"], "at most 20 digits"),
        ("amounts", ["5 EUR", "6 EUR"], "two amounts in EUR"),
        ("count", 1.5, "a whole number"),
        ("count", -1, "a whole number"),
        ("count", True, "a whole number"),
        ("count", "8", "a whole number"),
        ("count", 1e9, "a whole number"),
        ("count", float("nan"), "a whole number"),
        ("count", float("inf"), "a whole number"),
        ("count", None, "a whole number"),
        ("names", "abc", "a list of strings"),
        ("names", ["a", "a"], "twice"),
        ("names", [" a"], "without surrounding spaces"),
        ("names", [""], "without surrounding spaces"),
        ("names", ["a\u200b"], "without surrounding spaces"),
        ("names", [1], "a string"),
        ("patterns", {}, "an object of regular expressions"),
        ("patterns", ["team"], "an object of regular expressions"),
        ("patterns", {"team": "["}, "a regular expression"),
        ("patterns", {"team": 1}, "a regular expression"),
        ("patterns", {"team": None}, "a regular expression"),
        ("patterns", {" team": ""}, "without surrounding spaces"),
        ("percent", 5, "a percentage as a string"),
        ("percent", "-5", "a percentage as a string"),
        ("percent", "5%", "a percentage as a string"),
        ("span", "5", "a time"),
        ("span", "0d", "a time"),
        ("span", "1h30m", "a time"),
        ("span", 5, "a time"),
        ("sapn", "5d", "unknown key; did you mean span?"),
    ],
)
def test_odd_values_are_refused_by_name(key: str, value: Any, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate({key: value})
    (line,) = problems_in(refused.value)
    assert line.startswith(key)
    assert says in line


def test_the_engine_gets_no_defaults_to_fill_in() -> None:
    schema = Everything.schema_for_the_engine()
    assert set(schema) == set(Everything.model_fields)
    assert not [key for key, value in schema.items() if "default" in value]


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_a_whole_number_stays_one_as_a_double(number: int) -> None:
    assert as_integer(float(number)) == number


@given(st.one_of(st.text(), st.booleans(), st.none(), st.floats().filter(lambda number: not number.is_integer())))
def test_what_is_no_whole_number_is_none(value: object) -> None:
    assert as_integer(value) is None


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("8h", timedelta(hours=8)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5d", timedelta(hours=36)),
        ("7d", timedelta(7)),
        ("24h0.0009s", timedelta(hours=24, milliseconds=1)),
    ],
)
def test_a_lifetime_is_read_as_resources_have_it(text: str, means: timedelta) -> None:
    assert parse_lifetime(text) == means


@pytest.mark.parametrize("text", ["", "8", "h", "8 h", "-8h", "8h!", "８h", "9" * 40 + "d"])
def test_what_is_no_lifetime_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|too long"):
        parse_lifetime(text)

"""The settings of a rule in a limits file, read strictly: an unknown key or an invalid value is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, TypeAlias

from pydantic import PlainValidator, WithJsonSchema

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.strict_reader import StrictModel, invalid, parse_money, parse_name
from pulumi_cortecs.cost.times import MAX_DURATION_LENGTH, parse_milliseconds

_SPAN: Final = re.compile(r"[1-9][0-9]{0,5}[dhms]")
_MOST: Final = 1_000_000
_PERCENT: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


class Settings(StrictModel):
    """The settings of one rule, the base of each rule's own class: no coercion, and no unknown keys."""

    @classmethod
    def schema_for_the_engine(cls) -> dict[str, dict[str, Any]]:
        """JSON schemas by key. Without defaults: the engine would fill them in, as if the limits had said so."""
        properties: dict[str, dict[str, Any]] = cls.model_json_schema().get("properties", {})
        return {
            key: {word: value for word, value in schema.items() if word not in ("default", "title")}
            for key, schema in properties.items()
        }


class NoSettings(Settings):
    """Of a rule that has nothing to set."""


def parse_names(value: Any) -> tuple[str, ...]:
    """A list of strings, each once. Raises ValueError for anything else."""
    if not isinstance(value, (list, tuple)):
        raise invalid(value, "a list of strings")
    names = tuple(parse_name(item) for item in value)
    if len(set(names)) < len(names):
        raise invalid(value, "a list without a name twice")
    return names


def as_integer(value: Any) -> int | None:
    """The whole number that a JSON value is, None for anything else; the engine passes every number as a double."""
    if isinstance(value, (bool, str)):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):  # NaN and infinity among them
        return None
    return number if number == value else None


def _count(value: Any) -> int:
    number = as_integer(value)
    if number is None or not 0 <= number <= _MOST:
        raise invalid(value, "a whole number, 0 or more")
    return number


def parse_amount(value: Any) -> Money:
    """ "12.50 EUR" as Money. Raises ValueError for anything else, zero among it."""
    money = parse_money(value)
    if money <= Money.zero(money.currency):
        raise invalid(value, "more than nothing")
    return money


def _amounts(value: Any) -> dict[str, Money]:
    if not isinstance(value, (list, tuple)) or not value:
        raise invalid(value, "a list of amounts, one per currency, such as ['12.50 EUR']")
    by_currency: dict[str, Money] = {}
    for item in value:
        money = parse_amount(item)
        if money.currency in by_currency:
            raise invalid(value, f"one amount in {money.currency}, not two amounts in {money.currency}")
        by_currency[money.currency] = money
    return by_currency


def parse_span(value: Any) -> timedelta:
    """ "45d", "8h", "90m" or "30s". Raises ValueError for anything else."""
    milliseconds = parse_milliseconds(value) if isinstance(value, str) and _SPAN.fullmatch(value) else None
    if milliseconds is None:
        raise invalid(value, "a time such as '45d', '8h' or '90m'")
    return timedelta(milliseconds=int(milliseconds))


def parse_lifetime(text: str) -> timedelta:
    """A duration as resources have it, "8h" or "1h30m", in whole milliseconds, rounded up. Raises ValueError
    for anything else."""
    if len(text) > MAX_DURATION_LENGTH:
        raise ValueError(f"is of {len(text)} characters, too long for a duration")
    milliseconds = parse_milliseconds(text)
    if milliseconds is None:
        raise ValueError(f"is {text!r}, not a duration")
    try:
        return timedelta(milliseconds=int(milliseconds.to_integral_value(ROUND_CEILING)))
    except OverflowError:
        raise ValueError(f"is {text!r}, which is too long") from None


def _percent(value: Any) -> Decimal:
    if not isinstance(value, str) or not _PERCENT.fullmatch(value):
        raise invalid(value, "a percentage as a string, such as '5'")
    return Decimal(value)


def parse_patterns(value: Any) -> dict[str, str]:
    """Regular expressions by name, "" for any text. Raises ValueError for anything else, and for no name at all."""
    if not isinstance(value, Mapping) or not value:
        raise invalid(value, 'an object of regular expressions by name, "" for any text')
    patterns = {parse_name(name): pattern for name, pattern in value.items()}
    for pattern in patterns.values():
        try:
            re.compile(pattern)
        except (re.error, TypeError):
            raise invalid(pattern, "a regular expression, or an empty text") from None
    return patterns


_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}

Names: TypeAlias = Annotated[tuple[str, ...], PlainValidator(parse_names), WithJsonSchema(_TEXTS)]
"""Strings, each once."""
Patterns: TypeAlias = Annotated[
    dict[str, str],
    PlainValidator(parse_patterns),
    WithJsonSchema({"type": "object", "additionalProperties": _TEXT}),
]
"""Regular expressions by name, "" for any text."""
Count: TypeAlias = Annotated[int, PlainValidator(_count), WithJsonSchema({"type": "integer", "minimum": 0})]
"""A whole number, 0 or more."""
Amounts: TypeAlias = Annotated[dict[str, Money], PlainValidator(_amounts), WithJsonSchema(_TEXTS)]
"""["12.50 EUR", "14.00 USD"]: one amount per currency; what costs another currency has no limit, and is refused."""
Span: TypeAlias = Annotated[timedelta, PlainValidator(parse_span), WithJsonSchema(_TEXT)]
"""A time: "45d", "8h", "90m", "30s"."""
Percent: TypeAlias = Annotated[Decimal, PlainValidator(_percent), WithJsonSchema(_TEXT)]
"""A percentage as a string: "5", "2.5"."""


def matches_pattern(text: str, pattern: str) -> bool:
    """Returns whether a pattern of a limits file matches a whole text: `*` stands for anything, every other sign for
    itself. Upper and lower case are different."""
    return fnmatchcase(text, re.sub(r"[?[]", r"[\g<0>]", pattern))

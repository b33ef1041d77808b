"""The arguments and outputs that the instances of every cloud have, as fields of a Purchase, and the Endpoint of every
cloud."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cost import Money, MoneyError
from pulumi_cortecs.policy.field import Field, Known, Missing, NotKnownError, Unknown, malformed
from pulumi_cortecs.policy.purchase import LiveQuote
from pulumi_cortecs.policy.resource_types import Properties, ResourceType, published
from pulumi_cortecs.policy.settings import parse_lifetime

_PERCENT: Final = Decimal("0.01")

BOUGHT: Final = frozenset({"adopt_id", "max_price", "price_tolerance", "ready", "ready_path", "ready_key"})
"""The arguments of every Instance that count at its purchase."""
IN_PLACE: Final = frozenset({"state", "restart_trigger", "ttl", "on_timeout", "labels"})
"""The arguments of every Instance that change in place."""


def ttl(properties: Properties) -> Field[timedelta]:
    """The time for which an instance is wanted."""
    text = properties.string("ttl")
    if not isinstance(text, Known):
        return text
    try:
        return Known(parse_lifetime(text.value))
    except ValueError as error:
        return malformed("ttl", str(error))


def live_quote(properties: Properties) -> Field[LiveQuote]:
    """The quote at the highest price that the provider would still buy at."""
    quote, tolerance = _quote(properties.mapping("quote")), properties.integer("price_tolerance")
    if not isinstance(quote, Known) or isinstance(tolerance, Missing):
        return quote
    if not isinstance(tolerance, Known) or tolerance.value < 0:
        return Unknown("quote", "depends on price_tolerance, which is unknown or invalid", later=False)
    return Known(replace(quote.value, hourly_total=quote.value.hourly_total * (1 + tolerance.value * _PERCENT)))


def endpoint_type(name: str) -> ResourceType:
    """The Endpoint whose provider states call `name`. It buys nothing."""
    return ResourceType(TOKENS[name], published(name), frozenset({"state", "ready_timeout", "on_timeout"}))


def _quote(quote: Field[Properties]) -> Field[LiveQuote]:
    if not isinstance(quote, Known):
        return quote
    cells = quote.value
    try:
        total, currency = cells.string("hourly_total").get(), cells.string("currency").get()
        return Known(LiveQuote(Money.of(total, currency), cells.string("source").get()))
    except NotKnownError as error:
        return Unknown("quote", f"is not complete: {error}", later=error.later)
    except MoneyError as error:
        return malformed("quote", f"makes no sense: {error}")

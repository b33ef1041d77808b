"""The Purchase that a Cortecs resource makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cost import BillingInterval, Money, MoneyError
from pulumi_cortecs.policy.field import Field, Known, Missing, NotKnownError, Unknown, malformed
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.purchase import LiveQuote, Purchase
from pulumi_cortecs.policy.resource_types import Properties, ResourceType
from pulumi_cortecs.policy.settings import parse_lifetime

CLOUD: Final = "cortecs"
_PERCENT: Final = Decimal("0.01")


def _instance(urn: str, name: str, properties: Properties, prices: PinnedPrices) -> Purchase:
    hardware_type_id = properties.string("hardware_type_id")
    hardware = prices.row(CLOUD, hardware_type_id)
    workers = _workers(properties.integer("num_workers"))
    return Purchase(
        urn=urn,
        name=name,
        cloud=CLOUD,
        model_id=properties.string("model_id"),
        hardware_type_id=hardware_type_id,
        hardware=hardware,
        # Cortecs has no region to choose; if the catalogue has one, the instance runs there
        regions=Known((hardware.value.region,))
        if isinstance(hardware, Known) and hardware.value.region
        else Missing("region"),
        workers_min=workers,
        workers_max=workers,
        context_length=properties.integer("context_length"),
        billing_interval=_interval(properties.string("billing_interval")),
        state=properties.string("state"),
        ttl=_ttl(properties.string("ttl")),
        adopt_id=properties.string("adopt_id"),
        live=_highest(_live(properties.mapping("quote")), properties.integer("price_tolerance")),
        labels=properties.strings("labels"),
    )


def _workers(number: Field[int]) -> Field[int]:
    if isinstance(number, Known) and number.value < 1:
        return malformed("num_workers", f"is {number.value}; an instance has at least one worker")
    return number


def _interval(word: Field[str]) -> Field[BillingInterval]:
    if not isinstance(word, Known):
        return word
    try:
        return Known(BillingInterval(word.value))
    except ValueError:
        return malformed("billing_interval", f"is {word.value!r}, not a billing interval")


def _ttl(text: Field[str]) -> Field[timedelta]:
    if not isinstance(text, Known):
        return text
    try:
        return Known(parse_lifetime(text.value))
    except ValueError as error:
        return malformed("ttl", str(error))


def _live(quote: Field[Properties]) -> Field[LiveQuote]:
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


def _highest(quote: Field[LiveQuote], tolerance: Field[int]) -> Field[LiveQuote]:
    """The quote at the highest price that the provider would still buy at."""
    if not isinstance(quote, Known) or isinstance(tolerance, Missing):
        return quote
    if not isinstance(tolerance, Known) or tolerance.value < 0:
        return Unknown("quote", "depends on price_tolerance, which is unknown or invalid", later=False)
    return Known(replace(quote.value, hourly_total=quote.value.hourly_total * (1 + tolerance.value * _PERCENT)))


_BOUGHT: Final = frozenset(
    {"model_id", "hardware_type_id", "context_length", "billing_interval", "num_workers", "adopt_id"}
    | {"max_price", "price_tolerance", "ready", "ready_path", "ready_key"}
)
_IN_PLACE: Final = frozenset({"state", "restart_trigger", "ttl", "on_timeout", "labels"})

RESOURCES: Final = (
    ResourceType(
        resource_type=TOKENS["cortecs.Instance"],
        # Python pickles with protocol 4, from 3.14 on with 5
        providers=frozenset(
            {
                "gASVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBjb3J0ZWNzLkluc3RhbmNllIWUUpQu",
                "gAWVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBjb3J0ZWNzLkluc3RhbmNllIWUUpQu",
            }
        ),
        may_ignore=_IN_PLACE,
        extract=_instance,
        bought=_BOUGHT,
    ),
    ResourceType(
        resource_type=TOKENS["cortecs.Endpoint"],
        providers=frozenset(
            {
                "gASVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBjb3J0ZWNzLkVuZHBvaW50lIWUUpQu",
                "gAWVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBjb3J0ZWNzLkVuZHBvaW50lIWUUpQu",
            }
        ),
        may_ignore=frozenset({"state", "ready_timeout", "on_timeout"}),
    ),
)

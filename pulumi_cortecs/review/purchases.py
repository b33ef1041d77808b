"""The purchases in the states of a preview's events, with their prices by the pinned catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cost.quote import costs_nothing
from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.field import Field, Known, NotKnownError, Unknown, malformed
from pulumi_cortecs.policy.mapped_properties import MappedProperties
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.review.report import Bought, HourlyPrice

_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's text in place of an unknown value."""
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key by which the engine marks secrets, assets and the like."""
_SECRET: Final = "[secret]"
_MAX_REASON: Final = 300
_MAX_HOURLY: Final = 10**9
"""More than any purchase costs, and few enough digits for the sums of months."""

KINDS: Final[Mapping[str, str]] = MappingProxyType({token: name for name, token in TOKENS.items()})
"""The names of our resource types, "cortecs.Instance", by their tokens."""


class EventProperties(MappedProperties):
    """The properties of a state in an event. A secret is never read."""

    def _hidden(self, name: str, value: Any) -> Unknown | None:
        values = value if isinstance(value, list) else [value]
        if _UNKNOWN in values:
            return Unknown(name)
        if any(item == _SECRET or (isinstance(item, Mapping) and _SIGNATURE in item) for item in values):
            return malformed(name, "is a secret, which a preview does not show")
        return None


def is_purchase(resource_type: str) -> bool:
    """Returns whether a resource type of ours buys something."""
    published = RESOURCE_TYPES.get(resource_type)
    return published is not None and published.extract is not None


def old_properties(state: Mapping[str, Any]) -> EventProperties:
    """The properties of a resource that exists; its outputs have what its inputs leave to the vendor."""
    return EventProperties({**_object(state, "outputs"), **_object(state, "inputs")})


def new_properties(state: Mapping[str, Any]) -> EventProperties:
    """The properties of a resource that the program wants."""
    return EventProperties(_object(state, "inputs"))


def read_purchase(urn: str, resource_type: str, properties: EventProperties, prices: PinnedPrices) -> Purchase:
    """The purchase that these properties make. Raises KeyError for a type that buys nothing."""
    extract = RESOURCE_TYPES[resource_type].extract
    if extract is None:
        raise KeyError(resource_type)
    return extract(urn, name_of(urn), properties, prices)


def describe(purchase: Purchase) -> Bought:
    """What a purchase buys, and its price."""
    is_stopped = costs_nothing(_or(purchase.state, None))
    try:
        hourly, unpriced = _hourly(purchase, is_stopped), ""
    except NotKnownError as unknown:
        hourly, unpriced = None, str(unknown)[:_MAX_REASON]
    return Bought(
        amount=_amount(purchase),
        region=", ".join(dict.fromkeys(_or(purchase.regions, ()))),
        model=_or(purchase.model_id, "").replace("--", "/"),
        is_stopped=is_stopped,
        hourly=hourly,
        unpriced=unpriced,
    )


def interrupts(resource_type: str, diffs: Sequence[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Returns whether a change of these properties in place interrupts the service, by the provider's own table. What
    a preview hides counts as changed."""
    from pulumi_cortecs import _abi  # it imports pulumi, so only for a change in place

    rows = _abi.load_kind(KINDS[resource_type]).arguments.rows
    before, after = _object(old, "inputs"), _object(new, "inputs")
    for name in rows.keys() & set(diffs):
        part = rows[name].interrupts
        try:
            if part(before[name]) != part(after[name]) if callable(part) else part:
                return True
        except (LookupError, TypeError):
            return True
    return False


def name_of(urn: str) -> str:
    """The name in a URN, which may have colons itself."""
    return urn.split("::", 3)[-1]


def stack_of(urn: str) -> tuple[str, str]:
    """Project and stack of a URN, "" for each that it lacks."""
    head, _, rest = urn.partition("::")
    return rest.partition("::")[0], head.removeprefix("urn:pulumi:")


def _hourly(purchase: Purchase, is_stopped: bool) -> HourlyPrice:
    """The price of an hour. Raises NotKnownError."""
    if isinstance(purchase.state, Unknown):
        purchase.state.get()
    ceiling = purchase.hourly.get()
    if ceiling.amount > _MAX_HOURLY:
        raise NotKnownError(f"the price is not known: {ceiling}/h is more than any purchase costs")
    if is_stopped:
        return HourlyPrice.zero(ceiling.currency)
    if purchase.workers_min == purchase.workers_max:
        return HourlyPrice(ceiling, ceiling)
    of_one = replace(purchase, workers_max=Known(1)).hourly.get()
    return HourlyPrice(of_one * purchase.workers_min.get(), ceiling)


def _amount(purchase: Purchase) -> str:
    least, most = _or(purchase.workers_min, 0), _or(purchase.workers_max, 0)
    hardware = _or(purchase.hardware_type_id, "unknown hardware")
    if purchase.size_gb is not None:
        return f"{_or(purchase.size_gb, '?')} GB of {hardware}"
    return f"{most or '?'} x {hardware}" if least == most else f"{least} to {most} x {hardware}"


def _or(value: Field[Any], otherwise: Any) -> Any:
    return value.value if isinstance(value, Known) else otherwise


def _object(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    properties = state.get(name)
    return properties if isinstance(properties, Mapping) else {}

"""The quotes that the checks of this process have made, with the arguments that each one is for.

A policy's remediation comes after check, and no call quotes the changed arguments of a new resource: without these
records, create would store the price of other hardware than it buys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_cortecs.provider import accounts, session
from pulumi_cortecs.provider.kind import LIVE, InstanceKind


class NoQuoteError(Exception):
    """A purchase has no price from the API. The text says why."""


def record(kind: InstanceKind, urn: str, inputs: Mapping[str, Any]) -> None:
    """Records the result of a check. Does nothing without a URN."""
    if urn:
        session.current().quotes[urn] = {key: inputs.get(key) for key in _quoted_arguments(kind)}


def is_purchasable(urn: str) -> bool:
    """Returns whether create would buy the result of the last check of this URN; True without a check."""
    quoted = session.current().quotes.get(urn)
    return quoted is None or (quoted["quote"] is not None and not _is_from_catalogue(quoted["quote"]))


def purchase_quote(kind: InstanceKind, urn: str, inputs: Mapping[str, Any]) -> Any:
    """The quote of a purchase: the one of the check, or a new one if that is for other arguments. Raises NoQuoteError
    and CloudError."""
    if _is_from_catalogue(inputs["quote"]):
        raise NoQuoteError(
            f"its price is from the pinned {inputs['quote']['source']}, not from the API: {kind.vendor} could "
            "not be reached when it was checked. Run `pulumi up` again where it can be reached"
        )
    quoted = session.current().quotes.get(urn)
    if quoted is not None and all(quoted[key] == inputs[key] for key in _quoted_arguments(kind)):
        return inputs["quote"]
    market = accounts.market(kind)
    made, _ = market.quote(inputs)
    if not made:
        sought = inputs[kind.arguments.priced[0]]
        raise NoQuoteError(f"{kind.vendor} has no price for {sought}, so its cost is unknown")
    return made


def _quoted_arguments(kind: InstanceKind) -> tuple[str, ...]:
    return (*kind.arguments.priced, "quote")


def _is_from_catalogue(made: Any) -> bool:
    return isinstance(made, Mapping) and made.get("source", LIVE) != LIVE

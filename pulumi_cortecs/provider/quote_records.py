"""The quote of a purchase, its source, and for which arguments the checks of this process have made a quote.

A policy's remediation comes after check, and on a new resource no call quotes what it made of the arguments: create
would record the price of hardware that is not bought.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_cortecs.provider import accounts, session
from pulumi_cortecs.provider.kind import LIVE, InstanceKind


class NoQuoteError(Exception):
    """The API has no price to buy at. The text says why."""


def record(kind: InstanceKind, urn: str, inputs: Mapping[str, Any]) -> None:
    """Remembers what a check came to. Without a URN nothing can be remembered."""
    if urn:
        session.current().quotes[urn] = {key: inputs.get(key) for key in _quoted_arguments(kind)}


def is_purchasable(urn: str) -> bool:
    """Returns whether what the last check of this URN came to would be bought by create; True where there was none."""
    quoted = session.current().quotes.get(urn)
    return quoted is None or (quoted["quote"] is not None and not _is_from_catalogue(quoted["quote"]))


def purchase_quote(kind: InstanceKind, urn: str, inputs: Mapping[str, Any]) -> Any:
    """The quote of what is about to be bought: the one that was checked, or one of today where it is not for these
    arguments. Raises NoQuoteError and CloudError."""
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

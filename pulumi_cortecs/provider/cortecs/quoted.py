"""What a purchase is quoted at, by whom, and for which arguments the checks of this process have made a quote.

A policy's remediation comes after check, and on a new resource nobody quotes what it made of the arguments: create
would record the price of hardware that is not bought.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.cost import BillingInterval, quote
from pulumi_cortecs.provider import accounts, session
from pulumi_cortecs.provider.market import LIVE, Market
from pulumi_cortecs.provider.pinned import PinnedMarket

_DECISIVE: Final = ("hardware_type_id", "billing_interval", "num_workers", "quote")


class NoQuoteError(Exception):
    """There is no price of today to buy at. The text says why."""


def by(market: Market | PinnedMarket, inputs: Mapping[str, Any]) -> dict[str, str] | None:
    """The quote as a property, None for hardware that is not on the price list, and where interval or workers are not
    told.

    Raises CloudError.
    """
    hardware = market.hardware_types().get(str(inputs.get("hardware_type_id")))
    interval, workers = inputs.get("billing_interval"), inputs.get("num_workers")
    if hardware is None or interval is None or workers is None:
        return None
    return quote(hardware, BillingInterval(interval), int(workers), source=market.source).as_property()


def note(urn: str, inputs: Mapping[str, Any]) -> None:
    """Remembers what a check came to. Without a URN nothing can be remembered."""
    if urn:
        session.current().quoted[urn] = {key: inputs.get(key) for key in _DECISIVE}


def can_be_bought(urn: str) -> bool:
    """Whether what the last check of this URN came to would be bought by create; True where there was none."""
    noted = session.current().quoted.get(urn)
    return noted is None or (noted["quote"] is not None and not _by_catalogue(noted["quote"]))


def for_purchase(urn: str, inputs: Mapping[str, Any]) -> Any:
    """The quote of what is about to be bought: the one that was checked, or one of today where it is not for these
    arguments. Raises NoQuoteError and CloudError."""
    if _by_catalogue(inputs["quote"]):
        raise NoQuoteError(
            f"its price is not of today ({inputs['quote']['source']}): Cortecs could not be reached when it was "
            "checked. Run `pulumi up` again where it can be reached"
        )
    noted = session.current().quoted.get(urn)
    if noted is not None and all(noted[key] == inputs[key] for key in _DECISIVE):
        return inputs["quote"]
    made = by(accounts.market(), inputs)
    if made is None:
        raise NoQuoteError(f"Cortecs has no price for {inputs['hardware_type_id']}, so nobody can tell what it costs")
    return made


def _by_catalogue(made: Any) -> bool:
    return isinstance(made, Mapping) and made.get("source", LIVE) != LIVE

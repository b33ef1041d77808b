"""Lists and amounts as rules print them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_UP, Decimal, localcontext
from typing import Final

from pulumi_cortecs.cost import Money

_MAX_NAMES: Final = 12


def join_names(items: Iterable[str]) -> str:
    """The items with commas, the first dozen of many; "nothing" for none."""
    all_ = list(items)
    more = f" and {len(all_) - _MAX_NAMES} more" if len(all_) > _MAX_NAMES else ""
    return (", ".join(all_[:_MAX_NAMES]) or "nothing") + more


def are_allowed(count: int) -> str:
    """The number that is allowed: "1 is allowed", "4 are allowed"."""
    return f"{count} {'is' if count == 1 else 'are'} allowed"


def model_text(model_id: str) -> str:
    """The id as programs and limits write it: the CLI hides a secret of the stack's config in that spelling only."""
    return model_id.replace("--", "/", 1)


def describe_excess(
    price: Money, caps: Mapping[str, Money], per: str, *, limit: str = "the limit", place: str = ""
) -> str | None:
    """The problem with a price, if any: over its cap, or in a currency without one. `per`: "h" or "month". `limit` and
    `place` say which limit it is, and where it stands, " (...)"."""
    cap = caps.get(price.currency)
    if cap is None:
        limits = join_names(str(cap_amount) for cap_amount in caps.values())
        return f"{price}/{per}; no limit is in {price.currency}, only {limits}{place}."
    return f"{price}/{per}; {limit} is {cap}{place}: {price - cap} too much." if price > cap else None


def price_per_part(price: Money, parts: int) -> Money:
    """A price divided by a number of parts, rounded up to a ten-thousandth: for texts, never for comparisons."""
    with localcontext() as context:
        context.prec = 60
        return Money((price.amount / parts).quantize(Decimal("0.0001"), rounding=ROUND_UP), price.currency)

"""The cost of time at a price per hour, of which a started unit counts in full, in exact decimals."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from pulumi_cortecs.cost import Money

HOUR = timedelta(hours=1)
EXACT = Context(prec=60)
_SMALLEST = Decimal("0.000001")


def started_units_cost(price_per_hour: Money, ran_for: timedelta, unit: timedelta) -> Money:
    """The cost of the started units. It is rounded once, half up to a millionth, because a minute at 50 cents an hour
    has no end."""
    started = -(-ran_for // unit)
    with localcontext(EXACT):
        amount = price_per_hour.amount * started / (HOUR // unit)
        return Money(amount.quantize(_SMALLEST, ROUND_HALF_UP), price_per_hour.currency)

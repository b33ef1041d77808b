"""What each instance costs per hour, as far as this process has seen a quote of it.

The engine shows us every Instance before its Endpoint, so a wait can say what it costs without asking anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

from pulumi_cortecs.cost import Money, MoneyError
from pulumi_cortecs.provider import session


def record_quote(instance_id: str, quote: Mapping[str, Any] | Any) -> None:
    """Remembers the `hourly_total` of an Instance's quote; silent about a quote that has none."""
    if (hourly := hourly_total(quote)) is not None:
        record_cost(instance_id, hourly)


def hourly_total(quote: Mapping[str, Any] | Any) -> Money | None:
    """The `hourly_total` of an Instance's quote, None for a quote that has none."""
    with suppress(KeyError, TypeError, InvalidOperation, MoneyError):
        return Money(Decimal(quote["hourly_total"]), quote["currency"])
    return None


def record_cost(instance_id: str, hourly: Money) -> None:
    """Remembers what the instance really costs, where that is not what a quote says."""
    session.current().hourly[instance_id] = hourly


def hourly_cost(instance_id: str) -> Money | None:
    """What the instance costs per hour while it runs, None where no quote was seen."""
    return session.current().hourly.get(instance_id)

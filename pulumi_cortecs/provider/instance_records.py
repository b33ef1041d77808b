"""The facts that this process has about each instance: the Instance row that has it, what was delivered for it, and
what it costs per hour.

The engine passes every Instance to this process before its Endpoint, which gets an id and little else: so a wait can
compare and name a price without a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

from pulumi_cortecs.cost import Money, MoneyError
from pulumi_cortecs.provider import session
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.session import InstanceRow


def record_row(
    kind: InstanceKind, instance_id: str, urn: str, props: Mapping[str, Any], delivered: Mapping[str, Any] | None = None
) -> None:
    """Remembers a row by its inputs or outputs."""
    arguments = {key: props[key] for key in kind.arguments.replacing if key in props}
    row = InstanceRow(urn, arguments, bool(props.get("inferred")), delivered or {})
    session.current().rows[instance_id] = row


def row_of(instance_id: str) -> InstanceRow | None:
    """The row that has the instance, None where this process has been shown none."""
    return session.current().rows.get(instance_id)


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
    session.current().hourly_costs[instance_id] = hourly


def hourly_cost(instance_id: str) -> Money | None:
    """The hourly cost of the instance while it runs, None where no quote was seen."""
    return session.current().hourly_costs.get(instance_id)

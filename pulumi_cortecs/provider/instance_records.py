"""This process's record of each instance: its Instance row, the delivery, and the cost per hour.

The engine passes every Instance to this process before its Endpoint, which gets little more than an id: with the
record, a wait can compare the delivery and name a price without a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    """Records a row by its inputs or outputs."""
    arguments = {key: props[key] for key in kind.arguments.replacing if key in props}
    row = InstanceRow(
        *(urn, arguments, bool(props.get("inferred")), delivered or {}, props.get("account")),
        inputs={**kind.arguments.defaults, **{key: props[key] for key in kind.inputs if key in props}},
        task=str(props.get("task", "")),
        created_at=str(props.get("created_at", "")),
    )
    session.current().rows[kind.cloud, instance_id] = row


def row_of(kind: InstanceKind, instance_id: str) -> InstanceRow | None:
    """The row of the instance, or None if this process has received none."""
    return session.current().rows.get((kind.cloud, instance_id))


def secret_texts(kind: InstanceKind, instance_id: str) -> list[str]:
    """The texts within the secret inputs of the instance's row: no message may have them."""
    row = row_of(kind, instance_id)
    secrets = kind.arguments.names_where(lambda argument: argument.secret)
    return [] if row is None else [text for key in secrets for text in _texts_of(row.inputs.get(key))]


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_of(item)


def record_quote(kind: InstanceKind, instance_id: str, quote: Mapping[str, Any] | Any) -> None:
    """Records the `hourly_total` of an Instance's quote, if the quote has one."""
    if (hourly := hourly_total(quote)) is not None:
        record_cost(kind, instance_id, hourly)


def hourly_total(quote: Mapping[str, Any] | Any) -> Money | None:
    """The `hourly_total` of an Instance's quote, or None."""
    with suppress(KeyError, TypeError, InvalidOperation, MoneyError):
        return Money(Decimal(quote["hourly_total"]), quote["currency"])
    return None


def record_cost(kind: InstanceKind, instance_id: str, hourly: Money) -> None:
    """Records the real hourly cost of an instance, where it differs from the quote."""
    session.current().hourly_costs[kind.cloud, instance_id] = hourly


def hourly_cost(kind: InstanceKind, instance_id: str) -> Money | None:
    """The hourly cost of the running instance, or None without a quote."""
    return session.current().hourly_costs.get((kind.cloud, instance_id))

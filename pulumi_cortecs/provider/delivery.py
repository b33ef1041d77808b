"""The delivered instance, compared with the order. Its id is kept in any case, because the bill cannot be stopped
without it; a difference is reported and judged by the limits, and the Endpoint does not wait for such an instance."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, TypeVar

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits_file import LimitsFileError
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.cloud import Cloud, UnknownStatusError
from pulumi_cortecs.lifecycle.purchases import PurchasedInstance
from pulumi_cortecs.provider import accounts, adoption, host, instance_records, machine_limits
from pulumi_cortecs.provider.arguments import updatable_by_vendor
from pulumi_cortecs.provider.kind import InstanceKind

T = TypeVar("T")


class DeliveryMismatchError(Exception):
    """The vendor delivered another instance than was ordered. The text has the differences, the cost and the next
    steps."""


def record_delivery(
    kind: InstanceKind, cloud: Cloud[T], bought: PurchasedInstance[T], inputs: Mapping[str, Any]
) -> None:
    """Records the delivered instance as the vendor reports it, and warns where it differs from the order. Raises
    nothing: the id has to get into the state. The Endpoint compares at its first look what the answer does not
    report."""
    call, instance_id, reported = host.current_call(), bought.instance_id, dict[str, Any]()
    try:
        if bought.instance is not None:
            reported = {**cloud.reported_like(bought.instance, inputs)}
    except Exception as error:  # whatever it is: it must not keep the id out of the state
        call.warn(f"{instance_id} was bought, but {kind.possessive} description of it could not be read: {error}")
    row = {**inputs, "inferred": bought.inferred}
    instance_records.record_row(kind, instance_id, call.urn, row, delivered=reported)
    if not (differing := _describe_mismatches(kind, inputs, reported)):
        return
    try:
        price = _price_today(kind, {**inputs, **reported})
        if price is not None:
            instance_records.record_cost(kind, instance_id, price)
        cost_text = f"{_cost_text(price)}{_limits_text(kind, instance_id, {**inputs, **reported})}"
    except Exception as error:  # whatever it is: it must not keep the id out of the state
        cost_text = f"may be billed (its price and the limits of this machine were not checked: {error})"
    call.warn(f"{instance_id} is not what was ordered: {differing}. It exists and {cost_text}. {_next_steps(call.urn)}")


def require_ordered(kind: InstanceKind, instance_id: str, reported: Mapping[str, Any] | None = None) -> None:
    """Compares the Instance row, if this process has received it, with the vendor's report of now, or of the delivery.
    Raises DeliveryMismatchError."""
    row = instance_records.row_of(kind, instance_id)
    if row is None:
        return
    reported = row.delivered if reported is None else reported
    if differing := _describe_mismatches(kind, row.arguments, reported):
        raise DeliveryMismatchError(
            f"{instance_id} is not what was ordered, so the Endpoint does not wait for it: {differing}. It exists and "
            f"{_cost_text(_price_today(kind, {**row.inputs, **reported}))}. {_next_steps(row.urn)}"
        )


def missing_text(kind: InstanceKind, cloud: Cloud[T], instance: T) -> str:
    """The arguments that change in place and that the vendor does not report as the Instance row has them: it may not
    have carried out a change yet. "" for none, or without a row."""
    if (row := instance_records.row_of(kind, cloud.id_of(instance))) is None:
        return ""
    reported = cloud.reported_like(instance, row.inputs)
    keys = [key for key in updatable_by_vendor(kind.arguments) if key in reported and key in row.inputs]
    differing = [key for key in keys if not adoption.is_equal_or_unknown(row.inputs[key], reported[key])]
    return f"still reported with another {', '.join(differing)}" if differing else ""


def warn_if_deleted_differs(
    kind: InstanceKind, instance_id: str, reported: Mapping[str, Any], props: Mapping[str, Any]
) -> None:
    """Warns where the deleted instance differs from its row. It is deleted in any case."""
    if changed := [
        key for key in reported if key in props and not adoption.is_equal_or_unknown(props[key], reported[key])
    ]:
        text = "; ".join(
            f"{key} is {adoption.shown_value(kind, key, reported[key])}, not "
            f"{adoption.shown_value(kind, key, props[key])}"
            for key in changed
        )
        host.current_call().warn(f"{instance_id}, which is deleted here, differed from the state: {text}")


def _describe_mismatches(kind: InstanceKind, ordered: Mapping[str, Any], reported: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{key} {adoption.shown_value(kind, key, ordered[key])} was ordered, "
        f"{adoption.shown_value(kind, key, value)} was delivered"
        for key, value in reported.items()
        if key in ordered and not adoption.is_equal_or_unknown(ordered[key], value)
    )


def _limits_text(kind: InstanceKind, instance_id: str, args: Mapping[str, Any]) -> str:
    """The objections of this machine's limits to the delivered instance."""
    try:
        problems = machine_limits.check(kind, args, instance_id)
    except (CloudError, LimitsFileError, UnknownStatusError) as error:
        return f" (whether the limits of this machine allow it is unknown: {error})"
    return f", which the limits do not allow: {'; '.join(problem.reason for problem in problems)}" if problems else ""


def _price_today(kind: InstanceKind, args: Mapping[str, Any]) -> Money | None:
    """The hourly price today, or None if it is not available."""
    try:
        return accounts.hourly_price(kind, args)
    except CloudError:
        return None


def _cost_text(price: Money | None) -> str:
    return "may be billed" if price is None else f"costs {price}/h"


def _next_steps(urn: str) -> str:
    return f"`pulumi up --replace {shlex.quote(urn)}` orders it again and deletes this one, `pulumi destroy` deletes it"

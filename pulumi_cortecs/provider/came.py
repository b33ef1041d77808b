"""What was ordered, compared with what came. An id is kept whatever stands behind it, as nothing else could end the
bill; what stands behind it is said, judged by the limits, and not waited for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, TypeVar

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits_file import LimitsError
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.cloud import Cloud
from pulumi_cortecs.lifecycle.phases import UnknownStatusError
from pulumi_cortecs.lifecycle.purchases import Bought
from pulumi_cortecs.provider import accounts, adoption, host, hourly, rows, second_line
from pulumi_cortecs.provider.kind import InstanceKind

T = TypeVar("T")


class NotWhatWasOrderedError(Exception):
    """Something else came than was ordered. The text says what, what it costs, and the ways on."""


def noted(kind: InstanceKind, cloud: Cloud[T], bought: Bought[T], inputs: Mapping[str, Any]) -> None:
    """Remembers what came for an order, as the vendor tells it, and warns where it is something else. Raises nothing:
    the id has to get into the state. What an answer does not tell, the Endpoint compares at its first look."""
    call, instance_id, told = host.current_call(), bought.instance_id, dict[str, Any]()
    try:
        if bought.instance is not None:
            told = {**cloud.reported_inputs(bought.instance)}
    except Exception as error:  # whatever it is: it must not keep the id out of the state
        call.warn(f"{instance_id} was bought, and what {kind.vendor} tells of it cannot be read: {error}")
    rows.note(kind, instance_id, call.urn, {**inputs, "inferred": bought.inferred}, came=told)
    if not (differing := _differing(inputs, told)):
        return
    try:
        price = _price(kind, {**inputs, **told})
        if price is not None:
            hourly.note_price(instance_id, price)
        judged = f"{_costs(price)}{_refusals(kind, instance_id, {**inputs, **told})}"
    except Exception as error:  # whatever it is: it must not keep the id out of the state
        judged = f"may be billed (its price and the limits of this machine were not looked at: {error})"
    call.warn(f"{instance_id} is not what was ordered: {differing}. It exists and {judged}. {_ways_on(call.urn)}")


def must_be_what_was_ordered(kind: InstanceKind, instance_id: str, told: Mapping[str, Any] | None = None) -> None:
    """Compares the Instance row, where this process has been shown it, with what the vendor tells now, or
    has told when it came. Raises NotWhatWasOrderedError."""
    row = rows.of(instance_id)
    if row is None:
        return
    told = row.came if told is None else told
    if differing := _differing(row.arguments, told):
        raise NotWhatWasOrderedError(
            f"{instance_id} is not what was ordered, and is not waited for: {differing}. It exists and "
            f"{_costs(_price(kind, {**row.arguments, **told}))}. {_ways_on(row.urn)}"
        )


def told_at_the_end(instance_id: str, told: Mapping[str, Any], props: Mapping[str, Any]) -> None:
    """Warns where what is ended is not what its row says. It is ended all the same."""
    if found := [key for key in told if key in props and not adoption.alike(props[key], told[key])]:
        words = "; ".join(f"{key} is {adoption.shown(told[key])}, not {adoption.shown(props[key])}" for key in found)
        host.current_call().warn(f"{instance_id}, which is ended here, was not what the state says: {words}")


def _differing(ordered: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{key} {adoption.shown(ordered[key])} was ordered, {adoption.shown(value)} came"
        for key, value in told.items()
        if key in ordered and not adoption.alike(ordered[key], value)
    )


def _refusals(kind: InstanceKind, instance_id: str, args: Mapping[str, Any]) -> str:
    """What the limits of this machine have against what came."""
    try:
        problems = second_line.problems(kind, args, instance_id)
    except (CloudError, LimitsError, UnknownStatusError) as error:
        return f" (whether the limits of this machine allow it cannot be told: {error})"
    return f", which the limits refuse: {'; '.join(problem.reason for problem in problems)}" if problems else ""


def _price(kind: InstanceKind, args: Mapping[str, Any]) -> Money | None:
    """By today's prices, None where they cannot be had."""
    try:
        return accounts.hourly_price(kind, args)
    except CloudError:
        return None


def _costs(price: Money | None) -> str:
    return "may be billed" if price is None else f"costs {price} per hour"


def _ways_on(urn: str) -> str:
    return f"`pulumi up --replace {shlex.quote(urn)}` orders it again and ends this one, `pulumi destroy` ends the bill"

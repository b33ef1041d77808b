"""Which instances of an account no stack owns. Pure: a whole list and whole states go in; nothing is asked for here.

The list has to be older than the states. An instance that an `up` buys between the two is then in the state, or its
purchase is pending there; the other way round it would look like an orphan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from pulumi_cortecs.cost import Money, PricedHardware
from pulumi_cortecs.lifecycle.listed import Listed
from pulumi_cortecs.lifecycle.owners import PendingPurchase, StackState

YOUNG: Final = timedelta(minutes=2)
"""Up to this age an `up` may be about to write the instance into its state."""


@dataclass(frozen=True)
class Orphan:
    """An instance that nobody will end. `hourly` and `so_far` are None where its price is not known; `held_back` says
    why it is not ended without further ado, "" where nothing speaks against it."""

    instance: Listed
    hourly: Money | None
    so_far: Money | None
    held_back: str
    remarks: tuple[str, ...]


def orphans(
    listed: Iterable[Listed],
    stacks: Sequence[StackState],
    prices: Mapping[str, PricedHardware],
    now: datetime,
    remarks: Mapping[str, Sequence[str]] | None = None,
    awaited: Collection[str] = (),
) -> tuple[Orphan, ...]:
    """What is listed and in no stack, the dearest per hour first and those without a price before them.

    `remarks` are further ones, by instance id. `awaited` are ids that a process which lives is about to own.
    """
    owned = {row.instance_id for stack in stacks for row in stack.rows if row.owns}
    found = (
        Orphan(
            instance=each,
            hourly=each.hourly(prices),
            so_far=each.so_far(prices, now),
            held_back="awaited" if each.instance_id in awaited else _held_back(each, stacks, now),
            remarks=(*_remarks(each, stacks), *(remarks or {}).get(each.instance_id, ())),
        )
        for each in listed
        if each.instance_id not in owned
    )
    return tuple(sorted(found, key=_dearest_first))


def old(instance: Listed, now: datetime) -> bool:
    """Whether every list must have it, and every state that is going to."""
    age = instance.age(now)
    return age is not None and age >= YOUNG


def _held_back(instance: Listed, stacks: Sequence[StackState], now: datetime) -> str:
    for stack in stacks:
        if stack.updating and any(_may_be(instance, purchase) for purchase in stack.pending):
            return f"{stack.name} is locked"
    if instance.started_at is None:
        return "of unknown age"
    return "" if old(instance, now) else "young"


def _remarks(instance: Listed, stacks: Sequence[StackState]) -> Iterator[str]:
    for stack in stacks:
        if any(row.external and row.instance_id == instance.instance_id for row in stack.rows):
            yield f"only looked at by {stack.name}"
        for purchase in stack.pending:
            if _may_be(instance, purchase):
                yield f"may be {purchase.name}, whose creation never ended in {stack.name}"


def _may_be(instance: Listed, purchase: PendingPurchase) -> bool:
    """Whether nothing that both tell of speaks against it. What is secret in a state counts as not told."""
    if adopted := purchase.arguments.get("adopt_id"):
        return adopted == instance.instance_id
    return all(
        purchase.arguments.get(key) in (None, value)
        for key, value in instance.arguments.items()
        if not isinstance(purchase.arguments.get(key), Mapping)
    )


def _dearest_first(orphan: Orphan) -> tuple[str, Decimal, str]:
    hourly, instance_id = orphan.hourly, orphan.instance.instance_id
    return ("", Decimal(0), instance_id) if hourly is None else (hourly.currency, -hourly.amount, instance_id)

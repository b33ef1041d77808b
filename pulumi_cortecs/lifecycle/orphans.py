"""The instances of an account that no stack owns. Pure: the arguments are a complete list and complete states.

The list has to be older than the states. If an `up` buys an instance between the two, the state has it, or has its
purchase as pending; in the other order it would look like an orphan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.lifecycle.holdings import PendingPurchase, StackHoldings
from pulumi_cortecs.lifecycle.listed_instance import INSTANCE, ListedInstance

GRACE_PERIOD: Final = timedelta(minutes=2)
"""The age up to which an `up` may be about to write the instance into its state."""


@dataclass(frozen=True)
class Orphan:
    """An instance that no stack will delete. `skip_reason`: the reason why it is not deleted by default, "" for
    none. `unread_owner`: the stack that was not read, and may own it, as text; "" for none. Such an instance is only
    deleted by its id."""

    instance: ListedInstance
    skip_reason: str
    remarks: tuple[str, ...]
    unread_owner: str = ""

    @property
    def held_back(self) -> str:
        """All that keeps it from being deleted, "" for nothing."""
        return "; ".join(filter(None, [self.skip_reason, self.unread_owner]))

    @property
    def hourly(self) -> Money | None:
        """The current cost of an hour, None where its price is unknown."""
        return self.instance.hourly

    @property
    def cost_so_far(self) -> Money | None:
        """The cost since its last start, None where it is unknown."""
        return self.instance.cost_so_far


def find_orphans(
    listed: Iterable[ListedInstance],
    stacks: Sequence[StackHoldings],
    now: datetime,
    remarks: Mapping[str, Sequence[str]] | None = None,
    awaited: Collection[str] = (),
    buyers: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[Orphan, ...]:
    """The listed instances that are in no stack, those without a price first, then the most expensive per hour.

    `remarks` are further ones, by instance id. `awaited` are ids that a live process is about to own. `buyers` are
    labels with the stack and the project of the purchase, by instance id.
    """
    owned = {row.instance_id for stack in stacks for row in stack.rows if row.is_owner}
    unowned = (
        Orphan(
            instance=instance,
            skip_reason="awaited" if instance.instance_id in awaited else _skip_reason(instance, stacks, now),
            remarks=(*_remarks(instance, stacks), *(remarks or {}).get(instance.instance_id, ())),
            unread_owner=_unread_owner((buyers or {}).get(instance.instance_id, {}), stacks),
        )
        for instance in listed
        if instance.instance_id not in owned
    )
    return tuple(sorted(unowned, key=_most_expensive_first))


def is_past_grace(instance: ListedInstance, now: datetime) -> bool:
    """Returns whether the instance is old enough to be in every list, and in the state of its owner."""
    age = instance.age(now)
    return age is not None and age >= GRACE_PERIOD


def _skip_reason(instance: ListedInstance, stacks: Sequence[StackHoldings], now: datetime) -> str:
    if instance.manager:
        return f"managed by {instance.manager}"
    creating = [stack for stack in stacks if any(_may_be(instance, purchase) for purchase in stack.pending)]
    for stack in creating:
        if stack.updating:
            return f"{stack.name} is locked"
    if instance.started_at is None:
        # what is not booted is in the state as soon as its creation is not pending any more
        return "of unknown age" if creating or instance.noun == INSTANCE else ""
    return "" if is_past_grace(instance, now) else "young"


def _unread_owner(buyer: Mapping[str, str], stacks: Sequence[StackHoldings]) -> str:
    project, name = buyer.get("project"), buyer.get("stack")
    if not project or not name or any(stack.may_be(project, name) for stack in stacks):
        return ""
    return f"bought for stack {name} of project {project}, whose state was not read"


def _remarks(instance: ListedInstance, stacks: Sequence[StackHoldings]) -> Iterator[str]:
    for stack in stacks:
        if any(row.external and row.instance_id == instance.instance_id for row in stack.rows):
            yield f"only looked at by {stack.name}"
        for purchase in stack.pending:
            if _may_be(instance, purchase):
                yield f"may be {purchase.name}, whose creation never ended in {stack.name}"


def _may_be(instance: ListedInstance, purchase: PendingPurchase) -> bool:
    """Returns whether no argument that both report differs. A secret in a state counts as not reported."""
    if adopted := purchase.arguments.get("adopt_id"):
        return adopted == instance.instance_id
    return all(
        purchase.arguments.get(key) in (None, value)
        for key, value in instance.arguments.items()
        if not isinstance(purchase.arguments.get(key), Mapping)
    )


def _most_expensive_first(orphan: Orphan) -> tuple[str, Decimal, str]:
    hourly, instance_id = orphan.hourly, orphan.instance.instance_id
    return ("", Decimal(0), instance_id) if hourly is None else (hourly.currency, -hourly.amount, instance_id)

"""Instances whose ttl is over. Pure, like `orphans`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.times import parse_time
from pulumi_cortecs.lifecycle.holdings import StackHoldings, StackResource, find_shared_instances, row_names
from pulumi_cortecs.lifecycle.listed_instance import ListedInstance

CLOCKS_AGREE: Final = timedelta(minutes=5)
"""The tolerated difference between the vendor's clock and the machine's, for deletions by either of them."""


class ExpiryError(ValueError):
    """Expiry is undecidable: a state has an invalid time, or two clocks differ."""


@dataclass(frozen=True)
class ExpiredInstance:
    """An instance whose ttl is over. `expires_at` is the latest of all its states; `rows` are those that own it.
    `skip_reason`: the reason why it is not deleted, "" for none."""

    instance: ListedInstance
    expires_at: datetime
    rows: tuple[StackResource, ...]
    skip_reason: str
    remarks: tuple[str, ...]

    @property
    def hourly(self) -> Money | None:
        """The current cost of an hour, None where its price is unknown."""
        return self.instance.hourly

    @property
    def is_protected(self) -> bool:
        """True if a program protects it from deletion by Pulumi."""
        return any(row.protected for row in self.rows)


def find_expired(
    listed: Iterable[ListedInstance],
    stacks: Sequence[StackHoldings],
    now: datetime,
) -> tuple[ExpiredInstance, ...]:
    """The listed instances that have expired by every state that owns them at `now` (the vendor's time), oldest first.

    Raises ExpiryError for an unreadable time, which may be a prolongation.
    """
    owners: dict[str, list[StackResource]] = {}
    for row in (row for stack in stacks for row in stack.rows if row.is_owner):
        owners.setdefault(row.instance_id, []).append(row)
    shared = find_shared_instances(stacks)
    candidates = (
        _expired(instance, owners.get(instance.instance_id, ()), shared.get(instance.instance_id, ()), now)
        for instance in listed
    )
    return tuple(sorted((entry for entry in candidates if entry is not None), key=lambda entry: entry.expires_at))


def require_clock_agreement(name: str, vendor: datetime, machine: datetime) -> None:
    """Compares the clock of the vendor `name` with this machine's. Raises ExpiryError where they differ."""
    if abs(vendor - machine) > CLOCKS_AGREE:
        raise ExpiryError(
            f"the clocks differ: {name} says {vendor:%Y-%m-%dT%H:%M:%SZ}, this machine {machine:%Y-%m-%dT%H:%M:%SZ}; "
            f"allowed: a difference of {CLOCKS_AGREE.total_seconds() / 60:.0f} minutes. Nothing was listed or deleted: "
            "set this machine's clock, and run the command again"
        )


def _expired(
    instance: ListedInstance,
    rows: Sequence[StackResource],
    shared: Sequence[StackResource],
    now: datetime,
) -> ExpiredInstance | None:
    ends = [_expiry_time(row) for row in rows]
    readable = [end for end in ends if end is not None]
    if not readable or len(readable) < len(ends) or max(readable) > now:
        return None
    held_back = f"owned by {row_names(shared)}" if shared else ""
    held_back = f"managed by {instance.manager}" if instance.manager else held_back
    return ExpiredInstance(instance, max(readable), tuple(rows), held_back, tuple(_remarks(rows, readable)))


def _remarks(rows: Sequence[StackResource], ends: Sequence[datetime]) -> Iterator[str]:
    if any(row.protected for row in rows):
        yield "protected"
    if len(set(ends)) > 1:
        yield "the latest of its ends counts"


def _expiry_time(row: StackResource) -> datetime | None:
    if not row.expires_at:
        return None
    time = parse_time(str(row.expires_at))
    if time is None:
        raise ExpiryError(
            f"invalid expires_at of {row.instance_id} in {row.stack}: got {row.expires_at!r}; allowed: an ISO 8601 "
            "time with its zone; correct it in the program and run `pulumi up`"
        )
    return time

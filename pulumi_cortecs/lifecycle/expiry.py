"""Which instances have outlived the time that their stacks gave them. Pure, like `orphans`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pulumi_cortecs.cost import HardwareType, Money
from pulumi_cortecs.lifecycle.listed import Listed
from pulumi_cortecs.lifecycle.owners import Row, StackState


class ExpiryError(ValueError):
    """A state says something about the end of an instance that nobody can read."""


@dataclass(frozen=True)
class Expired:
    """An instance whose time is over. `expires_at` is the latest that any state says; `rows` are those that own it."""

    instance: Listed
    hourly: Money | None
    expires_at: datetime
    rows: tuple[Row, ...]
    remarks: tuple[str, ...]

    @property
    def protected(self) -> bool:
        """Whether a program says that Pulumi must not delete it."""
        return any(row.protected for row in self.rows)


def expired(
    listed: Iterable[Listed], stacks: Sequence[StackState], prices: Mapping[str, HardwareType], now: datetime
) -> tuple[Expired, ...]:
    """What is listed, and over by every state that owns it, the longest first.

    Raises ExpiryError: what cannot be read may be a prolongation.
    """
    owners: dict[str, list[Row]] = {}
    for row in (row for stack in stacks for row in stack.rows if not row.external):
        owners.setdefault(row.instance_id, []).append(row)
    found = (_expired(each, owners.get(each.instance_id, ()), prices, now) for each in listed)
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.expires_at))


def _expired(
    instance: Listed, rows: Sequence[Row], prices: Mapping[str, HardwareType], now: datetime
) -> Expired | None:
    ends = [_moment(row) for row in rows]
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(ends) or max(known) > now:
        return None
    return Expired(instance, instance.hourly(prices), max(known), tuple(rows), tuple(_remarks(rows, known)))


def _remarks(rows: Sequence[Row], ends: Sequence[datetime]) -> Iterator[str]:
    if any(row.protected for row in rows):
        yield "protected"
    if len(set(ends)) > 1:
        yield "the latest of its ends counts"


def _moment(row: Row) -> datetime | None:
    if not row.expires_at:
        return None
    try:
        # Python 3.10 does not read the Z
        moment = datetime.fromisoformat(str(row.expires_at).replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ExpiryError(f"the expires_at of {row.instance_id} in {row.stack} is no time: {row.expires_at!r}")
    return moment

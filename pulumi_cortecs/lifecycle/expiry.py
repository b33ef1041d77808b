"""Which instances have outlived the time that their stacks gave them. Pure, like `orphans`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pulumi_cortecs.cost import Money, PricedHardware
from pulumi_cortecs.cost.times import parse_time
from pulumi_cortecs.lifecycle.listed import Listed
from pulumi_cortecs.lifecycle.owners import Row, StackState, in_words, owned_more_than_once

CLOCKS_AGREE: Final = timedelta(minutes=5)
"""How far the vendor's clock and the machine's may be apart, if something is to be ended by one of them."""


class ExpiryError(ValueError):
    """It cannot be told what is over: a state says something that nobody can read, or two clocks differ."""


@dataclass(frozen=True)
class Expired:
    """An instance whose time is over. `expires_at` is the latest that any state says; `rows` are those that own it.
    `held_back` says why it is never ended here, "" where nothing speaks against it."""

    instance: Listed
    hourly: Money | None
    expires_at: datetime
    rows: tuple[Row, ...]
    held_back: str
    remarks: tuple[str, ...]

    @property
    def protected(self) -> bool:
        """Whether a program says that Pulumi must not delete it."""
        return any(row.protected for row in self.rows)


def expired(
    listed: Iterable[Listed], stacks: Sequence[StackState], prices: Mapping[str, PricedHardware], now: datetime
) -> tuple[Expired, ...]:
    """What is listed, and over by every state that owns it at `now` (the vendor's time), the longest first.

    Raises ExpiryError: what cannot be read may be a prolongation.
    """
    owners: dict[str, list[Row]] = {}
    for row in (row for stack in stacks for row in stack.rows if row.owns):
        owners.setdefault(row.instance_id, []).append(row)
    shared = owned_more_than_once(stacks)
    found = (
        _expired(each, owners.get(each.instance_id, ()), shared.get(each.instance_id, ()), prices, now)
        for each in listed
    )
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.expires_at))


def clocks_must_agree(name: str, vendor: datetime, machine: datetime) -> None:
    """`name` is the vendor's. Raises ExpiryError where they do not: one of them is wrong, and nobody can tell which."""
    if abs(vendor - machine) > CLOCKS_AGREE:
        raise ExpiryError(
            f"the clocks differ: {name} says {vendor:%Y-%m-%dT%H:%M:%SZ}, this machine {machine:%Y-%m-%dT%H:%M:%SZ}; "
            f"{CLOCKS_AGREE.total_seconds() / 60:.0f} minutes may lie between them. Nothing is listed or ended: set "
            "this machine's clock, and run it again"
        )


def _expired(
    instance: Listed,
    rows: Sequence[Row],
    shared: Sequence[Row],
    prices: Mapping[str, PricedHardware],
    now: datetime,
) -> Expired | None:
    ends = [_moment(row) for row in rows]
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(ends) or max(known) > now:
        return None
    held_back = f"owned by {in_words(shared)}" if shared else ""
    return Expired(instance, instance.hourly(prices), max(known), tuple(rows), held_back, tuple(_remarks(rows, known)))


def _remarks(rows: Sequence[Row], ends: Sequence[datetime]) -> Iterator[str]:
    if any(row.protected for row in rows):
        yield "protected"
    if len(set(ends)) > 1:
        yield "the latest of its ends counts"


def _moment(row: Row) -> datetime | None:
    if not row.expires_at:
        return None
    moment = parse_time(str(row.expires_at))
    if moment is None:
        raise ExpiryError(f"the expires_at of {row.instance_id} in {row.stack} is no time: {row.expires_at!r}")
    return moment

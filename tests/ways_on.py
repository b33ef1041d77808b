"""How error texts name what a user can do: after a refusal, and where something may have been left behind."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

WAYS_ON: Final[Mapping[str, re.Pattern[str]]] = {
    "adopt": re.compile(r"--adopt|adopt_id"),
    "delete": re.compile(r"orphans[^`]*--delete"),
    "keep": re.compile(r"orphans[^`]*--keep"),
    "clear": re.compile(re.escape("--clear-pending-creates")),
}
"""The ways on after a refusal, and how its text names them."""
_LEFT_BEHIND: Final = re.compile("pulumi-cortecs orphans|cannot be told|is not known|listed so far")


def named_in(text: str, ids: Collection[str]) -> tuple[str, ...]:
    """The instances because of which something was refused, none where the text is no refusal."""
    named = tuple(instance_id for instance_id in sorted(ids) if instance_id in text)
    return named if ways_on(text) else ()


def ways_on(text: str) -> list[str]:
    """The ways on that a text names."""
    return [way for way, words in WAYS_ON.items() if words.search(text)]


def is_because_of_a_state(text: str) -> bool:
    """Whether something was refused because of a creation that a state has as pending, rather than of an order."""
    return WAYS_ON["clear"].search(text) is not None


def tells_of_what_is_left(text: str) -> bool:
    """Whether a text says that something may have been bought, so that a user looks for it with `orphans`."""
    return _LEFT_BEHIND.search(text) is not None

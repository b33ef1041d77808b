"""Suggestions for a misspelt name, and lists of names that fit a message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from unicodedata import normalize

_MAX_NAMES: Final = 12


def closest_match(value: str, names: Iterable[str], *, at_least: float = 0.5) -> str | None:
    """The known name that is most similar to `value`, or None. `at_least`: the required similarity, from 0 to 1."""
    from difflib import get_close_matches  # programs import this module, but rarely need difflib

    by_likeness = {_normalized(name): name for name in names}
    near = get_close_matches(_normalized(value), by_likeness, n=1, cutoff=at_least)
    return by_likeness[near[0]] if near else None


def suggestion(value: str, names: Iterable[str]) -> str:
    """The end of a message about an id that is not on offer: the closest one, and all that are on offer."""
    ids = sorted(names)
    near = closest_match(value, ids)
    return (f"; did you mean {near}?" if near else ".") + f" On offer: {join_names(ids)}"


def join_names(ids: Sequence[str]) -> str:
    """At most twelve names, separated by commas; "nothing" for none."""
    return (", ".join(ids[:_MAX_NAMES]) + (", ..." if len(ids) > _MAX_NAMES else "")) or "nothing"


def _normalized(value: str) -> str:
    """The text with characters that look alike made equal: letters of either case, full-width digits."""
    return normalize("NFKC", value).casefold()

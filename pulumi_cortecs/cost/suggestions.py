"""Suggestions for a misspelt name, and lists of names that fit a message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from unicodedata import normalize

_MAX_NAMES: Final = 12
_MIN_PART: Final = 2
"""The letters of a part by which a name is suggested."""
_WORDS: Final = re.compile(r"[a-z0-9]+")


def closest_match(value: str, names: Iterable[str], *, at_least: float = 0.5) -> str | None:
    """The known name that is most similar to `value`, or else the shortest that has it as a part: "L4" is
    "NVIDIA_L4_1"; None without either. `at_least`: the required similarity, from 0 to 1."""
    from difflib import get_close_matches  # programs import this module, but rarely need difflib

    by_likeness = {_normalized(name): name for name in names}
    near = get_close_matches(_normalized(value), by_likeness, n=1, cutoff=at_least)
    if near or len(part := _normalized(value)) < _MIN_PART:
        return by_likeness[near[0]] if near else None
    longer = [name for name in by_likeness if part in name]
    return (
        by_likeness[min(longer, key=lambda name: (part not in _WORDS.findall(name), len(name), name))]
        if longer
        else None
    )


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

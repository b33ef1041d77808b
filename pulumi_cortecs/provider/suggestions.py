"""Suggestions for a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import normalize


def closest_match(value: str, names: Iterable[str], *, at_least: float = 0.5) -> str | None:
    """The known name that looks most like `value`, None where none does. `at_least`: how alike, from 0 to 1."""
    from difflib import get_close_matches  # a program loads this module, and hardly ever needs it

    by_likeness = {_normalized(name): name for name in names}
    near = get_close_matches(_normalized(value), by_likeness, n=1, cutoff=at_least)
    return by_likeness[near[0]] if near else None


def _normalized(value: str) -> str:
    """The same for what looks the same: letters of either case, full-width digits."""
    return normalize("NFKC", value).casefold()

"""JSON in which a key stands once: readers differ in which of two they take, and a person sees the one they do not."""

from __future__ import annotations

from typing import Any


class DuplicateKeyError(ValueError):
    """A duplicate key. The text names it."""


def reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON file, for `object_pairs_hook`. Raises DuplicateKeyError."""
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise DuplicateKeyError(f"duplicate key: {key}")
        members[key] = value
    return members

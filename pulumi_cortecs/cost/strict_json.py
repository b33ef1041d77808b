"""JSON in which a key stands once: readers differ in which of two they take, and a person sees the one they do not."""

from __future__ import annotations

from typing import Any


class DuplicateKeyError(ValueError):
    """A key is there twice. The text names it."""


def reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON file, for `object_pairs_hook`. Raises DuplicateKeyError."""
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise DuplicateKeyError(f"a key is there twice: {key}")
        members[key] = value
    return members

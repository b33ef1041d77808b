"""What a URN says: `urn:pulumi:STACK::PROJECT::TYPE::NAME`, read from the left, as the engine reads it."""

from __future__ import annotations


def name_in(urn: str) -> str:
    """What the program calls the resource; a name may have `::` in it."""
    return urn.split("::", 3)[-1]

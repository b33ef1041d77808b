"""What outsiders say, as a terminal and a review may show it: a control character in a name could move the cursor, hide
a row, or write another one."""

from __future__ import annotations

from typing import Final

LONGEST_ID: Final = 200
"""Characters: several times what any vendor's ids have."""


def printable(text: str, keep: str = "") -> str:
    r"""`text` with all that is not printable written out, as `\x1b` or `\u202e`; `keep` are exceptions."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def identifier(text: str) -> str:
    """An id as it was told: what is sent back, and compared, cannot be written in another way. Raises ValueError."""
    if not text or len(text) > LONGEST_ID or not text.isprintable():
        raise ValueError(f"must be an id, 1 to {LONGEST_ID} printable characters")
    return text

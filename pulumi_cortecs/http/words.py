"""What outsiders say, as a terminal and a review may show it: a control character in a name could move the cursor, hide
a row, or write another one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

LONGEST_ID: Final = 200
"""Characters: several times what any vendor's ids have."""
_REDACTED: Final = "[redacted]"
_SHORTEST_SECRET: Final = 6
"""Characters. A shorter one (the simulator's is "sim") is no secret, and blacking it out would maim other words."""


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


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` without these secrets, plain or as JSON, Python and URLs write them."""
    for secret in secrets:
        if len(secret) < _SHORTEST_SECRET:
            continue
        for written in {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe="")}:
            text = text.replace(written, _REDACTED)
    return text

"""Text from outside, made safe for a terminal and a review: a control character in a name could move the cursor, hide a
row, or write another one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

MAX_ID_LENGTH: Final = 200
"""Characters: several times the length of any vendor's ids."""
_MAX_MESSAGE_LENGTH: Final = 300
_REDACTED: Final = "[redacted]"
_MIN_SECRET_LENGTH: Final = 6
"""Characters. A shorter secret (the simulator's is "sim") does not count as one, and its redaction would garble other
words."""


def escape_unprintable(text: str, keep: str = "") -> str:
    r"""`text` with all that is not printable written out, as `\x1b` or `\u202e`; `keep` are exceptions."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def require_identifier(text: str) -> str:
    """The id, unchanged, because it is sent back and compared. Raises ValueError for an unprintable or overlong one."""
    if not text or len(text) > MAX_ID_LENGTH or not text.isprintable():
        raise ValueError(f"must be an id, 1 to {MAX_ID_LENGTH} printable characters")
    return text


def require_path_part(text: str, reserved: frozenset[str]) -> str:
    r"""An id that stands for itself in a path, unchanged. Raises ValueError for one that would be another path: one of
    the `reserved`, dots (httpx resolves them, quoted or not), / and \."""
    if text in reserved or text in ("", ".", "..") or "/" in text or "\\" in text:
        raise ValueError("must be an id that is no path")
    return text


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` without these secrets, plain or in the spelling of JSON, Python and URLs, also in one another's."""
    once = {written for secret in secrets if len(secret) >= _MIN_SECRET_LENGTH for written in _spellings(secret)}
    # the longest first: one may be a part of another
    for written in sorted({*once, *(twice for one in once for twice in _spellings(one))}, key=len, reverse=True):
        text = text.replace(written, _REDACTED)
    return text


def command_parts(text: str) -> list[str]:
    """A secret command line or script, its lines, and its words but for the names of options: an error may quote a
    part."""
    words = [word for word in text.split() if not word.startswith("-") or "=" in word]
    return [text, *text.splitlines(), *words, *(word.partition("=")[2] for word in words)]


def secret_parts(value: Any) -> list[str]:
    """The same of every text in a value."""
    if isinstance(value, str):
        return command_parts(value)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [part for item in items for part in secret_parts(item)]


def _spellings(text: str) -> set[str]:
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    html = "".join(f"\\u{ord(c):04x}" if c in "<>&" else c for c in plain)  # as Go writes JSON
    return {text, plain, html, json.dumps(text)[1:-1], repr(text)[1:-1], quote(text, safe="")}


def one_line(text: str) -> str:
    """`text` in one line, shortened, with a space for each unprintable character."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= _MAX_MESSAGE_LENGTH else flat[: _MAX_MESSAGE_LENGTH - 3] + "..."

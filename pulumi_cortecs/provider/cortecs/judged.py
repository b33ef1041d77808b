"""What policies have judged, kept for the second check of a replacement.

For a replacement the engine checks again, with no old inputs and the program's raw arguments, *after* the policies ran
and with `ignore_changes` and remediations undone, and buys the second result. So the first result is kept under the
URN, diff replaces it by what policies and `ignore_changes` made of it, and the second check must come to the same.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

_lock = threading.Lock()
_by_urn: dict[str, dict[str, Any]] = {}


def remember(urn: str, inputs: Mapping[str, Any]) -> None:
    """Keeps the result of a check that had old inputs. Without a URN nothing can be kept."""
    if urn:
        with _lock:
            _by_urn[urn] = dict(inputs)


def amend(urn: str, inputs: Mapping[str, Any]) -> None:
    """Replaces what was kept by what came of it; a refresh, which calls diff without a check, adds nothing."""
    with _lock:
        if urn in _by_urn:
            _by_urn[urn] = dict(inputs)


def of(urn: str) -> dict[str, Any] | None:
    """What was judged for this URN in this process, None if nothing was."""
    with _lock:
        kept = _by_urn.get(urn)
        return None if kept is None else dict(kept)

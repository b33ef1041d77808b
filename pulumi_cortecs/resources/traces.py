"""How much of its call stack a registered resource leaves in the state.

Pulumi's SDK sends the whole stack with each resource, down to the interpreter's start, and the engine keeps it: two
fifths of a row of ours, written anew at every step of an `up`. What a reader can use of it are the newest frames.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NEWEST: Final = 7
"""Frames: those of the SDK between the one that looks and our constructor, and two that are kept."""


@contextmanager
def short_traces() -> Iterator[None]:
    """Within the block Python tells only the newest frames of a stack. The position in the source stays as it was."""
    before = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = _NEWEST
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before

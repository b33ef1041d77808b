"""How much of its call stack a registered resource leaves in the state.

Pulumi's SDK sends the whole stack with each resource, down to the interpreter's start, and the engine keeps it: two
fifths of a row of ours, written anew at every step of an `up`. What a reader can use of it are the newest frames.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

USER: Final = 7
"""Frames: those of the SDK between the one that looks and our constructor, that one, and the user's that called it."""

NOBODY: Final = 1
"""So few that the SDK finds no constructor among them and sends nothing: its Instance tells where it is from."""


@contextmanager
def short_traces(newest: int) -> Iterator[None]:
    """Within the block Python tells only so many of the newest frames of a stack."""
    before = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = newest
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before

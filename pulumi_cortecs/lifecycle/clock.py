"""Time as a thing that can be handed in: waiting code sleeps here, and tests turn the hands."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that only move forward, and a way to let them pass."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns when that much time has passed."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread."""
        time.sleep(max(0.0, seconds))

"""Time as a thing that can be handed in: waiting code sleeps here, and tests turn the hands."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Protocol

from pulumi_cortecs.cost.times import parse_time


class Clock(Protocol):
    """Seconds that only move forward, and a way to let them pass."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def utc_now(self) -> datetime:
        """What a calendar says, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns when that much time has passed."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def utc_now(self) -> datetime:
        """What the machine's calendar says, in UTC."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread."""
        time.sleep(max(0.0, seconds))


class InterruptedWaitError(Exception):
    """Somebody wants no more waiting."""


class InterruptibleClock(SystemClock):
    """A clock for waits that buy and end nothing: once `interrupted` is set, nobody sleeps any more."""

    def __init__(self, interrupted: threading.Event) -> None:
        self._interrupted = interrupted

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread. Raises InterruptedWaitError."""
        if self._interrupted.wait(max(0.0, seconds)):
            raise InterruptedWaitError("interrupted")


def seconds_since_1970(timestamp: str | None) -> float | None:
    """A vendor's ISO 8601 time, None for what is none, or does not say in which zone."""
    at = parse_time(timestamp)
    return None if at is None else at.timestamp()

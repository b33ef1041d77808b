"""Clocks that are passed as arguments: waiting code sleeps on them, and tests move their time."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds, and a way to sleep."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def utc_now(self) -> datetime:
        """The date and time in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns after that many seconds."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def utc_now(self) -> datetime:
        """The machine's date and time in UTC."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread."""
        time.sleep(max(0.0, seconds))


class InterruptedWaitError(Exception):
    """The wait was interrupted."""


class InterruptibleClock(SystemClock):
    """A clock for waits that neither buy nor delete: once `interrupted` is set, each sleep ends."""

    def __init__(self, interrupted: threading.Event) -> None:
        self._interrupted = interrupted

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread. Raises InterruptedWaitError."""
        if self._interrupted.wait(max(0.0, seconds)):
            raise InterruptedWaitError("interrupted")

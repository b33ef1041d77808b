"""The usual duration of a command on this machine, when it is not killed."""

from __future__ import annotations

import threading

_AT_FIRST = 2.5
_WEIGHT = 0.2


class Pace:
    """A moving average per command, in seconds. Threads may share it."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def expected(self, command: str) -> float:
        """The recent duration of such a command, in seconds."""
        with self._lock:
            return self._seconds.get(command, _AT_FIRST)

    def record(self, command: str, seconds: float) -> None:
        """Record the duration of an undisturbed command."""
        with self._lock:
            before = self._seconds.get(command, seconds)
            self._seconds[command] = before + _WEIGHT * (seconds - before)

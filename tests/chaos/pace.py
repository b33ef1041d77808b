"""How long a command takes on this machine when nobody kills it."""

from __future__ import annotations

import threading

_AT_FIRST = 2.5
_WEIGHT = 0.2


class Pace:
    """A moving average per command, in seconds. Threads may share it."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def of(self, command: str) -> float:
        """What such a command took lately."""
        with self._lock:
            return self._seconds.get(command, _AT_FIRST)

    def took(self, command: str, seconds: float) -> None:
        """One that nobody disturbed took so long."""
        with self._lock:
            before = self._seconds.get(command, seconds)
            self._seconds[command] = before + _WEIGHT * (seconds - before)

"""The clock of the simulated clouds: real time, sped up, stepped forward or paused.

Only events that the clouds themselves would date use this clock: boots, bills, list lag, stops from outside. Access
tokens use real time, because clients compare `expires_in` with their own clock.

While the simulator is off, virtual time stands still. Otherwise a night between two runs would be billed, at a speed of
60 as sixty nights, and the duration of a restart would change the results of a test.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

Monotonic = Callable[[], float]


@dataclass(frozen=True)
class Moment:
    """The state of a clock, from which another one can continue."""

    at: datetime
    speed: float
    paused: bool


class VirtualClock:
    """A clock that starts at `start` (real now by default) and makes `speed` virtual seconds of each real one.

    `monotonic` is the seam for tests: a callable that returns real seconds.
    """

    def __init__(self, speed: float = 1.0, *, start: datetime | None = None, monotonic: Monotonic = time.monotonic):
        self._monotonic = monotonic
        self._real_at = monotonic()
        self._virtual_at = start or datetime.now(timezone.utc)
        self._speed = _checked_speed(speed)
        self._paused = False

    @classmethod
    def since(cls, moment: Moment, *, monotonic: Monotonic = time.monotonic) -> VirtualClock:
        """A clock that continues from `moment`, as if no time had passed since."""
        clock = cls(moment.speed, start=moment.at, monotonic=monotonic)
        clock._paused = moment.paused
        return clock

    def moment(self) -> Moment:
        """The state of the clock, to the microsecond."""
        return Moment(self._exact(), self._speed, self._paused)

    @property
    def speed(self) -> float:
        """Virtual seconds per real second while the clock is not paused."""
        return self._speed

    @property
    def paused(self) -> bool:
        """True if time passes only by `advance`."""
        return self._paused

    def now(self) -> datetime:
        """The virtual time in UTC, in whole milliseconds.

        Answers show milliseconds. With a finer ledger, a run of 60.0004 s would be billed as two minutes and shown as
        one.
        """
        exact = self._exact()
        return exact.replace(microsecond=exact.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> None:
        """Steps forward. Raises ValueError for a step back and for one beyond the calendar."""
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"seconds: got {seconds}; must be 0 or more, because time only moves forward")
        self._anchor()
        try:
            self._virtual_at += timedelta(seconds=seconds)
        except OverflowError:
            raise ValueError(f"seconds: got {seconds}; the resulting time is beyond the calendar") from None

    def run_at(self, speed: float) -> None:
        """Changes the speed from this moment on. Raises ValueError unless it is positive and finite."""
        checked = _checked_speed(speed)
        self._anchor()
        self._speed = checked

    def pause(self) -> None:
        """Pauses time until `resume`."""
        self._anchor()
        self._paused = True

    def resume(self) -> None:
        """Resumes time where it was paused."""
        self._anchor()
        self._paused = False

    def _exact(self, real: float | None = None) -> datetime:
        passed = (self._monotonic() if real is None else real) - self._real_at
        return self._virtual_at if self._paused else self._virtual_at + timedelta(seconds=passed * self._speed)

    def _anchor(self) -> None:
        real = self._monotonic()
        self._virtual_at, self._real_at = self._exact(real), real


def _checked_speed(speed: float) -> float:
    if not math.isfinite(speed) or speed <= 0:
        raise ValueError(f"speed: got {speed}; must be a positive number of virtual seconds per real second")
    return speed


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a Z: "2025-03-01T12:00:00.000Z"."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Times and durations as people and vendors write them: "90s", "1h30m", "7d", "2026-11-21T08:00:00Z"."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(d|h|ms|m|s)")
_MAX_LENGTH: Final = 100
"""Characters: to look at more of them takes time by their square, and no duration has as many."""
_SECONDS: Final = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def parse_duration(text: str) -> float | None:
    """The seconds of a duration, None for anything else. Units: d, h, m, s, ms."""
    if not text or len(text) > _MAX_LENGTH or _PART.sub("", text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def format_duration(seconds: float) -> str:
    """Whole seconds for a person: "45s", "2m10s", "1h05m"."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"


def timestamp_after(text: str, now: datetime) -> str:
    """The moment that is `text` after `now` (in UTC), in ISO-8601 with Z; "" for anything but a duration."""
    seconds = parse_duration(text)
    return "" if seconds is None else f"{(now + timedelta(seconds=seconds)).replace(tzinfo=None):%Y-%m-%dT%H:%M:%SZ}"


def parse_time(text: str) -> datetime | None:
    """An ISO 8601 time, None for anything else, or without a time zone."""
    try:
        # Python 3.10 does not read the Z
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return time if time.tzinfo else None


def parse_timestamp(text: str | None) -> float | None:
    """An ISO 8601 time in seconds since 1970, None as in `parse_time`, and for no text."""
    time = parse_time(text or "")
    return None if time is None else time.timestamp()

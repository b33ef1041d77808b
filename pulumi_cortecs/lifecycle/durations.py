"""Spans of time as people write them: "90s", "1h30m", "7d"."""

from __future__ import annotations

from datetime import datetime, timedelta


def seconds_in(text: str) -> float | None:
    """How many seconds `text` means, None for what is no duration. Units: d, h, m, s, ms."""
    from pulumi_cortecs.cost.times import parse_milliseconds  # only a program that names a time loads it

    milliseconds = parse_milliseconds(text)
    return None if milliseconds is None else float(milliseconds / 1000)


def in_words(seconds: float) -> str:
    """Whole seconds for a person: "45s", "2m10s", "1h05m"."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"


def moment_after(text: str, now: datetime) -> str:
    """The moment that is `text` after `now` (in UTC), in ISO-8601 with Z; "" where `text` is no duration."""
    seconds = seconds_in(text)
    return "" if seconds is None else f"{(now + timedelta(seconds=seconds)).replace(tzinfo=None):%Y-%m-%dT%H:%M:%SZ}"

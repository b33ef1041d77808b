"""Durations and times in seconds; `cost.times` parses them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


def parse_duration(text: str) -> float | None:
    """The seconds of a duration, None for anything else. Units: d, h, m, s, ms."""
    from pulumi_cortecs.cost.times import parse_milliseconds  # imported only for programs that have a time

    milliseconds = parse_milliseconds(text)
    return None if milliseconds is None else float(milliseconds / 1000)


def format_duration(seconds: float) -> str:
    """Whole seconds as text: "45s", "2m10s", "1h05m"."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"


def timestamp_after(text: str, now: datetime) -> str:
    """The time `text` after `now` (in UTC), in ISO-8601 with Z; "" for anything but a duration."""
    seconds = parse_duration(text)
    return "" if seconds is None else f"{(now + timedelta(seconds=seconds)).replace(tzinfo=None):%Y-%m-%dT%H:%M:%SZ}"


def in_utc(text: str | None) -> str:
    """An ISO 8601 time in UTC to the second, with Z; "" for anything else."""
    from pulumi_cortecs.cost.times import parse_time, utc_seconds_text

    time = parse_time(text)
    return "" if time is None else utc_seconds_text(time)


def parse_timestamp(text: str | None) -> float | None:
    """An ISO 8601 time in seconds since 1970; None for anything else, and for no zone at all."""
    from pulumi_cortecs.cost.times import parse_time

    time = parse_time(text)
    return None if time is None else time.timestamp()


def utc_text(seconds: float) -> str:
    """A time in seconds since 1970 in ISO-8601, in UTC to the second, with Z; "" for one beyond the calendar. Raises
    nothing: it is called between a purchase and the return of its id."""
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, OSError, ValueError):
        return ""

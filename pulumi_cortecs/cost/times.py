"""The one reader of durations, and the one of times, for users, files and vendors."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from decimal import Context, Decimal, localcontext
from typing import Final

MAX_DURATION_LENGTH: Final = 100
"""Characters of a duration: the time for longer ones grows with the square of their length."""

_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(d|h|ms|m|s)")
MILLISECONDS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
"""The milliseconds of each unit of a duration."""
_UTC_SECONDS: Final = "%Y-%m-%dT%H:%M:%SZ"
_UTC_SECONDS_SHAPE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def parse_milliseconds(text: str) -> Decimal | None:
    """The exact milliseconds of a duration, "8h", "1h30m" or "1.5d"; None for anything else. Units: d, h, m, s, ms."""
    if not text or len(text) > MAX_DURATION_LENGTH or _PART.sub("", text):
        return None
    with localcontext(Context(prec=200)):  # the program's own context may round
        return sum((Decimal(number) * MILLISECONDS[unit] for number, unit in _PART.findall(text)), Decimal(0))


def parse_time(text: str | None, *, default_zone: timezone | None = None) -> datetime | None:
    """An ISO 8601 time, in the default zone where it names none; None for anything else, and for no zone at all."""
    try:
        time = datetime.fromisoformat((text or "").replace("Z", "+00:00"))  # Python 3.10 does not read the Z
    except ValueError:
        return None
    if time.tzinfo is None and default_zone is not None:
        time = time.replace(tzinfo=default_zone)
    return time if time.tzinfo else None


def parse_utc_seconds(text: str) -> datetime | None:
    """The time in a file, "2025-03-01T12:00:00Z": in UTC to the second, in no other form; None for anything else."""
    return parse_time(text) if _UTC_SECONDS_SHAPE.fullmatch(text) else None


def utc_seconds_text(time: datetime) -> str:
    """A time as `parse_utc_seconds` reads it."""
    return time.astimezone(timezone.utc).strftime(_UTC_SECONDS)

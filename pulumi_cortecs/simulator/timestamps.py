"""How times look in answers."""

from __future__ import annotations

from datetime import datetime


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a Z: "2025-03-01T12:00:00.000Z"."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""What a vendor rounds a run up to before it bills it."""

from __future__ import annotations

from enum import Enum


class BillingInterval(str, Enum):
    """Started minutes, or started hours."""

    PER_MINUTE = "per_minute"
    PER_HOUR = "per_hour"

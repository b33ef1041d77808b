"""In which ways a vendor may supply something else than what was ordered."""

from __future__ import annotations

from enum import Enum


class Reused(str, Enum):
    """Whose id is given out again: that of a `deleted` instance, or of an `existing` one."""

    DELETED = "deleted"
    EXISTING = "existing"

"""In which ways a vendor may supply something else than what was ordered."""

from __future__ import annotations

from enum import Enum


class Argument(str, Enum):
    """What of an order is not heeded."""

    HARDWARE = "hardware_type_id"
    MODEL = "model_id"
    WORKERS = "num_workers"
    CONTEXT = "context_length"
    INTERVAL = "billing_interval"

    @property
    def is_number(self) -> bool:
        """Whether its values are whole numbers."""
        return self in (Argument.WORKERS, Argument.CONTEXT)


class Reused(str, Enum):
    """Whose id is given out again: that of a `deleted` instance, or of an `existing` one."""

    DELETED = "deleted"
    EXISTING = "existing"

"""What a vendor's status word means for the one who waits: data, one table per cloud. An unknown word is an error."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Phase(Enum):
    """Where an instance is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"
    FAILED = "failed"
    DELETING = "deleting"


class UnknownStatusError(Exception):
    """The vendor used a status word that our table does not have: nobody should guess what it means for a bill."""


def phase_of(status: str, table: Mapping[str, Phase]) -> Phase:
    """The phase that `status` stands for. Raises UnknownStatusError."""
    try:
        return table[status]
    except KeyError:
        known_words = ", ".join(sorted(table))
        raise UnknownStatusError(f"the vendor reports the status {status!r}; known are {known_words}") from None

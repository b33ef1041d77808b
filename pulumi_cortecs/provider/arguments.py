"""The arguments that instances of every cloud have: what the life cycle goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.durations import seconds_in
from pulumi_cortecs.provider.kind import Argument, Change
from pulumi_cortecs.provider.properties import BadValueError, identifier, one_of, text

STATES: Final = ("running", "stopped")
ON_TIMEOUT: Final = ("keep", "stop", "delete")
LONGEST_READY_TIMEOUT: Final = 7 * 24 * 3600
"""In seconds: how long an Endpoint may be told to wait."""

_LONGEST_TTL: Final = 366 * 24 * 3600


def _ttl(value: Any) -> str:
    duration = text(value)
    seconds = seconds_in(duration)
    if duration and (seconds is None or not 1 <= seconds <= _LONGEST_TTL):
        raise BadValueError(f"must be a duration such as 8h, 90m or 7d, of at most 366d; got {duration!r}")
    return duration


def _adopt_id(value: Any) -> str:
    return identifier(value) if value != "" else ""


LIFE_CYCLE: Final[Mapping[str, Argument]] = {
    "state": Argument(one_of(*STATES), "running", Change.UPDATE),
    "restart_trigger": Argument(text, "", Change.UPDATE, interrupts=True),
    "ttl": Argument(_ttl, "", Change.UPDATE, in_state_if_default=False),
    "on_timeout": Argument(one_of(*ON_TIMEOUT), "keep", Change.UPDATE),
    "adopt_id": Argument(_adopt_id, "", Change.NOTHING, in_state_if_default=False),
}
"""They come last in each table."""

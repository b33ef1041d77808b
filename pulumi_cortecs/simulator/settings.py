"""The knobs that all simulated clouds have: behaviour that the vendors do not document, or that tests control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import create_model

from pulumi_cortecs.simulator.request_model import RequestModel, Seconds, Shift


@dataclass(frozen=True)
class SharedSettings:
    """The knobs that all clouds have, for the pace of things; a cloud's own are a subclass in its folder.

    Times are virtual seconds unless they say "real". A change holds for what happens after it: runs that have begun
    keep the boot time and the billing rule they began with.
    """

    boot_seconds: Seconds = 30.0
    """From start or restart to running; four of the five steps take an equal share, the fifth is "running"."""
    token_ttl_real_seconds: Seconds = 3600.0
    """How long a new access token is good for, in real seconds."""
    date_ahead_seconds: Shift = 0.0
    """How far the `Date` of answers is ahead of the clock that runs the clouds; it may be negative."""
    stream_chunk_real_seconds: Seconds = 0.0
    """Pause before each chunk of a streamed answer of a served model, in real seconds."""


def settings_request(settings: type[SharedSettings]) -> type[RequestModel]:
    """The body that turns any of these knobs, each within what its type allows."""
    knobs: dict[str, Any] = {
        name: (kind | None, None) for name, kind in get_type_hints(settings, include_extras=True).items()
    }
    return create_model("SettingsRequest", __base__=RequestModel, **knobs)

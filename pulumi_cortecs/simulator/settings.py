"""The settings that all simulated clouds have: behaviour that the vendors do not document, or that tests control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import create_model

from pulumi_cortecs.simulator.request_model import RequestModel, Seconds, Shift


@dataclass(frozen=True)
class SharedSettings:
    """The timing settings of all clouds; a cloud's own are a subclass in its folder.

    Times are virtual seconds unless their name has "real". A change applies to later events: existing runs keep the
    boot time and the billing rule of their start.
    """

    boot_seconds: Seconds = 30.0
    """The time from start or restart to running; four of the five steps take an equal share, the fifth is "running"."""
    token_ttl_real_seconds: Seconds = 3600.0
    """The lifetime of a new access token, in real seconds."""
    date_ahead_seconds: Shift = 0.0
    """Seconds by which the `Date` of answers is ahead of the clouds' clock; it may be negative."""
    stream_chunk_real_seconds: Seconds = 0.0
    """The pause before each chunk of a streamed answer of a served model, in real seconds."""
    inference_key: str = ""
    """The key that a gateway before all instances' own APIs requires; "" accepts any key, or none. Made up, because
    settings are shown."""


def settings_request(settings: type[SharedSettings]) -> type[RequestModel]:
    """The request body that changes any of these settings, each within its type."""
    knobs: dict[str, Any] = {
        name: (kind | None, None) for name, kind in get_type_hints(settings, include_extras=True).items()
    }
    return create_model("SettingsRequest", __base__=RequestModel, **knobs)

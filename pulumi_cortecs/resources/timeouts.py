"""Pulumi's custom timeouts in seconds: the dynamic host drops them, so they travel as an ordinary input."""

from __future__ import annotations

import pulumi

from pulumi_cortecs.lifecycle.durations import seconds_in
from pulumi_cortecs.provider.arguments import MAX_READY_TIMEOUT


def create_timeout(opts: pulumi.ResourceOptions | None, default: int) -> int:
    """`opts.custom_timeouts.create` ("15m", "1h30m") in whole seconds, at least 1; `default` where there is none.

    Raises ValueError for a text that is no duration, and for a longer one than an Endpoint takes: its own check comes
    when the instance has been bought.
    """
    timeouts = opts.custom_timeouts if opts is not None else None
    text = timeouts.create if timeouts is not None else None
    if text is None:
        return default
    exact = None if "d" in text else seconds_in(text)  # the engine's own durations have no days
    if exact is None:
        raise ValueError(f"custom_timeouts.create must be a duration such as '15m' or '1h30m', not {text!r}")
    seconds = round(exact)
    if seconds > MAX_READY_TIMEOUT:
        hours = MAX_READY_TIMEOUT // 3600
        raise ValueError(f"custom_timeouts.create must be at most {hours} hours, not {text!r}")
    return max(1, seconds)

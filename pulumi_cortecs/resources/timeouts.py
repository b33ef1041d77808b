"""Pulumi's custom timeouts in seconds: the dynamic host drops them, so they travel as an ordinary input."""

from __future__ import annotations

import re
from typing import Final

import pulumi

from pulumi_cortecs.provider.cortecs.arguments import LONGEST_READY_TIMEOUT

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s)")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def create_timeout(opts: pulumi.ResourceOptions | None, default: int) -> int:
    """`opts.custom_timeouts.create` ("15m", "1h30m") in whole seconds, at least 1; `default` where there is none.

    Raises ValueError for a text that is no duration, and for a longer one than an Endpoint takes: its own check comes
    when the instance has been bought.
    """
    timeouts = opts.custom_timeouts if opts is not None else None
    text = timeouts.create if timeouts is not None else None
    if text is None:
        return default
    if not text or _PART.sub("", text):
        raise ValueError(f"custom_timeouts.create must be a duration such as '15m' or '1h30m', not {text!r}")
    seconds = round(sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))
    if seconds > LONGEST_READY_TIMEOUT:
        hours = LONGEST_READY_TIMEOUT // 3600
        raise ValueError(f"custom_timeouts.create must be at most {hours} hours, not {text!r}")
    return max(1, seconds)

"""The few knobs of a provider process: it is a child of the engine's, so they reach it as environment variables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pulumi_cortecs.clouds.errors import ConfigurationError

_MARKET_AGE = 30.0
_LIST_LAG = 5.0


@dataclass(frozen=True)
class Settings:
    """`list_lag`: seconds for which Cortecs' list may miss what was just made. `poll_interval`: seconds between two
    looks at a booting instance, None for the schedule that slows down with age. `market_age`: seconds for which prices
    and models are asked for once."""

    list_lag: float = _LIST_LAG
    poll_interval: float | None = None
    market_age: float = _MARKET_AGE


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Reads PULUMI_CORTECS_LIST_LAG and PULUMI_CORTECS_POLL_INTERVAL. Raises ConfigurationError naming the variable."""
    lag = _seconds(environment, "PULUMI_CORTECS_LIST_LAG", zero=True)
    return Settings(
        list_lag=_LIST_LAG if lag is None else lag,
        poll_interval=_seconds(environment, "PULUMI_CORTECS_POLL_INTERVAL", zero=False),
    )


def _seconds(environment: Mapping[str, str], name: str, *, zero: bool) -> float | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0 or (seconds == 0 and not zero):
        raise ConfigurationError(f"{name} is a number of seconds, not {text!r}")
    return seconds

"""The settings of a provider process. It is a child of the engine, so they are environment variables."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pulumi_cortecs.lifecycle.state_directory import state_directory

_MARKET_AGE: Final = 30.0
_LIST_LAG: Final = 5.0
_DECIMAL: Final = re.compile(r"[0-9]+(\.[0-9]+)?")  # float accepts "1_0", look-alike digits and spaces as well


@dataclass(frozen=True)
class ProviderSettings:
    """`list_lag`: seconds for which the vendor's list may miss a new instance. `poll_interval`: seconds between two
    looks at a booting instance, None for the schedule that slows down with age. `market_age`: seconds for which prices
    and models are kept. `problems`: a text for each invalid variable, by its name; such a variable keeps its default,
    and create buys nothing."""

    list_lag: float = _LIST_LAG
    poll_interval: float | None = None
    market_age: float = _MARKET_AGE
    problems: tuple[str, ...] = ()


def read_settings(environment: Mapping[str, str]) -> ProviderSettings:
    """Reads PULUMI_CORTECS_LIST_LAG, PULUMI_CORTECS_POLL_INTERVAL and PULUMI_CORTECS_STATE_DIR.

    Raises nothing, because no variable may block a deletion.
    """
    lag, about_lag = _seconds(environment, "PULUMI_CORTECS_LIST_LAG", zero=True)
    interval, about_interval = _seconds(environment, "PULUMI_CORTECS_POLL_INTERVAL", zero=False)
    problems = (about_lag, about_interval, state_directory(environment).problem)
    return ProviderSettings(
        list_lag=_LIST_LAG if lag is None else lag,
        poll_interval=interval,
        problems=tuple(filter(None, problems)),
    )


def _seconds(environment: Mapping[str, str], name: str, *, zero: bool) -> tuple[float | None, str]:
    text = environment.get(name)
    if not text:
        return None, ""
    seconds = float(text) if _DECIMAL.fullmatch(text) else math.nan
    if not math.isfinite(seconds) or (seconds == 0 and not zero):
        return None, f"{name}: got {text!r}; must be a number of seconds"
    return seconds, ""

"""The few knobs of a provider process: it is a child of the engine's, so they reach it as environment variables."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pulumi_cortecs.lifecycle.state_directory import state_directory

_MARKET_AGE: Final = 30.0
_LIST_LAG: Final = 5.0
_DECIMAL: Final = re.compile(r"[0-9]+(\.[0-9]+)?")  # float reads "1_0", look-alike digits and spaces as well


@dataclass(frozen=True)
class ProviderSettings:
    """`list_lag`: seconds for which the vendor's list may miss what was just made. `poll_interval`: seconds between two
    looks at a booting instance, None for the schedule that slows down with age. `market_age`: seconds for which prices
    and models are asked for once. `problems`: a line for each variable that cannot be used and keeps its default, by
    name; nothing is bought while there is one."""

    list_lag: float = _LIST_LAG
    poll_interval: float | None = None
    market_age: float = _MARKET_AGE
    problems: tuple[str, ...] = ()


def read_settings(environment: Mapping[str, str]) -> ProviderSettings:
    """Reads PULUMI_CORTECS_LIST_LAG, PULUMI_CORTECS_POLL_INTERVAL and PULUMI_CORTECS_STATE_DIR.

    It raises nothing: no variable may keep a bill from being ended.
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
        return None, f"{name} is a number of seconds, not {text!r}"
    return seconds, ""

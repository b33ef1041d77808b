"""The delay with which answers show a change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pulumi_cortecs.simulator.faults import Fault


@dataclass(frozen=True)
class Lag:
    """The delay of what is shown, in virtual seconds: in lists, and in the answer by id."""

    in_lists: float = 0.0
    by_id: float = 0.0


NO_LAG = Lag()


def lag_of(fault: Fault | None) -> Lag:
    """The lag of lists and answers by id under this fault; none without a fault."""
    if fault is None:
        return NO_LAG
    seconds = fault.number("seconds")
    return Lag(seconds, seconds if fault.parameter("by_id") else 0.0)


def last_lag(faults: Iterable[Fault]) -> Lag:
    """The lag under the last of these faults."""
    return lag_of(next(reversed(list(faults)), None))

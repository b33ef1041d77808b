"""The outcome of a benchmark: one line to read, one JSON file to keep, and an exit code (0: all goals were met)."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Outcome:
    """One goal and its measurement: `ratio` is to be at most `goal`.

    `calls` are the list calls that were made, None where they do not count, and `calls_allowed` the most there may be.
    `details` are the single measurements, in seconds unless they say otherwise.
    """

    name: str
    ratio: float
    goal: float
    command: str
    calls: int | None = None
    calls_allowed: int | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """True if the goal was met with no more calls than allowed."""
        few = self.calls is None or self.calls_allowed is None or self.calls <= self.calls_allowed
        return self.ratio <= self.goal and few

    def line(self) -> str:
        """`NAME ratio=R goal=G`, with `calls=C/ALLOWED` where they count."""
        calls = "" if self.calls is None else f" calls={self.calls}/{self.calls_allowed}"
        return f"{self.name} ratio={self.ratio:.3f} goal={self.goal:g}{calls}"


def end(*outcomes: Outcome) -> int:
    """Keeps and prints the outcomes; 0 when all goals were met, else 1."""
    RESULTS.mkdir(exist_ok=True)
    for outcome in outcomes:
        kept = {**asdict(outcome), "met": outcome.met, "machine": machine()}
        (RESULTS / f"{outcome.name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    for outcome in outcomes:
        print(outcome.line())
    return 0 if all(outcome.met for outcome in outcomes) else 1


def machine() -> str:
    """A description of the machine that was measured on."""
    cores = os.cpu_count()
    return f"{cores} cores, {platform.system()} {platform.machine()}, Python {sys.version.split()[0]}"

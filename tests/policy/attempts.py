"""What the evasion suite counts: who tried what, and whether it got through.

An attempt is noted in its test's report, which is how it reaches the summary from whichever process ran it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

_KEY = "attempt"
_OUTSIDE = "out of reach"


class Attempts:
    """The attempts of one test. Those that got through fail it."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record
        self.through: list[str] = []
        """Those that got through."""

    def tried(self, name: str, *, through: bool) -> None:
        """Notes an attempt; `through`: whether something was bought, or would be, that the limits refuse."""
        self._record(_KEY, {"name": name, "through": through})
        if through:
            self.through.append(name)

    def batch(self, outcomes: Mapping[str, bool]) -> None:
        """Notes several: by name, whether each got through."""
        for name, through in outcomes.items():
            self.tried(name, through=through)

    def out_of_reach(self, name: str, *, stopped_by: str) -> None:
        """Notes something that no pack can stop, and what did, or would have to."""
        self._record(_OUTSIDE, {"name": name, "stopped_by": stopped_by})


def summary(reports: list[pytest.TestReport]) -> list[str]:
    """The result as lines: nothing where nothing was tried."""
    tried = _recorded_properties(reports, _KEY)
    outside = _recorded_properties(reports, _OUTSIDE)
    through = [attempt["name"] for attempt in tried if attempt["through"]]
    if not tried and not outside:
        return []
    return [
        *(f"got through: {name}" for name in through),
        f"tried {len(tried)}, passed through {len(through)}",
        f"out of a pack's reach, {len(outside)} tried:",
        *sorted(f"  {attempt['name']}: {attempt['stopped_by']}" for attempt in outside),
    ]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Shows the result after the tests."""
    ran = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = summary([report for report in ran if report.when == "call"])
    if lines:
        terminalreporter.section("evasion suite")
    for line in lines:
        terminalreporter.line(line)


def _recorded_properties(reports: list[pytest.TestReport], key: str) -> list[dict[str, Any]]:
    return [value for report in reports for name, value in report.user_properties if name == key]  # type: ignore[misc]

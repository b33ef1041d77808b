"""Writes the table of results into docs/performance.md, from the JSON files that the benchmarks leave.

python -m benchmarks.report
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.outcome import RESULTS
from benchmarks.stacks import ROOT

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- results: python -m benchmarks.report writes what is between here -->", "<!-- and here -->"

_PARTS = (
    ("to_first_purchase", "start of the command to the first purchase: language host, program, provider, check"),
    ("purchases", "first to last purchase"),
    ("last_boot", "boot of the last one bought"),
    ("rest", "until the command ends: the look that sees it ready, the rows still to be written, the end"),
)
_ROWS = (
    ("fleet-100", "`up` of 100 instances, boot 10 s, against 10 s + 100 no-ops"),
    ("fleet-100-pairs", "the same against 10 s + 100 no-op pairs"),
    ("fleet-300", "`up` of 300 instances, boot 20 s, against 20 s + 300 no-ops"),
    ("fleet-300-pairs", "the same against 20 s + 300 no-op pairs"),
    ("fleet-60-clouds", "`up` of 60 instances at three clouds, boot 10 s, against 10 s + 60 no-op pairs"),
    ("stuck-8-of-40", "8 of 40 never ready: the slowest of the others, against 1.5 x its boot + 1 s"),
    ("refresh-1000", "refresh of 1,000 instances, against 2,000 no-op rows"),
    ("refresh-1000-alike", "the same against 2,000 no-op rows with the properties of ours"),
    ("policy-1000", "preview of 1,000 new instances with every rule of `guard`, against an empty pack"),
    ("policy-start", "the pack `guard` from its start to its port, against 0.5 s"),
    ("review-seconds", "`review` of 2,000 changed instances, from the events to the page, against 1 s"),
    ("review-memory", "the same: memory, against 300 MB"),
    ("imports", "`from pulumi_cortecs import Instance`, against `import pulumi`"),
    ("one-preview", "one instance, boot 0: preview, against a no-op pair"),
    ("one-up", "the same: `up` that buys"),
    ("one-up-again", "the same: `up` without changes"),
    ("one-refresh", "the same: refresh"),
    ("one-destroy", "the same: destroy"),
)


def main() -> int:
    """Replaces the table."""
    PAGE.write_text(with_table(PAGE.read_text(), results(RESULTS)))
    return 0


def results(directory: Path) -> dict[str, Mapping[str, Any]]:
    """The results in this directory, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))}


def with_table(page: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with the table of these results between its two marks. Raises ValueError for a page without them."""
    before, begin, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not begin or not mark:
        raise ValueError(f"the page lacks {BEGIN!r} or {END!r}")
    return f"{before}{BEGIN}\n\n{_table(results)}\n\n{_breakdown(results.get('fleet-100'))}\n\n{END}{after}"


def _table(results: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| what | ratio | goal | list calls | command |", "|---|---|---|---|---|"]
    machines: list[str] = []
    for name, what in _ROWS:
        result = results.get(name)
        if result is None:
            lines.append(f"| {what} | not measured | | | |")
            continue
        missed = "" if result["met"] else " (missed)"
        calls = "" if result["calls"] is None else f"{result['calls']} of {result['calls_allowed']}"
        lines.append(
            f"| {what} | {result['ratio']:.2f}{missed} | {result['goal']:.2f} | {calls} | `{result['command']}` |"
        )
        if result["machine"] not in machines:
            machines.append(result["machine"])
    return "\n".join([*lines, "", f"Measured on: {'; '.join(machines) or 'nothing yet'}."])


def _breakdown(fleet: Mapping[str, Any] | None) -> str:
    if fleet is None:
        return "Where the time of 100 instances goes: not measured."
    rounds: list[Mapping[str, float]] = fleet["details"]["parts"]
    lines = [
        "Where the time of 100 instances goes (medians of the rounds of the first row):",
        "",
        "| part | s |",
        "|---|---|",
    ]
    lines += [f"| {what} | {statistics.median(parts[part] for parts in rounds):.1f} |" for part, what in _PARTS]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

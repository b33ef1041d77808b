"""The figures in docs/performance.md are those of the result files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.outcome import RESULTS, Outcome
from benchmarks.report import BEGIN, END, PAGE, results, with_table


def _kept(outcome: Outcome, directory: Path) -> None:
    kept = {**vars(outcome), "met": outcome.met, "machine": "2 cores"}
    (directory / f"{outcome.name}.json").write_text(json.dumps(kept))


def test_the_page_shows_what_the_results_say() -> None:
    page = PAGE.read_text()
    assert with_table(page, results(RESULTS)) == page, "run `python -m benchmarks.report`"


def test_a_result_is_shown_with_its_command_and_a_missed_goal_as_missed(tmp_path: Path) -> None:
    _kept(Outcome("imports", 1.234, 1.1, "python -m benchmarks.imports"), tmp_path)
    _kept(Outcome("refresh-1000", 1.0, 1.2, "python -m benchmarks.refresh", calls=1, calls_allowed=1), tmp_path)
    page = with_table(f"before\n{BEGIN}\nold\n{END}\nafter\n", results(tmp_path))
    assert "| 1.23 (missed) | 1.10 |  | `python -m benchmarks.imports` |" in page
    assert "| 1.00 | 1.20 | 1 of 1 | `python -m benchmarks.refresh` |" in page
    assert "| not measured |" in page
    assert "old" not in page
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        with_table("# Performance\n", {})


def test_too_many_calls_miss_the_goal_whatever_the_ratio() -> None:
    good = Outcome("x", 1.0, 1.1, "", calls=5, calls_allowed=5)
    assert good.met
    assert good.line() == "x ratio=1.000 goal=1.1 calls=5/5"
    assert not Outcome("x", 1.0, 1.1, "", calls=6, calls_allowed=5).met
    assert not Outcome("x", 1.2, 1.1, "").met

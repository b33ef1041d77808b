"""The summary of the evasion suite counts the attempts that really ran."""

from __future__ import annotations

import pytest

from tests.policy.attempts import Attempts, summary
from tests.policy.evading import REGISTERED as ON_THE_ENGINE
from tests.policy.test_evasion_bench import CATALOGUES, EXEMPTIONS, LIMITS, REGISTERED, STATES, TOGETHER, WRITTEN
from tests.policy.test_evasion_process import ODD


def report(properties: list[tuple[str, object]]) -> pytest.TestReport:
    return pytest.TestReport("a test", ("file", 1, "a test"), {}, "passed", None, "call", user_properties=properties)


def test_it_counts_what_was_noted_in_any_report() -> None:
    one: list[tuple[str, object]] = [("something", "else")]
    other: list[tuple[str, object]] = []
    attempts = Attempts(lambda key, value: one.append((key, value)))
    attempts.batch({"quietly": False, "loudly": True})
    Attempts(lambda key, value: other.append((key, value))).out_of_reach("elsewhere", stopped_by="keys")
    assert attempts.through == ["loudly"]
    assert summary([report(one), report(other)]) == [
        "got through: loudly",
        "tried 2, passed through 1",
        "out of a pack's reach, 1 tried:",
        "  elsewhere: keys",
    ]
    assert summary([report([])]) == []


def test_the_bench_alone_has_fifty_ways_with_names_of_their_own() -> None:
    tables = (ON_THE_ENGINE, REGISTERED, LIMITS, EXEMPTIONS, CATALOGUES, TOGETHER, STATES, WRITTEN, ODD)
    assert all(len(set(table)) == len(table) for table in tables)
    assert sum(map(len, tables)) >= 50

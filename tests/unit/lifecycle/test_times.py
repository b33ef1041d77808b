"""Spans of time: read as people write them, and printed as people read them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.lifecycle.times import format_duration, parse_duration, parse_timestamp, timestamp_after, utc_text

NOON = datetime(2030, 2, 28, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("7d", 604_800), ("1d12h", 129_600), ("5ms", 0.005)],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "8", "h", "8 h", "-8h", "8hours", "８h", "8H", "1_0h", "infh", "nand", "1e3s", "8h "]
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [("8h", "2030-02-28T20:00:00Z"), ("1d", "2030-03-01T12:00:00Z"), ("1500ms", "2030-02-28T12:00:01Z"), ("", "")],
)
def test_a_moment_is_told_in_utc_to_the_second(text: str, moment: str) -> None:
    assert timestamp_after(text, NOON) == moment


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0s"), (0.9, "0s"), (59.9, "59s"), (60, "1m00s"), (130, "2m10s"), (3599, "59m59s"), (3900, "1h05m")],
)
def test_an_age_is_told_in_two_units_at_most(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


@given(st.integers(0, 3599))
def test_words_below_an_hour_mean_what_they_say(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01T00:01:00", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_without_a_zone_is_none(text: str | None, seconds: float | None) -> None:
    assert parse_timestamp(text) == seconds


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1e20, 1e20])
def test_a_time_beyond_the_calendar_is_none(seconds: float) -> None:
    assert utc_text(seconds) == ""


def test_a_time_is_in_utc_to_the_second() -> None:
    assert utc_text(1_790_000_000.9) == "2026-09-21T14:13:20Z"

"""Durations and times: what is read, exactly, and what is not."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost.times import parse_milliseconds, parse_time, parse_utc_seconds, utc_seconds_text

NOON = datetime(2030, 2, 28, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("90s", "90000"), ("1h30m", "5400000"), ("1.5d", "129600000"), ("5ms", "5"), ("0.0009s", "0.9"), ("0s", "0")],
)
def test_a_duration_is_read_exactly(text: str, milliseconds: str) -> None:
    assert parse_milliseconds(text) == Decimal(milliseconds)


@pytest.mark.parametrize("text", ["", "8", "h", "8 h", "-8h", "8hours", "８h", "8H", "1_0h", "1e3s", "1" * 100 + "s"])
def test_anything_else_is_not_a_duration(text: str) -> None:
    assert parse_milliseconds(text) is None


def test_a_time_has_a_zone_or_the_default_one() -> None:
    assert parse_time("2030-02-28T12:00:00Z") == parse_time("2030-02-28T13:00:00+01:00") == NOON
    assert parse_time("2030-02-28T12:00:00") is None
    assert parse_time("2030-02-28T12:00:00", default_zone=timezone.utc) == NOON
    assert parse_time("2030-02-28T13:00:00+01:00", default_zone=timezone.utc) == NOON


@pytest.mark.parametrize("text", [None, "", "soon", "2030-02-30T12:00:00Z"])
def test_anything_else_is_not_a_time(text: str | None) -> None:
    assert parse_time(text, default_zone=timezone.utc) is None


@pytest.mark.parametrize(
    "text",
    [
        "2030-02-28T12:00:00+00:00",
        "2030-02-28T12:00:00.0Z",
        "2030-02-28",
        "2030-02-30T12:00:00Z",
        "２030-02-28T12:00:00Z",
    ],
)
def test_a_file_has_times_in_one_form_only(text: str) -> None:
    assert parse_utc_seconds(text) is None


@given(st.integers(0, 2**34))
def test_a_written_time_is_read_as_it_was(seconds: int) -> None:
    second = datetime.fromtimestamp(seconds, timezone(timedelta(hours=2)))
    assert parse_utc_seconds(utc_seconds_text(second)) == second

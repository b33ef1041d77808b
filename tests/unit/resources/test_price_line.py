"""The line with the hourly cost of all that a program declares."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from pulumi_cortecs.resources.price_line import line
from pulumi_cortecs.testing import CortecsMocks

ONE = {"hourly_total": "1.20", "currency": "EUR"}
DOLLARS = {"hourly_total": "0.25", "currency": "USD"}


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([("instance", ONE)], "1 instance, 1.20 EUR/h"),
        ([("instance", ONE)] * 5, "5 instances, 6.00 EUR/h"),
        ([("instance", ONE), ("instance", DOLLARS)], "2 instances, 1.20 EUR/h and 0.25 USD/h"),
        ([("instance", ONE), ("volume", DOLLARS)], "1 instance and 1 volume, 1.20 EUR/h and 0.25 USD/h"),
        ([("instance", ONE), ("instance", None), ("instance", {})], "3 instances, 1.20 EUR/h and 2 not priced yet"),
        ([("instance", {"hourly_total": "dear", "currency": "EUR"})], "1 instance, 1 not priced yet"),
        ([("instance", {**ONE, "hourly_min": "0.00"}), ("instance", ONE)], "2 instances, 1.20 to 2.40 EUR/h"),
    ],
)
def test_the_line_has_a_sum_for_each_currency_and_names_what_has_no_price(
    rows: list[tuple[str, Any]], text: str
) -> None:
    assert line((*row, "running") for row in rows) == text


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([("instance", ONE, "stopped"), ("instance", ONE, None)], "2 instances, 1.20 EUR/h; 1 stopped"),
        ([("instance", {**DOLLARS, "hourly_min": "0.10"}, "stopped")] * 2, "2 instances, 0.00 USD/h; 2 stopped"),
        ([("instance", {}, "stopped")], "1 instance, 1 not priced yet; 1 stopped"),
    ],
)
def test_what_is_stopped_costs_nothing(rows: list[tuple[str, Any, Any]], text: str) -> None:
    assert line(rows) == text


def test_a_test_with_mocks_prints_no_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def program() -> None:
        from pulumi_cortecs import Instance

        Instance("chat", model_id="Qwen/Qwen2-7B-Instruct")

    lines = list[str]()
    monkeypatch.setattr(pulumi.log, "info", lambda text, *_, **__: lines.append(text))
    CortecsMocks().run(program)
    assert lines == []
    assert "EUR/h" not in "".join(capfd.readouterr())

"""Tables: what a terminal of some width shows of them, and that nothing is missing where they are piped."""

from __future__ import annotations

import re
import sys

import pytest

from pulumi_cortecs.cli.output import Table, keep_whole, make_table, print_lines, spare_columns

COLUMNS = ("cloud", "id", "ordered", "status", "an hour", "so far", "remarks", "labels")
INSTANCE_ID = "19beed0d-4cd7-4a68-8e08-2bdad31c6597"
ROW = (
    "cortecs",
    INSTANCE_ID,
    "Qwen2-7B on 1 x NVIDIA_L4_1",
    "running",
    "1.20 EUR",
    "3.38 EUR",
    "",
    "project=three-clouds",
)


@pytest.fixture
def table() -> Table:
    table = make_table("Instances", *COLUMNS)
    keep_whole(table, "cloud", "id")
    spare_columns(table, "labels", "so far", "nowhere", "ordered", "remarks", "status")
    table.add_row(*ROW)
    return table


def shown(table: Table, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines at a terminal, without colours."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    print_lines(table)
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]


@pytest.mark.parametrize(
    ("width", "columns", "left_out"),
    [
        (70, "cloud id an hour", "ordered, status, so far, labels"),
        (80, "cloud id status an hour", "ordered, so far, labels"),
        (100, "cloud id ordered status an hour so far", "labels"),
        (170, " ".join(COLUMNS), ""),
    ],
)
def test_a_narrow_terminal_gets_the_important_columns_and_no_folded_word(
    table: Table,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    width: int,
    columns: str,
    left_out: str,
) -> None:
    lines = shown(table, width, monkeypatch, capsys)
    assert max(map(len, lines)) <= width
    assert " ".join(cells(lines[2])) == columns
    assert cells(lines[4])[:2] == ["cortecs", INSTANCE_ID]
    words = {word for line in lines if "│" in line for cell in cells(line) for word in cell.split()}
    assert words <= set(" ".join(ROW).split())
    assert [line for line in lines if "left out" in line] == (
        [f"left out: {left_out} (--json has all)"] if left_out else []
    )


def test_where_not_even_those_fit_they_are_folded(
    table: Table, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown(table, 40, monkeypatch, capsys)
    assert max(len(line) for line in lines if "left out" not in line) <= 40
    assert "".join(cells(line)[1] for line in lines if line.startswith("│")) == INSTANCE_ID


def test_what_is_piped_is_complete(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        table.add_row(*ROW)
    print_lines(table)
    out = capsys.readouterr().out
    assert cells(out.splitlines()[2]) == list(COLUMNS)
    assert (out.count(INSTANCE_ID), "left out" in out) == (3, False)


def test_what_is_not_printable_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    table = make_table("A\x1b[2J table", "id", "name")
    table.add_row("a\x1b[31m", None)
    print_lines(table)
    assert "\x1b" not in capsys.readouterr().out

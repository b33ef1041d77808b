"""The output of every command: tables that fit a terminal and are complete when they are piped, JSON, and errors as
one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import typer

from pulumi_cortecs.http.text import escape_unprintable

_PIPED_WIDTH: Final = 160
_BORDER: Final = 3
"""What a column adds to the width of a table beside its cells; the table has one more."""
_SHORT: Final = 12
"""Cells up to this length, such as an amount, are not folded between words either."""


@dataclass
class Table:
    """A table. `whole`: the columns that are never folded; `spare`: those that a narrow terminal leaves out, the least
    important ones first."""

    title: str
    columns: tuple[str, ...]
    whole: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add_row(self, *cells: str | None) -> None:
        """Add a row, of which only printable characters are shown."""
        self.rows.append(tuple(escape_unprintable(cell or "") for cell in cells))


def make_table(title: str, *columns: str) -> Table:
    """An empty table."""
    return Table(title, columns)


def keep_whole(table: Table, *names: str) -> None:
    """Never fold the columns of these names."""
    table.whole = tuple(name for name in names if name in table.columns)


def spare_columns(table: Table, *names: str) -> None:
    """Leave out these columns in a terminal that is too narrow for all; the least important ones are first."""
    table.spare = tuple(name for name in names if name in table.columns)


def print_lines(*items: Any) -> None:
    """Print tables and lines, only their printable characters."""
    from rich.console import Console

    # piped output is complete
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False, markup=False, emoji=False)
    for item in items:
        if isinstance(item, Table):
            shown = _fitting(item, console.width) if sys.stdout.isatty() else list(item.columns)
            console.print(_rendered(item, shown, console.width))
            left_out = ", ".join(name for name in item.columns if name not in shown and any(_cells(item, name)))
            lines = [f"left out: {left_out} (--json has all)"] if left_out else []
        else:
            lines = [item]
        for line in lines:
            console.print(escape_unprintable(line), soft_wrap=True)


def _fitting(table: Table, width: int) -> list[str]:
    """The columns that a terminal has room for; those without content come last."""
    shown = [column for column in table.columns if column not in table.spare]
    ranking = list(reversed(table.spare))
    ranking.sort(key=lambda column: not any(_cells(table, column)))
    for column in ranking:
        if _total([_least_width(table, name) for name in (*shown, column)]) <= width:
            shown.append(column)
    return [column for column in table.columns if column in shown]


def _rendered(table: Table, shown: Sequence[str], width: int) -> Any:
    """The table for rich. Each column gets the width of its longest word, and then, from the left, what is left."""
    from rich import table as rich_table

    rendered = rich_table.Table(title=escape_unprintable(table.title), title_justify="left")
    widths = [_least_width(table, column) for column in shown]
    fits = _total(widths) <= width
    whole = table.whole if _total([_full_width(table, name) for name in table.whole]) <= width else ()
    for number, column in enumerate(shown):
        widths[number] += min(_full_width(table, column) - widths[number], max(0, width - _total(widths)))
        is_whole = column in whole
        rendered.add_column(column, overflow="fold", no_wrap=is_whole, width=widths[number] if fits else None)
    for cells in zip(*(_cells(table, column) for column in shown), strict=True):
        rendered.add_row(*cells)
    return rendered


def _cells(table: Table, column: str) -> list[str]:
    number = table.columns.index(column)
    return [row[number] for row in table.rows]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _BORDER * len(widths) + 1


def _full_width(table: Table, column: str) -> int:
    return _longest([column, *_cells(table, column)])


def _least_width(table: Table, column: str) -> int:
    """The width with which no word of the column is folded."""
    full = _full_width(table, column)
    if column in table.whole:
        return full
    words = (word for cell in (column, *_cells(table, column)) for word in cell.split())
    return max(min(full, _SHORT), _longest(words))


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def print_json(data: dict[str, Any]) -> None:
    """Print indented JSON."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    typer.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def print_error(text: str) -> None:
    """Print a line on stderr."""
    typer.echo(escape_unprintable(text), err=True)


def count_text(number: int, what: str) -> str:
    """ "no instances", "1 instance", "2 instances"."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def exit_failed(message: object) -> typer.Exit:
    """Print an error as one line, and return the exception that ends the command with exit code 1."""
    print_error(f"Error: {message}")
    return typer.Exit(1)

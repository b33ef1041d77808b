"""The output of every command: tables that are not cut when they are piped, JSON, and errors as one line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import typer

from pulumi_cortecs.http.text import escape_unprintable

if TYPE_CHECKING:
    from rich.table import Table

_PIPED_WIDTH: Final = 160


def make_table(title: str, *columns: str) -> Table:
    """An empty table, whose cells show only printable characters."""
    from rich.table import Table

    class Printable(Table):
        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*(escape_unprintable(cell) if isinstance(cell, str) else cell for cell in cells), **options)

    table = Printable(title=escape_unprintable(title), title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def keep_whole(table: Table, *names: str) -> None:
    """Never fold the columns of these names."""
    for column in table.columns:
        column.no_wrap = column.header in names


def print_lines(*items: Any) -> None:
    """Print tables and lines, only their printable characters."""
    from rich.console import Console

    # piped output is not cut to the width of a terminal
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False, markup=False, emoji=False)
    for item in items:
        console.print(escape_unprintable(item) if isinstance(item, str) else item, soft_wrap=isinstance(item, str))


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

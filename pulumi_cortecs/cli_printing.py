"""What every command prints alike: tables that are not cut when they are piped, JSON, and errors as one line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from rich.table import Table

_NOT_A_TERMINAL: Final = 160


def new_table(title: str, *columns: str) -> Table:
    """An empty table."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def tell(*what: Any) -> None:
    """Prints tables and lines of text."""
    from rich.console import Console

    # what is piped is not cut to the width of a terminal that nobody looks at
    console = Console(width=None if sys.stdout.isatty() else _NOT_A_TERMINAL, highlight=False, markup=False)
    for each in what:
        console.print(each, soft_wrap=isinstance(each, str))


def tell_json(data: dict[str, Any]) -> None:
    """Prints JSON for machines that people can read, too."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def count(number: int, what: str) -> str:
    """ "no instances", "1 instance", "2 instances"."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def failed(message: object) -> typer.Exit:
    """What to raise when nothing can be told or done: the error as one line, and exit code 1."""
    typer.echo(f"Error: {message}", err=True)
    return typer.Exit(1)

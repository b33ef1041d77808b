"""`pulumi-cortecs policy`: where the ready policy packs lie."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer

_PACKAGE: Final = Path(__file__).parent

app = typer.Typer(no_args_is_help=True, help="The ready policy packs.")


class Pack(str, Enum):
    """The packs there are."""

    HARDWARE = "hardware"
    COST = "cost"
    GUARD = "guard"


@app.callback()
def _policy() -> None:
    pass


@app.command()
def path(
    pack: Annotated[Pack, typer.Argument(help="hardware, cost, or guard, which is both in one.")] = Pack.GUARD,
    folder: Annotated[bool, typer.Option("--folder", help="Its folder instead of its executable.")] = False,
) -> None:
    """Print where a pack lies: pulumi preview --policy-pack "$(pulumi-cortecs policy path guard)"."""
    # in an installed package beside the code, in a clone beside the package
    places = [place / "policies" / pack.value for place in (_PACKAGE, _PACKAGE.parent)]
    found = next((place for place in places if (place / "run").is_file()), None)
    if found is None:
        typer.echo(f"Error: the pack {pack.value} is neither in {places[0]} nor in {places[1]}", err=True)
        raise typer.Exit(1)
    typer.echo(found if folder else found / "run")


if __name__ == "__main__":
    app()

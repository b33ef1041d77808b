"""The catalogue that the commands of `pulumi-cortecs catalogue` mean where nobody names a file or a cloud."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_cortecs.cli.new import PACK
from pulumi_cortecs.cli.program_clouds import clouds_of_program
from pulumi_cortecs.cost.pricelist import LOCK_FILE, CatalogueError

if TYPE_CHECKING:
    from pulumi_cortecs.cost.catalogue import Catalogue

DEFAULT_FILE: Final = f"{LOCK_FILE}, or {PACK}/{LOCK_FILE}"


def file_of_project(file: Path | None) -> Path:
    """A file of the user's choice, else the one in this folder, else that of the pack that `new` wrote."""
    own, of_pack = Path(LOCK_FILE), Path(PACK, LOCK_FILE)
    return file or (of_pack if of_pack.parent.is_dir() and not own.exists() else own)


def cloud_of_project(pinned: Catalogue | None, clouds: Collection[str]) -> str:
    """The only cloud of a catalogue, or, before there is one, of the program in this folder; else Cortecs."""
    used = pinned.clouds if pinned else tuple(clouds_of_program(Path(), clouds))
    return used[0] if len(used) == 1 and used[0] in clouds else "cortecs"


def load_pinned(file: Path) -> Catalogue:
    """The catalogue of a file. Raises CatalogueError."""
    from pulumi_cortecs.cost import catalogue

    if not file.exists():
        command = f"pulumi-cortecs catalogue pull --output {shlex.quote(str(file))}"
        raise CatalogueError(f"{file}: no such catalogue of prices; make one with `{command}`")
    return catalogue.load(file)

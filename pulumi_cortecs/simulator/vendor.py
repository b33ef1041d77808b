"""What a folder of this package has to bring to be one of the simulated clouds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from pulumi_cortecs.simulator.remote import Rows
from pulumi_cortecs.simulator.serving import Lookup
from pulumi_cortecs.simulator.world import World


@dataclass(frozen=True)
class Opened:
    """A cloud that has become a part of a world: its routes, and what its instances serve."""

    routers: Sequence[APIRouter]
    served: Lookup


@dataclass(frozen=True)
class Vendor:
    """One cloud, as the shared parts know it. Beside it there are its knobs and what is said to it (see `clouds`).

    `open` makes it a part of a world. `environment` has the variables that point its clients at a simulator's URL.
    `arguments` are what its orders say, and of which type; faults are matched by those of `matched_by`. A boot is
    through after `boot_steps` steps, and runs. `rows` reads what `/_sim` tells of it.
    """

    name: str
    open: Callable[[World], Opened]
    environment: Callable[[str], Mapping[str, str]]
    arguments: Mapping[str, type]
    matched_by: Sequence[str]
    boot_steps: int
    rows: Rows

"""Many rounds, one after the other or in several processes."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import stamina

from tests.clouds.case import CloudCase
from tests.clouds.cortecs import CORTECS
from tests.clouds.every import EVERY
from tests.stateful.breaks import BREAKS
from tests.stateful.hosts import stage
from tests.stateful.rounds import Odds, Result, play
from tests.stateful.scene import Theatre

_IN_MEMORY: Final = Path("/dev/shm")
_ROUNDS_AT_ONCE: Final = 200


@contextmanager
def theatre_in(directory: Path, broken: str = "", case: CloudCase = CORTECS) -> Iterator[Theatre]:
    """A theatre for rounds of a cloud; `broken` names a protection that is switched off."""
    with ExitStack() as undone:
        client = undone.enter_context(stage(case))
        if broken:
            undone.enter_context(BREAKS[broken]())
        yield Theatre(directory, case, client)


@contextmanager
def theatre_in_memory(broken: str, case: CloudCase) -> Iterator[Theatre]:
    """The same for a process that does nothing else."""
    stamina.set_testing(True, attempts=4, cap=True)
    logging.disable(logging.CRITICAL)
    memory = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as directory, theatre_in(Path(directory), broken, case) as theatre:
        gc.collect()
        gc.freeze()
        yield theatre


def results(seeds: range, *, jobs: int, broken: str, odds: Odds, cloud: str) -> Iterator[Result]:
    """Plays the rounds of these seeds with this cloud in so many processes, in order."""
    if jobs == 1:
        with theatre_in_memory(broken, EVERY[cloud]) as theatre:
            yield from (play(theatre, seed, odds) for seed in seeds)
        return
    parts = [(seeds[at : at + _ROUNDS_AT_ONCE], broken, odds, cloud) for at in range(0, len(seeds), _ROUNDS_AT_ONCE)]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for results in pool.imap(_part, parts):
            yield from results


def _part(work: tuple[range, str, Odds, str]) -> list[Result]:
    seeds, broken, odds, cloud = work
    with theatre_in_memory(broken, EVERY[cloud]) as theatre:
        return [play(theatre, seed, odds) for seed in seeds]

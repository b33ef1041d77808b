"""A round with a volume: bought, mounted and deleted, while answers are lost and processes die."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from pulumi_cortecs.simulator.faults import FaultKind
from tests.clouds.case import DELETE, LIST, START
from tests.stateful.crowd import StuckError
from tests.stateful.engine import DATA, Stack
from tests.stateful.scene import Death, Scene, Theatre, Victim, Wrong

_TRIES: Final = 6
_FAULTS: Final = (FaultKind.LOST_ANSWER, FaultKind.LOST_REQUEST, FaultKind.SERVER_ERROR, FaultKind.MALFORMED_JSON)
_DEATHS: Final = (
    *(("before", START), ("done", START), ("returned", "Create"), ("saved", "Create"), ("done", LIST)),
    *(("before", DELETE), ("done", DELETE), ("returned", "Delete"), ("done", None), ("returned", None)),
)
_UNTIL_RELEASED: Final = 60.0


def play_volume(
    theatre: Theatre, seed: int, lost_journal: float = 0.0, tell: Callable[[str], None] = lambda text: None
) -> Scene:
    """Plays the round of a seed; returns the scene with what was found. `lost_journal` is the probability that the
    journal is lost before the commands that end it."""
    chance = random.Random(f"volume {seed}")
    scene = Scene(theatre, seed, exclusive=chance.random() < 0.5, tell=tell)
    stack = scene.stack("stack0")
    stack.delete_first = True  # else the replacement of an instance could not mount its volume
    volume, instance = theatre.case.volume_programs
    stack.program = {f"{DATA}models": volume, "chat": {**instance, "volume_ids": [f"{DATA}models"]}}
    scene.counts["rounds with a volume"] += 1
    loses_journal = chance.random() < lost_journal
    # an engine that lives takes the creation out of its state, so that without a journal nothing shows it
    victims = (Victim.BOTH,) if loses_journal else (Victim.BOTH, Victim.BOTH, Victim.HOST, Victim.ENGINE)
    try:
        for _ in range(chance.choice((1, 2, 3))):
            for kind in chance.sample(_FAULTS, chance.choice((0, 1, 2))):
                scene.fault(
                    kind,
                    chance.choice((0.1, 0.3)),
                    **({"after_side_effect": True} if kind is FaultKind.SERVER_ERROR else {}),
                )
            death = Death(chance.choice(victims), *chance.choice(_DEATHS), chance.choice((1, 1, 2, 3)))
            command = chance.choice(("up", "up", "up", "refresh", "destroy"))
            scene.command(stack, command, death=death if chance.random() < 0.8 else None, refresh=chance.random() < 0.5)
        if loses_journal:
            scene.counts["journal lost in a round with a volume"] += 1
            scene.lose_journal()
        _until_done(scene, stack, "up")
        _mind_the_books(scene, stack)
        _until_done(scene, stack, "destroy")
        for left in (*scene.alive(), *scene.cloud.volumes()):
            scene.note(Wrong.ORPHAN, f"{left} after destroy")
    except StuckError as stuck:
        scene.note(Wrong.UNRECOVERED, f"a command hangs: {stuck}")
    finally:
        scene.quiet()
        scene.close()
    return scene


def _until_done(scene: Scene, stack: Stack, command: str) -> None:
    """Repeats a command, at first with the faults, until it succeeds; follows errors that name `orphans`."""
    for number in range(_TRIES):
        if number == 2:
            scene.quiet()
        if scene.command(stack, command, refresh=number > 0):
            return
        scene.settle()
        scene.passes(_UNTIL_RELEASED)
        if "pulumi-cortecs orphans" in " ".join(scene.errors):
            scene.delete_orphans()
    scene.note(Wrong.UNRECOVERED, f"{command}: {scene.errors}")


def _mind_the_books(scene: Scene, stack: Stack) -> None:
    """Checks that there is one volume, that of the row, which the one instance mounts."""
    rows = {row.name: row.id for row in stack.rows}
    mounted, alive = scene.cloud.volumes(), set(scene.alive())
    if rows.keys() != stack.program.keys():
        scene.note(Wrong.OTHERWISE, f"{stack.name} has {sorted(rows)}")
        return
    if set(mounted) != {rows[f"{DATA}models"]}:
        scene.note(Wrong.DOUBLE, f"volumes {sorted(mounted)}, and the row has {rows}")
    if alive != {rows["chat"]}:
        scene.note(Wrong.DOUBLE, f"instances {sorted(alive)}, and the row has {rows}")
    if list(mounted.values()) != [rows["chat"]]:
        scene.note(Wrong.OTHERWISE, f"{mounted}, and the rows have {rows}")

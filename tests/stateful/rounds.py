"""A round: a stack or two, a command that is disturbed, what a user does then, and the books at the end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pulumi_cortecs.simulator.cortecs.supply import OrderArgument
from pulumi_cortecs.simulator.faults import FaultKind, Parameter, ReusedId
from tests.clouds.case import BY_ID, DELETE, LIST, MARKET, RESTART, START, STOP, TOKEN, UPDATE, Arguments
from tests.stateful.crowd import StuckError
from tests.stateful.engine import Stack
from tests.stateful.hosts import LAG
from tests.stateful.scene import Death, Finding, Scene, Theatre, Victim, Wrong
from tests.stateful.user import User
from tests.stateful.volumes import play_volume

SERVER_ERRORS: Final = (500, 502, 503)
REFUSALS: Final = (301, 302, 307, 400, 401, 402, 403, 404, 405, 409, 413, 422, 429, 460, 499)
"""Further answers to an order that was carried out."""
DRAWN_STATUSES: Final = SERVER_ERRORS + REFUSALS
"""The statuses that rounds draw for a server error."""
CLOCKS: Final[tuple[Mapping[str, float], ...]] = (
    {"date_ahead_seconds": 95.0},
    {"date_ahead_seconds": -430.0},
    {"instance_clock_ahead_seconds": 7200.0},
    {"instance_clock_ahead_seconds": -18000.0},
)
"""The knobs of the simulator for vendors whose clocks differ."""
_AGE_OF_FOREIGNERS: Final = 60.0
DEATHS: Final[tuple[tuple[str, str | None, int], ...]] = (
    ("before", START, 3),
    ("done", START, 14),
    ("returned", "Create", 8),
    ("saved", "Create", 3),
    ("before", LIST, 4),
    ("done", LIST, 2),
    ("before", STOP, 1),
    ("done", STOP, 2),
    ("done", DELETE, 2),
    ("returned", "Delete", 2),
    ("done", RESTART, 1),
    ("done", UPDATE, 3),
    ("returned", "Update", 1),
    ("returned", "Read", 1),
    ("done", BY_ID, 1),
    ("before", TOKEN, 1),
    ("done", MARKET, 1),
    ("returned", None, 3),
    ("before", None, 3),
    ("done", None, 3),
)
"""The deaths of a process: the point, its subject, and a weight."""


@dataclass(frozen=True)
class Odds:
    """The probabilities of the variants of a round."""

    death: float = 0.8
    faults: float = 0.6
    lost_journal: float = 0.03
    destroy: float = 0.25
    edited_after: float = 0.1
    two_stacks: float = 0.2
    exclusive: float = 0.5
    two_clocks: float = 0.15
    two_machines: float = 0.1
    renamed: float = 0.15
    unreadable: float = 0.1
    replaced: float = 0.1
    old_state: float = 0.04
    refused: float = 0.1
    adopts_own: float = 0.04
    forged: float = 0.02
    named: float = 0.4
    volume: float = 0.2


@dataclass(frozen=True)
class Result:
    """The result of a round."""

    seed: int
    findings: tuple[Finding, ...]
    counts: Counter[str]

    @property
    def failed(self) -> bool:
        """True if the round found an error."""
        return bool(self.findings)

    def line(self) -> str:
        """The round in a line."""
        wrong = "; ".join(f"{finding.wrong.value}: {finding.text}" for finding in self.findings) or "ok"
        return f"seed {self.seed}: {wrong}"


def play(
    theatre: Theatre, seed: int, odds: Odds | None = None, tell: Callable[[str], None] = lambda text: None
) -> Result:
    """Plays the round of a seed. `tell` hears what happens."""
    chance, odds = random.Random(f"round {seed}"), odds or Odds()
    scene = Scene(
        theatre,
        seed,
        skew=chance.choice((0.0, 0.0, 0.0, -95.0, 430.0)),
        exclusive=chance.random() < odds.exclusive,
        tell=tell,
    )
    # a chance of its own, so that the rest of a round stays what it was
    apart = random.Random(f"clocks {seed}")
    if apart.random() < odds.two_clocks:
        scene.counts["two clocks"] += 1
        scene.world.settings = replace(scene.world.settings, **apart.choice(CLOCKS))
    if scene.case.knobs:
        scene.world.settings = replace(scene.world.settings, **random.Random(f"knobs {seed}").choice(scene.case.knobs))
    try:
        round_in_play = _Round(scene, chance, odds)
        try:
            round_in_play.play()
        except StuckError as stuck:
            scene.note(Wrong.UNRECOVERED, f"a command hangs: {stuck}")
        scene.quiet()
    finally:
        scene.close()
    if scene.case.volume and apart.random() < odds.volume:
        with_volume = play_volume(theatre, seed, odds.lost_journal, tell)
        scene.findings += with_volume.findings
        scene.counts += with_volume.counts
    return Result(seed, tuple(dict.fromkeys(scene.findings)), scene.counts)


class _Round:
    def __init__(self, scene: Scene, chance: random.Random, odds: Odds) -> None:
        self.user = User(scene, chance)
        self._scene = scene
        self._of = scene.case
        self._chance = chance
        self._odds = odds
        self._adopted: set[str] = set()
        self._loses_journal = False
        self._restored = False
        self._meddled = False

    def play(self) -> None:
        chance, scene, odds = self._chance, self._scene, self._odds
        self._loses_journal = chance.random() < odds.lost_journal
        if chance.random() < odds.forged:
            self._forge_journal()
            return
        two_machines = chance.random() < odds.two_machines
        if two_machines:  # neither is alone in the account
            scene.exclusive = False
        scene.counts["rounds in an exclusive account" if scene.exclusive else "rounds in a shared account"] += 1
        stacks = self._two_alike() if two_machines else self._stacks()
        many = 0 if scene.exclusive else chance.choice((0, 0, 0, 1, 2))
        foreigners = [scene.foreigner(**chance.choice(self._of.programs)) for _ in range(many)]
        scene.passes(_AGE_OF_FOREIGNERS)
        if two_machines:
            self._answers_are_lost(stacks)
        elif chance.random() < max(0.4, odds.old_state, odds.adopts_own):
            if all(scene.commands(*((stack, "up") for stack in stacks))) or not self._of.has_names:
                self.user.mind_the_books(stacks)
            else:  # another stack has one of the names that it gives
                self.user.goes_on_with_up(stacks)
            if chance.random() < odds.adopts_own:
                self._adopts_own(stacks)
            # without journal and state, no record would be left
            self._restored = not self._loses_journal and chance.random() < odds.old_state
            if self._restored:
                scene.counts["an older state was restored"] += 1
                stacks[0].rows.clear()
            for stack in stacks[self._restored :]:
                self._edit(stack, foreigners)
        # states stay readable with two machines, a lost journal or an older state: no other record would be left
        tells_without = not two_machines and not self._loses_journal and not self._restored
        if tells_without and chance.random() < odds.unreadable:
            scene.counts["states that cannot be read at times"] += 1
            scene.unreadable = chance.choice((0.2, 0.5, 1.0))
        for _ in range(chance.choice((1, 1, 2, 3))):
            self._disturb(stacks)
        if self._loses_journal:
            self.user.loses_journal()
        # a closed order is found by its name, where the state has lost it
        if chance.random() < odds.renamed and not self._restored:
            self._rename(stacks[0])
        if chance.random() < odds.edited_after:
            self.user.edited_after = True
            self._edit(stacks[0], foreigners)
        if chance.random() < 0.5:
            scene.quiet()
        destroy = chance.random() < odds.destroy
        if not destroy or chance.random() < 0.3:
            self.user.goes_on_with_up(stacks)
        if destroy:
            self.user.ends(stacks)

    def _stacks(self) -> list[Stack]:
        return [
            self._new_stack(f"stack{number}")
            for number in range(2 if self._chance.random() < self._odds.two_stacks else 1)
        ]

    def _new_stack(self, name: str) -> Stack:
        stack, chance = self._scene.stack(name), self._chance
        stack.delete_first = chance.random() < 0.2
        many = chance.choices((1, 2, 3, 4, 8, 16), (30, 40, 20, 10, 3, 1))[0]
        alike = chance.random() < 0.5
        programs = self._of.programs
        first = chance.choice(programs)
        given_up = (
            {"on_timeout": chance.choice(("stop", "delete") if self._of.can_stop else ("delete",))}
            if chance.random() < 0.15
            else {}
        )
        stack.program = {
            f"n{number}": {**(first if alike else chance.choice(programs)), **given_up} for number in range(many)
        }
        if self._of.has_names and chance.random() < self._odds.named:
            of = "every" if chance.random() < 0.3 else name  # every stack gives the same ones
            stack.program = {key: {**said, "name": f"{of}-{key}"} for key, said in stack.program.items()}
        return stack

    def _two_alike(self) -> list[Stack]:
        """Two stacks that want the like, each run on a machine of its own."""
        self._scene.counts["two machines, like arguments"] += 1
        self.user.mends_shared = True
        first = self._new_stack("stack0")
        other = self._scene.stack("stack1", machine=1)
        other.program = dict(first.program)
        return [first, other]

    def _answers_are_lost(self, stacks: list[Stack]) -> None:
        scene = self._scene
        scene.fault(FaultKind.LOST_ANSWER, 0.5, self._of.orders)
        scene.commands(*((stack, "up") for stack in stacks))

    def _adoption(self, instance_id: str) -> dict[str, Any]:
        """The arguments of a resource that adopts the instance: what it has to say, as the instance has it."""
        reported = self._scene.reported_arguments(instance_id)
        required = {key: reported.get(key, value) for key, value in self._of.adopting.items()}
        return {**required, "adopt_id": instance_id}

    def _adopts_own(self, stacks: list[Stack]) -> None:
        """A second resource adopts what one of the same stack has bought, and is taken out again."""
        stack, scene = stacks[0], self._scene
        if (row := next((row for row in stack.rows if row.inputs["state"] == "running"), None)) is None:
            return
        scene.counts["adopted what the stack owns"] += 1
        before = dict(stack.program)
        stack.program = {**before, "again": self._adoption(row.id)}
        scene.command(stack, "up")
        stack.program = before
        scene.command(stack, "up")
        self.user.mind_the_books(stacks)

    def _forge_journal(self) -> None:
        """A program claims in the journal that it bought a foreign instance with other arguments."""
        scene, stack = self._scene, self._new_stack("stack0")
        name, arguments = self._chance.choice(sorted(stack.program.items()))
        other = self._chance.choice(
            [candidate for candidate in self._of.programs if not candidate.items() <= arguments.items()]
        )
        foreign_id = scene.foreigner(**other)
        scene.counts["the journal was forged"] += 1
        scene.passes(_AGE_OF_FOREIGNERS)
        scene.forge(stack, name, arguments, foreign_id)
        scene.command(stack, "up")

    def _rename(self, stack: Stack) -> None:
        """The stack, its project, or a resource that is not there yet has another name from now on."""
        missing = sorted(name for name in stack.program if stack.row(name) is None)
        what = self._chance.choice(("stack", "project", *(("resource",) if missing else ())))
        self._scene.counts[f"renamed: {what}"] += 1
        self._scene.settle()
        # a name that check makes is another one then, and nothing connects it with what a killed run has bought
        self.user.edited_after = self.user.edited_after or self._of.has_names
        if what == "stack":
            stack.name = f"{stack.name}-renamed"
        elif what == "project":
            stack.project = "renamed"
        else:
            program = dict(stack.program)
            name = self._chance.choice(missing)
            program[f"{name}-renamed"] = program.pop(name)
            stack.program = program
            # the state has the creation under its old name, and the program does not connect it with the new one
            self.user.edited_after = self.user.edited_after or self._loses_journal

    def _edit(self, stack: Stack, foreigners: list[str]) -> None:
        in_place = ["stop", "restart"] * self._of.can_stop + ["update", "update"] * self._of.can_update
        edits = ["none", "add", "add", "remove", "replace", "replace", "replace", *in_place, "ttl", "rename"]
        if foreigners:
            edits.append("adopt")
        program = dict(stack.program)
        edit = self._chance.choice(edits) if program else "add"
        self._scene.counts[f"edit: {edit}"] += 1
        name = self._chance.choice(sorted(program) or [""])
        if edit == "add":
            program["more"] = self._chance.choice(self._of.programs)
        elif edit == "remove":
            del program[name]
        elif edit == "rename":
            program["renamed"] = program.pop(name)
        elif edit == "replace":
            program[name] = self._replaced(program[name])
        elif edit == "stop" and stack.row(name) is not None:
            program[name] = {**program[name], "state": "stopped"}
        elif edit == "restart":
            program[name] = {**program[name], "restart_trigger": "again"}
        elif edit == "update":
            program[name] = {**program[name], **self._of.updated}
        elif edit == "ttl":
            program[name] = {**program[name], "ttl": "8h"}
        elif edit == "adopt":
            adopted = foreigners.pop()
            self._scene.foreign.discard(adopted)
            self._adopted.add(adopted)
            program[f"adopted{len(self._adopted)}"] = self._adoption(adopted)
        stack.program = program

    def _replaced(self, said: Arguments) -> Arguments:
        """A program that says something else; with names, which alone replace, it mostly keeps the one that it has."""
        name = {"name": said["name"]} if "name" in said else {}
        others = [{**other, **name} for other in self._of.programs if {**other, **name} != said]
        if self._of.has_names and self._chance.random() < self._odds.named:
            others = [{**said, "name": f"{name.get('name', 'given')}-{self._chance.randint(100, 999)}"}]
        return self._chance.choice(others)

    def _disturb(self, stacks: list[Stack]) -> None:
        chance, scene = self._chance, self._scene
        if chance.random() < self._odds.faults:
            self._put_faults_in_force()
        if chance.random() < self._odds.refused:
            refused = {"status": chance.choice(REFUSALS), "after_side_effect": True}
            scene.world.faults.add(FaultKind.SERVER_ERROR, self._of.orders, probability=0.5, parameters=refused)
            scene.fault(FaultKind.LIST_LAG, 0.5, seconds=LAG * 0.95, by_id=False)  # or the look after it shows it all
        death = self._death() if chance.random() < self._odds.death else None
        command = chance.choices(("up", "refresh", "destroy"), (8, 2, 1))[0]
        if chance.random() < 0.25:
            self._meddle_from_outside()
        if command == "up" and not stacks[0].replace and chance.random() < self._odds.replaced:
            scene.counts["up --replace"] += 1
            names = sorted(name for name, arguments in stacks[0].program.items() if "adopt_id" not in arguments)
            self.user.goes_on_with_replacing(stacks[0], set(chance.sample(names, min(len(names), 1))))
        both = len(stacks) > 1 and chance.random() < 0.7
        commands = [(stack, command) for stack in (stacks if both else stacks[:1])]
        scene.commands(*commands, death=death, refresh=chance.random() < 0.5)
        if (pause := chance.choice((0.0, 0.0, 0.5, 3.0, 20.0))) > 0:
            scene.passes(pause)

    def _death(self) -> Death:
        chance = self._chance
        deaths = [death for death in DEATHS if death[1] not in self._of.never]
        point, what, _ = chance.choices(deaths, [death[2] for death in deaths])[0]
        victim = chance.choices((Victim.BOTH, Victim.HOST, Victim.ENGINE, Victim.INTERRUPT), (4, 3, 3, 1))[0]
        if victim is Victim.HOST and self._loses_journal:
            # an engine that lives ends the creation in its state: without the journal nothing at all would show it
            victim = Victim.BOTH
        return Death(victim, point, what, chance.choice((1, 1, 1, 2, 2, 3, 5)))

    def _meddle_from_outside(self) -> None:
        """An instance is stopped, or gone, at some moment of the next command, and it was none of us."""
        scene, vanishes = self._scene, self._chance.random() < 0.5 or not self._of.can_stop
        vanishes = vanishes and all(fault.kind is not FaultKind.REUSED_ID for fault in scene.world.faults)
        self._meddled = True
        after, which = self._chance.uniform(0.0, 8.0), self._chance.random()

        def meddles() -> None:
            scene.crowd.sleep(after)
            ids = sorted(scene.alive())
            if ids:
                scene.counts["vanished from outside" if vanishes else "stopped from outside"] += 1
                chosen = ids[int(which * len(ids))]
                (scene.cloud.vanish if vanishes else scene.cloud.stop_from_outside)(chosen)
                if vanishes:
                    scene.vanished[chosen] = scene.crowd.now

        scene.crowd.spawn(meddles, None)

    def _put_faults_in_force(self) -> None:
        chance, scene = self._chance, self._scene
        every = chance.random() < 0.15
        drawn = self._of.faults
        kinds = list(drawn) if every else chance.sample(drawn, chance.choice((1, 1, 2, 4)))
        if chance.random() < 0.4 and FaultKind.EMPTY_LIST not in kinds:
            kinds.append(FaultKind.EMPTY_LIST)
        if len(scene.stacks) > 1 or self._meddled or FaultKind.RECLAIM in kinds:
            # a row whose instance has vanished would have what another one buys under the same id
            kinds = [kind for kind in kinds if kind is not FaultKind.REUSED_ID]
        if self._loses_journal:
            # what a pending creation ordered is all that is left then, and nothing that fits it is there
            kinds = [kind for kind in kinds if kind is not FaultKind.OTHER_ARGUMENT]
        probability = 0.1 if every else chance.choice((0.05, 0.2, 0.5))
        for kind in kinds:
            scene.fault(kind, min(probability, most_of(kind)), **parameters(kind, chance, self._of.fields))
        if chance.random() < 0.15:
            scene.wire.unreachable = 0.1


def most_of(kind: FaultKind) -> float:
    """The highest probability of a fault: with every second list empty, no look could show which instances exist."""
    return 0.1 if kind is FaultKind.EMPTY_LIST else 1.0


def parameters(kind: FaultKind, chance: random.Random, fields: Sequence[str]) -> dict[str, Parameter]:
    """Some that this kind of fault may have. `fields` are what a wrong shape may spoil."""
    by_id = chance.random() < 0.5
    lag: dict[str, Parameter] = {"seconds": chance.uniform(0.3, LAG * 0.95), "by_id": by_id}
    step = chance.randint(1, 4)
    by_kind: dict[FaultKind, dict[str, Any]] = {
        FaultKind.SERVER_ERROR: _refusal(chance, after=by_id),
        FaultKind.WRONG_SHAPE: {
            "how": chance.choice(("missing", "null", "wrong_type", "array")),
            "field": chance.choice(fields),
        },
        FaultKind.SLOW_ANSWER: {"real_seconds": chance.choice((1, 20))},
        FaultKind.STUCK_BOOT: {"step": step},
        FaultKind.BOOT_FAILURE: {"step": step},
        FaultKind.STOP_FROM_OUTSIDE: {"seconds": chance.choice((1, 5))},
        FaultKind.RECLAIM: {"seconds": chance.choice((1, 8)), "vanish": by_id},
        FaultKind.LIST_LAG: lag,
        FaultKind.STATUS_LAG: lag,
        FaultKind.DELETE_LAG: lag,
    }
    return by_kind.get(kind) or _lie(kind, chance)


def _refusal(chance: random.Random, *, after: bool) -> dict[str, Parameter]:
    """A server error; what is a refusal otherwise is one that was carried out."""
    status = chance.choice(DRAWN_STATUSES)
    if status in SERVER_ERRORS:
        return {"status": status, "after_side_effect": after}
    return {"status": status, "after_side_effect": True, "body": chance.choice(("json", "html"))}


def _lie(kind: FaultKind, chance: random.Random) -> dict[str, Parameter]:
    """The parameters of the kinds that draw their own, so that the draws of the others do not change."""
    if kind is FaultKind.DRIP:
        return {"real_seconds": chance.choice((0.01, 5))}
    if kind is FaultKind.TASK_ERROR:
        return {"after_side_effect": chance.random() < 0.5}
    if kind is FaultKind.OTHER_ARGUMENT:
        return {"argument": chance.choice([argument.value for argument in OrderArgument])}
    if kind is FaultKind.REUSED_ID:
        of = chance.choice(list(ReusedId))
        # an answer that names what another order has just made, beside what this one makes, is ambiguous
        return {"of": of.value, "makes": of is ReusedId.DELETED}
    return {}

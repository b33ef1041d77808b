"""The plan of one round, drawn from its seed: the stack, the edit, the death, its moment, and the way on.

Drawing is pure: the same seed and odds give the same plan. What happens then is a matter of real processes, so a replay
of a seed repeats the plan, not each millisecond.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from pulumi_cortecs.simulator import FaultKind
from pulumi_cortecs.simulator.cortecs.supply import OrderArgument
from pulumi_cortecs.simulator.faults import SERVING_FAULTS, ReusedId
from tests.chaos.clouds import CORTECS, ChaosCloud
from tests.chaos.program import Edit, Entry, Program, VolumeEntry
from tests.clouds.case import CloudCase

LAG: Final = 12.0
"""Virtual seconds for which lists lie, at most: 0.2 real ones at the speed of `simulated.SPEED`."""


NOT_DRAWN: Final[frozenset[FaultKind]] = frozenset({FaultKind.DRIP}) | SERVING_FAULTS
"""Kinds that no plan has: a drip takes a minute of the clock on the wall, and the users use no instance."""
DRAWN: Final = tuple(kind for kind in FaultKind if kind not in NOT_DRAWN)
"""The kinds of faults that are in every plan."""
SERVER_ERRORS: Final = (500, 502, 503)
REFUSALS: Final = (301, 302, 307, 400, 401, 402, 403, 404, 405, 409, 413, 422, 429, 460, 499)
"""Further answers to an order that was carried out."""
DRAWN_STATUSES: Final = SERVER_ERRORS + REFUSALS
"""The statuses that plans draw for a server error."""
CLOCKS: Final[tuple[Mapping[str, float], ...]] = (
    {"date_ahead_seconds": 95.0},
    {"date_ahead_seconds": -430.0},
    {"instance_clock_ahead_seconds": 7200.0},
    {"instance_clock_ahead_seconds": -18000.0},
)
"""The knobs of the simulator for vendors whose clocks differ."""
_Parameters = tuple[tuple[str, bool | float | int | str], ...]


_ENDING: Final = frozenset(
    {Edit.REMOVE, Edit.REPLACE, Edit.SWAP, Edit.RESIZE, Edit.STOP, Edit.RESTART, Edit.CHANGE, Edit.SCALE}
)
"""The edits that change, stop, reboot or end something."""


class Death(str, Enum):
    """The processes that are killed."""

    CLI = "CLI killed"
    INTERRUPT = "^C"
    INTERRUPTS = "^C ^C"
    PROVIDER = "provider killed"
    SIMULATOR = "simulator killed"
    ALL = "all killed"


class Moment(str, Enum):
    """The moment of the death."""

    SOME_TIME = "some time"
    """After a fraction of the time that such a command takes."""
    ORDERED = "ordered"
    """Orders have been carried out, and their answers are held back."""
    ORDERING = "ordering"
    """Orders have come in, and are not carried out yet."""
    ANSWERED = "answered"
    """About when the answers to orders arrive."""
    WAITING = "waiting"
    """All orders have been answered, and their boots are awaited."""
    ENDING = "ending"
    """Changes, stops or deletions have come in, and their answers are held back."""
    LISTING = "listing"
    """A list has been asked for, and the answer is held back."""


class Command(str, Enum):
    """The command that is killed."""

    UP = "up"
    REFRESH = "refresh"
    DESTROY = "destroy"


class WayOn(str, Enum):
    """The user's reaction afterwards."""

    UP = "up"
    UP_AND_DESTROY = "up, then destroy"
    DESTROY = "destroy"


@dataclass(frozen=True)
class Fault:
    """A fault of the simulator's catalogue with the parameters that it gets."""

    kind: FaultKind
    parameters: _Parameters = ()


@dataclass(frozen=True)
class Odds:
    """The probabilities of the variants; `faults` is that of every fault of the catalogue."""

    faults: float = 0.02
    lost_journal: float = 0.1
    destroy: float = 0.25
    exclusive: float = 0.5
    two_clocks: float = 0.15


@dataclass(frozen=True)
class Plan:
    """One round. Times are real seconds.

    `which` counts the requests until the moment has come, `fraction` is for SOME_TIME, `hold` is for how long answers
    are held back, `delay` passes between the moment and the death, `gap` between two ^C or a death and a restart.
    `exclusive`: the machine's owner declares the account exclusive. `clocks` are the knobs that set the
    vendor's clocks apart, none where they agree.
    """

    seed: int
    cloud: ChaosCloud
    before: Program
    edit: Edit | None
    command: Command
    death: Death
    moment: Moment
    which: int
    fraction: float
    hold: float
    delay: float
    gap: float
    after_effect: bool
    refresh_always: bool
    refresh_first: bool
    faults: tuple[Fault, ...]
    fault_rate: float
    faults_at_death: bool
    lost_journal: bool
    way_on: WayOn
    exclusive: bool
    clocks: Mapping[str, float]

    @property
    def program(self) -> Program:
        """The program when the command is killed, and afterwards."""
        return self.before if self.edit is None else self.before.with_edit(self.edit)

    @property
    def begins_empty(self) -> bool:
        """True if the killed command is the first one."""
        return self.command is Command.UP and self.edit is None

    @property
    def orders(self) -> int:
        """The number of instances and volumes that the command buys if it is not killed."""
        return _orders(self.before, self.command, self.edit)

    def words(self) -> str:
        """The plan in some words."""
        what = self.command.value if self.edit is None else f"{self.command.value} ({self.edit.value})"
        when = f"{self.moment.value} {self.fraction:.2f}" if self.moment is Moment.SOME_TIME else self.moment.value
        if self.moment in (Moment.ORDERED, Moment.ORDERING, Moment.ANSWERED, Moment.ENDING):
            when += f" {self.which}"
        lost = ", journal lost" if self.lost_journal else ""
        lost += ", exclusive" if self.exclusive else ""
        lost += ", two clocks" if self.clocks else ""
        bought = str(len(self.before.entries))
        bought += f" and {len(self.before.volumes)} volumes" if self.before.volumes else ""
        return f"{what} of {bought}, {self.death.value}, {when}{lost}, then {self.way_on.value}"


def seed_of(master: int, number: int) -> int:
    """The seed of a round of a run."""
    return random.Random(f"{master} {number}").getrandbits(32)


def draw_plan(seed: int, odds: Odds, cloud: ChaosCloud = CORTECS) -> Plan:
    """The plan of a seed."""
    chance = random.Random(seed)
    alike = chance.random() < 0.5
    size = chance.randint(2, 5)
    before = Program(
        tuple(Entry(f"n{i}", 4000 if alike else 4000 + 500 * i) for i in range(size)),
        on_timeout=chance.choice(cloud.on_timeout),
    )
    command = chance.choices(tuple(Command), weights=(8, 1, 2))[0]
    edit = chance.choice(cloud.edits) if command is Command.UP and chance.random() < 0.4 else None
    if edit is Edit.SWAP:
        before = replace(before, entries=tuple(replace(entry, delete_first=True) for entry in before.entries))
    if cloud.volumes is not None:
        before = _with_volumes(before, random.Random(f"volumes {seed}"), at_least=1 if edit is Edit.RESIZE else 0)
    orders = _orders(before, command, edit)
    moment = chance.choices(*_moments(command, edit, orders))[0]
    lost_journal = chance.random() < odds.lost_journal
    death = chance.choice(tuple(Death))
    return Plan(
        seed=seed,
        cloud=cloud,
        before=before,
        edit=edit,
        command=command,
        # a journal is lost with its machine
        death=Death.ALL if lost_journal else death,
        moment=moment,
        which=chance.randint(1, max(orders, 1)),
        fraction=chance.uniform(0.3, 1.0),
        hold=chance.uniform(0.05, 0.4) if moment is Moment.ANSWERED else chance.uniform(0.6, 2.5),
        delay=chance.uniform(0.0, 0.25),
        gap=chance.uniform(0.1, 0.8),
        after_effect=chance.random() < 0.5,
        refresh_always=chance.random() < 0.7,
        refresh_first=chance.random() < 0.5,
        faults=_catalogue(chance, cloud.case),
        fault_rate=odds.faults,
        # what was ordered and answered must be in the state when it is waited for: without faults, nothing excuses it
        faults_at_death=chance.random() < 0.5 and moment is not Moment.WAITING,
        lost_journal=lost_journal,
        way_on=_way_on(chance, odds.destroy),
        exclusive=chance.random() < odds.exclusive,
        clocks=chance.choice(CLOCKS) if chance.random() < odds.two_clocks else {},
    )


def _with_volumes(program: Program, chance: random.Random, at_least: int) -> Program:
    """The program with up to two volumes, each of which an instance mounts or none, and now and then with a key."""
    size = 0 if chance.random() < 0.5 else 50
    number = max(chance.randint(0, 2), at_least)
    volumes = tuple(VolumeEntry(f"v{i}", 100 + size * i) for i in range(number))
    mounting = chance.sample(range(len(program.entries)), number)
    mounted = {entry: volume.name for entry, volume in zip(mounting, volumes, strict=True) if chance.random() < 0.6}
    entries = tuple(
        # the old one holds the volume until it is deleted
        replace(entry, volume=mounted[number], delete_first=True) if number in mounted else entry
        for number, entry in enumerate(program.entries)
    )
    return replace(program, entries=entries, volumes=volumes, has_key=chance.random() < 0.3)


def _orders(before: Program, command: Command, edit: Edit | None) -> int:
    if command is not Command.UP:
        return 0
    if edit is None:
        return before.purchases
    if edit is Edit.RESIZE:
        return 1 + before.mounted(before.volumes[-1].name)
    return 1 if edit in (Edit.ADD, Edit.REPLACE, Edit.SWAP) else 0


def _moments(command: Command, edit: Edit | None, orders: int) -> tuple[tuple[Moment, ...], tuple[int, ...]]:
    """The moments that there are in such a command, and their weights."""
    odds = {Moment.SOME_TIME: 3}
    if orders:
        odds |= {Moment.ORDERED: 4, Moment.ORDERING: 1, Moment.ANSWERED: 3, Moment.WAITING: 3}
    if command is Command.DESTROY or edit in _ENDING:
        odds |= {Moment.ENDING: 3}
    if command is Command.REFRESH:
        odds |= {Moment.LISTING: 3}
    return tuple(odds), tuple(odds.values())


def _way_on(chance: random.Random, destroy: float) -> WayOn:
    if chance.random() < destroy:
        return WayOn.DESTROY
    return WayOn.UP_AND_DESTROY if chance.random() < 0.3 else WayOn.UP


def _catalogue(chance: random.Random, case: CloudCase) -> tuple[Fault, ...]:
    """Every fault that can happen to the cloud and is drawn, with parameters that change from round to round."""
    by_id = chance.random() < 0.5
    lags = (("seconds", LAG), ("by_id", by_id))
    step = chance.randint(1, 4)
    parameters: dict[FaultKind, _Parameters] = {
        FaultKind.SERVER_ERROR: _refusal(chance, after=by_id),
        FaultKind.TOO_MANY_REQUESTS: (("retry_after", 0.2),),
        FaultKind.WRONG_SHAPE: (
            ("how", chance.choice(("missing", "null", "wrong_type", "array"))),
            ("field", chance.choice(case.fields)),
        ),
        FaultKind.SLOW_ANSWER: (("real_seconds", 0.4), ("after_side_effect", not by_id)),
        FaultKind.STUCK_BOOT: (("step", step),),
        FaultKind.BOOT_FAILURE: (("step", step),),
        FaultKind.STOP_FROM_OUTSIDE: (("seconds", chance.choice((5, 30))),),
        FaultKind.RECLAIM: (("seconds", chance.choice((1, 30))), ("vanish", by_id)),
        FaultKind.LIST_LAG: lags,
        FaultKind.STATUS_LAG: lags,
        FaultKind.DELETE_LAG: lags,
    }
    faults = tuple(Fault(kind, parameters.get(kind) or lie(kind, chance)) for kind in DRAWN)
    return tuple(fault for fault in faults if fault.kind in case.faults)


def _refusal(chance: random.Random, *, after: bool) -> _Parameters:
    """A server error; what is a refusal otherwise is one that was carried out."""
    status = chance.choice(DRAWN_STATUSES)
    if status in SERVER_ERRORS:
        return (("status", status), ("after_side_effect", after))
    return (("status", status), ("after_side_effect", True), ("body", chance.choice(("json", "html"))))


def lie(kind: FaultKind, chance: random.Random) -> _Parameters:
    """The parameters of the kinds that draw their own, so that the draws of the others do not change."""
    if kind is FaultKind.DRIP:
        return (("real_seconds", chance.choice((0.01, 5))),)
    if kind is FaultKind.OTHER_ARGUMENT:
        return (("argument", chance.choice([argument.value for argument in OrderArgument])),)
    if kind is FaultKind.REUSED_ID:
        of = chance.choice(list(ReusedId))
        # an answer that names what another order has just made, beside what this one makes, is ambiguous
        return (("of", of.value), ("makes", of is ReusedId.DELETED))
    return ()

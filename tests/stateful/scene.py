"""An account, its stacks, and what happens to them: commands, faults, deaths, the vendor's own moves, and the books."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any, Final
from unittest.mock import MagicMock

from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.cloud import Cloud, UnknownStatusError
from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError
from pulumi_cortecs.lifecycle.holdings import PendingPurchase, StackHoldings
from pulumi_cortecs.lifecycle.holdings import StackResource as OwnedRow
from pulumi_cortecs.lifecycle.journal import FILE_NAME, Journal, ResourceKey
from pulumi_cortecs.lifecycle.listed_instance import ListedInstance
from pulumi_cortecs.lifecycle.orphans import find_orphans
from pulumi_cortecs.provider import accounts, session
from pulumi_cortecs.provider import host as provider_host
from pulumi_cortecs.simulator import Settings
from pulumi_cortecs.simulator.clock import VirtualClock
from pulumi_cortecs.simulator.faults import FaultKind, FaultMatch, Parameter
from pulumi_cortecs.simulator.world import World
from tests.clouds.case import DELETE, RESTART, START, STOP, UPDATE, CloudCase, Real
from tests.stateful.crowd import Crowd, Killed
from tests.stateful.engine import DATA, Row, Run, Stack
from tests.stateful.hosts import BEGAN, LAG, Host
from tests.stateful.states import SceneStates
from tests.stateful.wire import ORIGIN, Wire
from tests.ways_on import is_because_of_a_state, named_in

_WATCH: Final = 2.0
"""Seconds after which a provider notices that its engine is gone."""
_OLD_ENOUGH: Final = 150.0
"""Seconds after which `orphans` ends what it finds without being asked twice."""


_STILL_LISTED: Final = 3 * LAG
"""Seconds for which what is gone may be in lists, with some to spare."""
_AT_ONCE: Final = 1.0
"""Seconds that an answer takes at most from the vendor into the state, while nothing goes wrong."""


class Victim(str, Enum):
    """The processes that die or are interrupted."""

    ENGINE = "engine"
    HOST = "provider"
    BOTH = "both"
    INTERRUPT = "^C"


class Wrong(str, Enum):
    """The kinds of errors."""

    ORPHAN = "orphan"
    DOUBLE = "double"
    SHARED = "one instance in two rows"
    FALSE_GONE = 'false "gone"'
    NOT_ENDED = "said to be ended, and exists"
    NOT_OURS = "ended what it does not own"
    TAKEN = "took a foreign instance"
    BILLED = "billed after the end"
    DEAD_ROW = "row without instance"
    OTHERWISE = "not as wanted"
    UNRECOVERED = "not recovered"
    LEFT_OPEN = "order left open"
    UNRECORDED = "waited for before it was in the state"
    REFUSED_FOR_NOTHING = "refused, and nothing fits"
    REFUSED_OWN = "refused, and its own order in the journal has bought it"
    REFUSED_ALONE = "refused because of an earlier creation, in an exclusive account"


@dataclass(frozen=True)
class Death:
    """The victim that dies at the `number`-th pass of a `point`.

    Points are "before" and "done" for a request of the kind `what`, "returned" for a call that has come back to the
    engine, and "saved" for one that it has written down; `what` None stands for any.
    """

    victim: Victim
    point: str
    what: str | None
    number: int = 1

    def words(self) -> str:
        """For a table."""
        return f"{self.victim.value}, {self.what or 'anything'} {self.point}"


@dataclass
class Trap:
    """A death that is still to come."""

    death: Death
    left: int

    @property
    def sprung(self) -> bool:
        """True once the death has happened."""
        return self.left == 0

    def comes(self, point: str, what: str) -> bool:
        """Returns whether the death happens now, at this point."""
        if self.sprung or self.death.point != point or self.death.what not in (None, what):
            return False
        self.left -= 1
        return self.sprung


@dataclass(frozen=True)
class Finding:
    """One error."""

    wrong: Wrong
    text: str


@dataclass(frozen=True)
class Purchase:
    """For which resource something was bought, by which process, and when. `undisturbed`: no fault was in force."""

    urn: str
    by: Host
    at: float
    undisturbed: bool


@dataclass(frozen=True)
class Refusal:
    """A creation that was refused because of instances that it names."""

    stack: Stack
    name: str
    ids: tuple[str, ...]
    text: str


class Theatre:
    """The parts that all scenes of a cloud share because they take long to make: the simulator's world and an empty
    journal."""

    def __init__(self, directory: Path, case: CloudCase, client: MagicMock) -> None:
        """`client` gives what it returns to the cloud's client for a connection."""
        self.case = case
        self.client = client
        self.crowd: Crowd | None = None
        self.world = World(
            origin=ORIGIN,
            defaults=Settings(),
            seed=0,
            monotonic=self._now,
            wall=lambda: BEGAN + self._now(),
            knobs={"boot_seconds": 3.0},
        )
        self.cloud = case.staged(self.world)
        self._directory = directory
        self._empty = directory / "empty"
        self._scenes = 0
        journal = Journal(self._empty)
        journal.delete(journal.record(ResourceKey("", ""), "", (), frozenset(), None))
        journal.close()

    def _now(self) -> float:
        return 0.0 if self.crowd is None else self.crowd.now

    def new_journal(self) -> Path:
        """A directory with a journal in which nothing stands."""
        self._scenes += 1
        directory = self._directory / str(self._scenes)
        directory.mkdir()
        shutil.copyfile(self._empty / FILE_NAME, directory / FILE_NAME)
        return directory


class Scene:
    """A world from empty to the end. What is wrong is added to `findings`; `counts` is what happened."""

    def __init__(
        self,
        theatre: Theatre,
        seed: int,
        *,
        skew: float = 0.0,
        exclusive: bool = False,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`skew` is the number of seconds by which the vendor's clock is ahead of the machine's. `exclusive`: the
        account is declared exclusive to providers. `tell` receives a line for each event."""
        self._hears = tell
        self.chance = random.Random(seed)
        self.crowd = theatre.crowd = Crowd(self.chance)
        self.world, self.cloud, self.case = theatre.world, theatre.cloud, theatre.case
        self.world.reset(seed)
        start = datetime.fromtimestamp(BEGAN + skew, timezone.utc)
        self.world.clock = VirtualClock(1.0, start=start, monotonic=lambda: self.crowd.now)
        self.stacks: list[Stack] = []
        self.foreign: set[str] = set()
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.bought: dict[str, Purchase] = {}
        self.vanished: dict[str, float] = {}
        """The time at which an instance was removed without a request."""
        self.used_again: set[str] = set()
        """The ids, names, that two resources have bought one after the other: the first one's row has the other's."""
        self.bought_again: set[str] = set()
        """The ids, names, that a resource has bought again while a row of what had gone was still there."""
        self.errors: list[str] = []
        """The errors of the last commands."""
        self.reported: list[str] = []
        """The errors of all commands since a journal was lost."""
        self.refusals: list[Refusal] = []
        """The creations that the last commands refused."""
        self.exclusive = exclusive
        self.unreadable = 0.0
        """The probability that a state cannot be read."""
        self._trap: tuple[Run, Trap] | None = None
        self._theatre = theatre
        self._journals: dict[int, Path] = {}
        self._lost: list[Path] = []
        self._runs: list[Run] = []
        self.wire = Wire(self.cloud, self._request_point, self.passes, self._latency, self.chance, self._tell)
        theatre.client.return_value = self.wire

    def stack(self, name: str, machine: int = 0) -> Stack:
        """A new stack, whose commands run on that machine."""
        made = Stack(name, machine=machine, of=self.case)
        self.stacks.append(made)
        return made

    def fault(
        self, kind: FaultKind, probability: float, match: FaultMatch | None = None, **parameters: Parameter
    ) -> None:
        """Puts a fault in force, for every request or for those that match."""
        self.world.faults.add(kind, match or FaultMatch(), probability=probability, parameters=parameters)

    def quiet(self) -> None:
        """From now on nothing goes wrong by itself."""
        for fault in self.world.faults:
            self.counts[f"fault: {fault.kind.value}"] += fault.happened
        self.world.faults.clear()
        self.wire.unreachable = 0.0
        self.unreadable = 0.0

    def passes(self, seconds: float) -> None:
        """Lets time pass, for those too who still run."""
        self.crowd.sleep(seconds)

    def foreigner(self, **arguments: Any) -> str:
        """Start an instance in the vendor's console."""
        made = self.cloud.order(arguments)
        self.foreign.add(made)
        return made

    def alive(self) -> dict[str, Real]:
        """All instances but the foreign ones."""
        return {instance_id: one for instance_id, one in self.cloud.every().items() if instance_id not in self.foreign}

    def lose_journal(self) -> None:
        """Removes the machines with the journals, and everything that ran on them."""
        for run in self._runs:
            self._strike(run, Victim.BOTH)
        self.crowd.join_all()
        self.reported = []
        self._lost += self._journals.values()
        self._journals.clear()

    def commands(self, *commands: tuple[Stack, str], death: Death | None = None, refresh: bool = False) -> list[bool]:
        """Runs commands at the same time; returns for each whether it succeeded. `death` comes to the first."""
        self.refusals = []
        runs = [self._run(stack) for stack, _ in commands]
        trap = None if death is None else Trap(death, death.number)
        self._trap = None if trap is None else (runs[0], trap)
        tasks = []
        for run, (stack, command) in zip(runs, commands, strict=True):
            self.counts[command] += 1
            self._tell(f"{command} of {stack.name}: {stack.program}, {'not ' * (not refresh)}refreshed first")
            work: Callable[[], None] = run.refresh
            if command != "refresh":
                work = _with_refresh(getattr(run, command), refresh)
            tasks.append(self.crowd.spawn(work, run))
        self.crowd.join(tasks)
        for task in tasks:
            if task.error is not None and not isinstance(task.error, Killed):
                raise task.error
        if trap is not None and trap.sprung:
            self.counts[f"death: {trap.death.words()}"] += 1
        self._trap = None
        for run in runs:
            if not run.dead:
                run.host.end()
        self._look()
        self.errors = [error for run in runs for error in run.errors]
        self.reported += self.errors
        for stack, command in commands:
            if command == "up" and stack.replace and not any(run.stack is stack and run.failed for run in runs):
                stack.replace = set()
        rows = [f"{stack.name} {row.name} {row.id}" for stack, _ in commands for row in stack.rows]
        self._tell(f"the end of it: {rows}, {self.errors}")
        return [not run.failed for run in runs]

    def command(self, stack: Stack, command: str, *, death: Death | None = None, refresh: bool = False) -> bool:
        """Runs one command; returns whether it succeeded."""
        return self.commands((stack, command), death=death, refresh=refresh)[0]

    def delete_orphans(self, only: str = "") -> list[str]:
        """`pulumi-cortecs orphans --delete`, of one id if it is named, when all are old enough; what was ended."""
        self.counts["orphans --delete ID" if only else "orphans --delete"] += 1
        self.passes(_OLD_ENOUGH)
        host = self.process()
        ended: list[str] = []
        failed: list[str] = []

        def work() -> None:
            try:
                account = accounts.account(self.case.kind())
                listed = [_listed(account.cloud, one) for one in account.cloud.list_instances().values()]
                now = datetime.fromtimestamp(account.cloud.vendor_time() or 0.0, timezone.utc)
                orphaned = find_orphans(listed, [self._as_stack(stack) for stack in self.stacks], now)
                for orphan in orphaned:
                    instance_id = orphan.instance.instance_id
                    if only not in ("", instance_id) or instance_id in self.foreign:
                        continue
                    # whoever has waited, and sees that two clocks keep it young for ever, says --include-young
                    if not orphan.skip_reason or self._clocks_differ:
                        account.deletion().delete(instance_id)
                        self._said_to_be_gone(instance_id, "orphans")
                        ended.append(instance_id)
            except (CloudError, DeletionUnconfirmedError) as error:
                failed.append(str(error))

        task = self.crowd.spawn(work, host)
        self.crowd.join([task])
        host.end()
        if task.error is not None:
            raise task.error
        return ended

    def keep_orphan(self, instance_id: str, machine: int) -> None:
        """`pulumi-cortecs orphans --keep ID`: from now on it is foreign."""
        self.counts["orphans --keep"] += 1

        def work() -> None:
            account = accounts.account(self.case.kind()).fingerprint
            session.current().journal.mark_kept(account, instance_id)

        host = self.process(machine)
        task = self.crowd.spawn(work, host)
        self.crowd.join([task])
        host.end()
        if task.error is not None:
            raise task.error
        if not self._is_anothers(instance_id, machine):
            self.foreign.add(instance_id)

    def _is_anothers(self, instance_id: str, machine: int) -> bool:
        """Returns whether a stack of another machine has bought the instance, and will find it by itself."""
        bought = self.bought.get(instance_id)
        others = [stack for stack in self.stacks if stack.machine != machine]
        return bought is not None and any(bought.urn.startswith(f"urn:pulumi:{stack.name}::") for stack in others)

    def forge(self, stack: Stack, name: str, arguments: Mapping[str, Any], instance_id: str) -> None:
        """Writes into the journal that an order for this resource has bought this instance."""

        def work() -> None:
            checked = host.call("Check", stack.urn(name), olds={}, news=arguments).inputs
            journal, account = session.current().journal, accounts.account(self.case.kind())
            key, ordered = accounts.order_key(stack.urn(name)), account.cloud.arguments_of(checked)
            assert ordered is not None
            number = journal.record(key, account.fingerprint, ordered, frozenset(), None)
            journal.record_bought(number, instance_id)

        host = self.process(stack.machine)
        task = self.crowd.spawn(work, host)
        self.crowd.join([task])
        host.end()
        if task.error is not None:
            raise task.error

    def stop_what_is_stuck(self) -> int:
        """Stop in the console what does not get ready; returns how many there were."""
        stuck = [instance_id for instance_id, one in self.alive().items() if one.stuck]
        for instance_id in stuck:
            self.cloud.stop_from_outside(instance_id)
        return len(stuck)

    def settle(self) -> None:
        """Waits for all who still run."""
        self.crowd.join_all()

    def close(self) -> None:
        """Ends everything."""
        for run in self._runs:
            self._strike(run, Victim.BOTH)
        self.crowd.join_all()
        Crowd.active = None
        for directory in (*self._journals.values(), *self._lost):
            shutil.rmtree(directory)

    def open_orders(self) -> list[str]:
        """The ids of unconfirmed orders, "" for one without."""
        instance_ids = list[str]()
        for directory in self._journals.values():
            journal = Journal(directory)
            try:
                instance_ids += [order.instance_id or "" for order in journal.open_orders()]
            finally:
                journal.close()
        return instance_ids

    def unowned(self) -> dict[str, Real]:
        """The instances that no row has."""
        owned = {row.id for stack in self.stacks for row in stack.rows}
        return {instance_id: one for instance_id, one in self.cloud.every().items() if instance_id not in owned}

    def note(self, wrong: Wrong, text: str) -> None:
        """Records an error."""
        self.findings.append(Finding(wrong, text))

    def _tell(self, text: str) -> None:
        self._hears(f"{self.crowd.now:9.2f}  {provider_host.current_call().urn.rpartition('::')[2]:6}  {text}")

    def _run(self, stack: Stack) -> Run:
        made = Run(
            self.crowd,
            stack,
            lambda run: self.process(stack.machine, run),
            self._point,
            self._said_to_be_gone,
            self.failed,
        )
        self._runs.append(made)
        return made

    def process(self, machine: int = 0, engine: Run | None = None) -> Host:
        """A provider process on that machine; without an engine, a command of ours."""
        if machine not in self._journals:
            self._journals[machine] = self._theatre.new_journal()
        states = SceneStates(self.crowd, lambda: self.stacks, self.chance, lambda: self.unreadable)
        return Host(self.crowd, self.case, self._journals[machine], engine, states, exclusive=self.exclusive)

    def failed(self, stack: Stack, name: str, inputs: Mapping[str, Any], began_at: float, text: str) -> None:
        """Records a creation that was refused because of instances that an earlier one may have bought, and checks
        that the refusal was right."""
        if name.startswith(DATA) or not (ids := named_in(text, self._ever())):
            return
        self.refusals.append(Refusal(stack, name, ids, text))
        because_of_a_state = is_because_of_a_state(text)
        kind = "by a pending creation" if because_of_a_state else "by an order"
        self.counts[f"refused {kind}{', in an exclusive account' * self.exclusive}"] += 1
        # what was begun with other arguments may be another resource's, whose creation takes it over
        begun = [arguments for of, arguments in stack.pending if of == name]
        as_begun = all(arguments.get(key) == inputs.get(key) for arguments in begun for key in self._replacing)
        if self.exclusive and because_of_a_state and as_begun:
            self.note(Wrong.REFUSED_ALONE, f"{name}: {text}")
        if "no order of this resource has created it" in text and any(
            self._is_in_journal_of(stack.urn(name), instance_id) for instance_id in ids
        ):
            self.note(Wrong.REFUSED_OWN, f"{name}: {text}")
        if self._is_taken_name(stack, name, inputs):
            return
        if "which adopt_id names, does not exist any more" in text and not self.cloud.every().keys() & set(ids):
            return
        gone = {row.id for row in stack.rows} - self.cloud.every().keys()
        if "`pulumi up --refresh`, which removes the row" in text and gone.intersection(ids):
            return
        fitting = {
            instance_id for instance_id, one in self.unowned().items() if instance_id in ids or self._fits(one, inputs)
        }
        went = {entry.instance_id for entry in self.world.ledger if entry.ended_at is not None}
        if not fitting and not any(
            instance_id in went and self._ended_since(instance_id, began_at) for instance_id in ids
        ):
            self.note(Wrong.REFUSED_FOR_NOTHING, f"{name}: {text}")

    def _is_in_journal_of(self, urn: str, instance_id: str) -> bool:
        """Returns whether the journal has the order by which this resource has bought an instance, as long as nothing
        went wrong but a death, and the order was not refused."""
        bought = self.bought.get(instance_id)
        return bought is not None and bought.urn == urn and bought.undisturbed and not self._lost

    def _is_taken_name(self, stack: Stack, name: str, inputs: Mapping[str, Any]) -> bool:
        """Returns whether the program gives the resource a name that another row's instance has, or whether something
        may have kept check from seeing that it was its own."""
        is_disturbed = self.unreadable or self.wire.unreachable or list(self.world.faults)
        given = inputs.get("name") if is_disturbed else stack.program.get(name, {}).get("name")
        rows = [row for other in self.stacks for row in other.rows]
        return given == inputs.get("name") and any(row.id == given in self.cloud.every() for row in rows)

    @property
    def _replacing(self) -> tuple[str, ...]:
        return self.case.kind().arguments.replacing

    def _fits(self, real: Real, inputs: Mapping[str, Any]) -> bool:
        return all(real.arguments[key] == inputs[key] for key in self._replacing if key in real.arguments)

    @property
    def _clocks_differ(self) -> bool:
        settings = self.world.settings
        return bool(settings.date_ahead_seconds or settings.instance_clock_ahead_seconds)

    def _ever(self) -> set[str]:
        """All ids so far."""
        return {entry.instance_id for entry in self.world.ledger} | set(self.cloud.every())

    def _ended_since(self, instance_id: str, at: float) -> bool:
        if self.vanished.get(instance_id, 0.0) >= at - _STILL_LISTED:  # a stopped one has no run that ends then
            return True
        since = self.world.now() - timedelta(seconds=self.crowd.now - at + _STILL_LISTED)
        return any(
            entry.instance_id == instance_id and entry.ended_at is not None and entry.ended_at >= since
            for entry in self.world.ledger
        )

    def _point(self, run: Run, point: str, what: str) -> None:
        if self._trap is not None and self._trap[0] is run and self._trap[1].comes(point, what):
            self._tell(f"death of the {self._trap[1].death.victim.value} of {run.stack.name}")
            self._strike(run, self._trap[1].death.victim)
        process = self.crowd.current.process
        if process is not None and process.dead:
            raise Killed

    def _check_records(self, run: Run) -> None:
        """Checks that purchases answered a while ago are in the state by now, unless their answer was disturbed."""
        for instance_id, purchase in self.bought.items():
            waits = purchase.by is run.host and purchase.undisturbed and self.crowd.now - purchase.at > _AT_ONCE
            if waits and instance_id not in run.stack.owned and not run.dead:
                self.note(Wrong.UNRECORDED, instance_id)

    def _strike(self, run: Run, victim: Victim) -> None:
        if victim is Victim.INTERRUPT:
            run.cancelled = True
            run.host.interrupt()
            return
        if victim in (Victim.HOST, Victim.BOTH):
            run.host.killed = run.host.killed or not run.host.dead
            run.host.end()
        if victim in (Victim.ENGINE, Victim.BOTH) and not run.dead:
            self.crowd.kill(run)
            if victim is Victim.ENGINE:
                self.crowd.spawn(lambda: self._end_without_engine(run.host), run.host)

    def _end_without_engine(self, host: Host) -> None:
        self.crowd.sleep(_WATCH)
        host.interrupt()
        while host.calls:
            self.crowd.sleep(0.5)
        host.end()

    def _request_point(self, point: str, what: str, instance_id: str) -> None:
        host = self.crowd.current.process
        assert isinstance(host, Host)
        if point == "before":
            self.counts[f"request: {what}"] += 1
            if isinstance(host.engine, Run):
                self._check_records(host.engine)
            if what in (STOP, DELETE, RESTART, UPDATE):
                self._mind_whose(host, what, instance_id)
        elif what == START and instance_id:
            if instance_id in self.bought and self.bought[instance_id].urn != provider_host.current_call().urn:
                self.counts["a name used again by another resource"] += 1
                self.used_again.add(instance_id)
            elif self._rows_of(instance_id):
                self.counts["a name used again, and its first row still there"] += 1
                self.bought_again.add(instance_id)
            self.bought[instance_id] = Purchase(
                provider_host.current_call().urn, host, self.crowd.now, not list(self.world.faults)
            )
        if isinstance(host.engine, Run):
            self._point(host.engine, point, what)

    def _mind_whose(self, host: Host, what: str, instance_id: str) -> None:
        own = host.engine.stack if isinstance(host.engine, Run) else None
        proven = {row.id for row in own.rows if not row.outputs.get("inferred")} if own is not None else set()
        # what is proven here is this stack's, whatever another machine has inferred
        theirs = {
            row.id
            for stack in self.stacks
            for row in stack.rows
            if stack is not own and not row.to_go and not (row.id in proven and row.outputs.get("inferred"))
        }
        if what == RESTART and self._handed_over(instance_id):
            return  # its two machines do not know yet that it has two rows, and it ends nothing
        if instance_id in self.foreign or instance_id in theirs - self.used_again:
            self.note(Wrong.NOT_OURS, f"{what} {instance_id}")

    def _said_to_be_gone(self, instance_id: str, by: str) -> None:
        # a name that another resource has bought while the slow answer came that its first bearer's was gone
        is_namesakes = instance_id in self.used_again and not any(
            stack.urn(row.name) == self.bought[instance_id].urn for stack, row in self._rows_of(instance_id)
        )
        if instance_id in self.cloud.every() and not self._handed_over(instance_id) and not is_namesakes:
            wrong = Wrong.NOT_ENDED if by in ("a deletion", "orphans") else Wrong.FALSE_GONE
            self.note(wrong, f"{instance_id} by {by}")

    def is_of_another_buyer(self, stack: Stack, row: Row) -> bool:
        """Returns whether another resource has bought what now has this row's name: by its name and its time alone the
        row cannot tell it from its own, and the buyer may delete it."""
        return row.id in self.used_again and self.bought[row.id].urn != stack.urn(row.name)

    def _handed_over(self, instance_id: str) -> bool:
        return sum(row.id == instance_id for stack in self.stacks for row in stack.rows) > 1

    def _look(self) -> None:
        for instance_id in sorted({row.id for stack in self.stacks for row in stack.rows} & self.foreign):
            self.note(Wrong.TAKEN, instance_id)
        self.look_at_shared(unless_told=True)

    def look_at_shared(self, *, unless_told: bool = False) -> None:
        """Records each instance that two rows have. With `unless_told`, two machines may share one whose id is marked
        as inferred in one of their rows."""
        for instance_id, times in Counter(row.id for stack in self.stacks for row in stack.rows).items():
            machines = {(stack.machine, bool(row.outputs.get("inferred"))) for stack, row in self._rows_of(instance_id)}
            is_accounted_for = (
                unless_told
                and len({machine for machine, _ in machines}) > 1
                and any(inferred for _, inferred in machines)
            )
            is_accounted_for |= any(row.inputs.get("adopt_id") == instance_id for _, row in self._rows_of(instance_id))
            if times > 1 and not is_accounted_for and instance_id not in self.used_again | self.bought_again:
                self.note(Wrong.SHARED, instance_id)

    def _rows_of(self, instance_id: str) -> list[tuple[Stack, Row]]:
        return [(stack, row) for stack in self.stacks for row in stack.rows if row.id == instance_id]

    def is_stopped(self, instance_id: str) -> bool:
        """Returns whether the instance is stopped, or about to be."""
        return self.cloud.every()[instance_id].stopped

    def reported_arguments(self, instance_id: str) -> dict[str, Any]:
        """The arguments that a program may give for an instance that it adopts."""
        real = self.cloud.every().get(instance_id)
        if real is None:
            return {}
        keys = {*self._replacing, *self.case.adopting}
        return {key: value for key, value in real.arguments.items() if key in keys}

    def _latency(self) -> float:
        return self.chance.choice((0.01, 0.05, 0.1, 0.4))

    def _as_stack(self, stack: Stack) -> StackHoldings:
        return StackHoldings(
            name=stack.name,
            backend="",
            rows=tuple(OwnedRow(stack.name, stack.urn(row.name), row.id) for row in stack.rows),
            pending=tuple(PendingPurchase(stack.name, stack.urn(name), inputs) for name, inputs in stack.pending),
            updating=False,
        )


def unlike(inputs: Mapping[str, Any], real: Real) -> list[str]:
    """The arguments in which an instance differs from its row's inputs, with those that are defaults; among them its
    state."""
    differing = [key for key, value in real.arguments.items() if inputs[key] != value]
    return [*differing, *(["state"] if real.stopped != (inputs["state"] == "stopped") else [])]


def _with_refresh(command: Callable[..., None], refresh: bool) -> Callable[[], None]:
    return lambda: command(refresh=refresh)


def _listed(cloud: Cloud[Any], instance: Any) -> ListedInstance:
    started, phase = cloud.started_at(instance), None
    with suppress(UnknownStatusError):
        phase = cloud.phase(instance)
    return ListedInstance(
        instance_id=cloud.id_of(instance),
        arguments={},
        ordered="",
        status="",
        phase=phase,
        started_at=None if started is None else datetime.fromtimestamp(started, timezone.utc),
    )

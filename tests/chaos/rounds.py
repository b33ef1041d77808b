"""A round: a stack, a command that is killed, what a user does then, and the books at the end."""

from __future__ import annotations

import random
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.chaos.books import Books, Finding, Kind
from tests.chaos.clouds import parts
from tests.chaos.pace import Pace
from tests.chaos.plan import Death, Moment, Plan, WayOn
from tests.chaos.program import Edit
from tests.chaos.scene import Ended, Running, Scene, scene
from tests.ways_on import is_because_of_a_state, named_in, tells_of_what_is_left, ways_on

_LOOKS: Final = 8
"""Lists after the last order, a tenth of a second apart, after which what was bought must be in the state."""
_TRIES_WITH_FAULTS: Final = 3
_TRIES_WITHOUT: Final = 3
_AFTER_A_DEATH: Final = 60.0
_EARLIER: Final = 0.05
_DIAGNOSTICS: Final = re.compile(
    r"^  \S*:(?:Instance|Volume) \((?P<name>\S+)\):\n(?P<text>(?:    .*\n|\n)+)", re.MULTILINE
)
"""The diagnostics of one resource at the end of a command."""


@dataclass(frozen=True)
class Result:
    """The result of a round. `landed`: the command was killed before it ended. `in_window`: instances that existed at
    that moment, and were not in the state. `left_by_destroy`: what a plain destroy could not know of. `refused`: the
    creations that were refused because of what might be an earlier one's, by why."""

    plan: Plan
    landed: bool = False
    in_window: int = 0
    repeated: int = 0
    by_orphans: bool = False
    half_a_file: bool = False
    left_by_destroy: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    ways_on: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """True if the round found an error."""
        return any(finding.kind is not Kind.DEAD_ROW for finding in self.findings)

    def line(self, number: int) -> str:
        """The round in a line."""
        death = f"{self.in_window} in the window" if self.landed else "not hit"
        wrong = ", ".join(sorted(finding.kind.value for finding in self.findings)) or "ok"
        more = f", destroy left {self.left_by_destroy}" if self.left_by_destroy else ""
        more += ", by orphans" if self.by_orphans else ""
        more += ", half a file" if self.half_a_file else ""
        more += "".join(f", refused {why}" for why in self.refused) + "".join(f", {way}" for way in self.ways_on)
        again = f", {self.repeated} more" if self.repeated else ""
        mark = "WRONG " if self.failed else ""
        return (
            f"{number:4} seed {self.plan.seed:10} {self.plan.words()}: {death}{again}{more}, {self.seconds:.1f} s: "
            f"{mark}{wrong}"
        )


def play(
    plan: Plan,
    pulumi: Path,
    pace: Pace,
    *,
    broken: str = "",
    tell: Callable[[str], None] = lambda text: None,
    backend: Mapping[str, str] = MappingProxyType({}),
) -> Result:
    """Plays a round. `tell` hears every command, and what failed; `backend` is as in `scene`."""
    began_at = time.monotonic()
    try:
        with scene(
            pulumi,
            seed=plan.seed,
            tell=tell,
            cloud=plan.cloud,
            broken=broken,
            exclusive=plan.exclusive,
            backend=backend,
        ) as acted:
            return _Round(plan, acted, pace).play(began_at)
    except Exception:  # a run of hours goes on, and ends with exit code 1
        tell(traceback.format_exc())
        return Result(plan, findings=(Finding(Kind.UNPLAYED),), seconds=time.monotonic() - began_at)


class _Round:
    def __init__(self, plan: Plan, acted: Scene, pace: Pace) -> None:
        self._plan = plan
        self._scene = acted
        self._pace = pace
        self._repeated = 0
        self._left = 0
        self._by_orphans = False
        self._program = plan.program
        self._chance = random.Random(f"ways on {plan.seed}")
        self._refused: Counter[str] = Counter()
        self._ways_on: Counter[str] = Counter()

    def play(self, began_at: float) -> Result:
        landed, in_window = self._until_death()
        if not self._goes_on():
            self._scene.findings.add(Finding(Kind.UNRECOVERED))
        return Result(
            plan=self._plan,
            landed=landed,
            in_window=in_window,
            repeated=self._repeated,
            by_orphans=self._by_orphans,
            half_a_file=self._scene.halves > 0,
            left_by_destroy=self._left,
            refused=dict(self._refused),
            ways_on=dict(self._ways_on),
            findings=tuple(sorted(self._scene.findings, key=str)),
            seconds=time.monotonic() - began_at,
        )

    def _until_death(self) -> tuple[bool, int]:
        plan, acted = self._plan, self._scene
        if plan.refresh_always:
            acted.refresh_always()
        acted.control.settings(**plan.clocks)
        acted.two_clocks = bool(plan.clocks)
        acted.program(plan.before)
        if not plan.begins_empty:
            first = acted.run("up")
            assert first.code == 0, first.text
        acted.program(self._program)
        if plan.edit is Edit.REPAIR:
            acted.control.stop(next(iter(acted.books().alive)))
        self._set_trap()
        arguments = ("up", "--refresh") if plan.edit is Edit.REPAIR else (plan.command.value,)
        running = acted.begin(*arguments)
        landed = self._moment_comes(running) and self._strike(running)
        in_window = len(acted.books().strays) if landed else 0
        acted.tell(f"{plan.death.value}: {'landed' if landed else 'missed'}, {in_window} in the window")
        if plan.lost_journal:
            acted.forget()
        # what is held back ends by itself, and nothing new is
        acted.put_in_force(plan.faults, plan.fault_rate)
        acted.control.resume()
        ended = acted.ended(running, " ".join(arguments), _AFTER_A_DEATH)
        if not landed and ended.code == 0:
            self._pace.record(arguments[0], ended.seconds)
        if landed and plan.moment is Moment.WAITING and plan.death is not Death.SIMULATOR:
            acted.findings |= {Finding(Kind.UNRECORDED, stray) for stray in acted.books().strays}
        if plan.lost_journal and tells_of_what_is_left(ended.text):
            self._looks_for_what_is_left()
        return landed, in_window

    def _set_trap(self) -> None:
        """Prolongs the moment of the death, so that it can be hit."""
        plan, control = self._plan, self._scene.control
        self._scene.put_in_force(plan.faults, plan.fault_rate if plan.faults_at_death else 0.0)

        def hold(route: str, after_effect: bool) -> None:
            method, path = parts(route)
            control.fault(
                "slow_answer", method=method, path=path, real_seconds=plan.hold, after_side_effect=after_effect
            )

        if plan.moment in (Moment.ORDERED, Moment.ORDERING, Moment.ANSWERED):
            for route in plan.cloud.orders:
                hold(route, plan.moment is not Moment.ORDERING)
        elif plan.moment is Moment.ENDING:
            for route in plan.cloud.endings:
                hold(route, plan.after_effect)
        elif plan.moment is Moment.LISTING:
            hold(plan.cloud.case.list, after_effect=True)
        elif plan.moment is Moment.WAITING:
            control.pause()

    def _moment_comes(self, running: Running) -> bool:
        """Waits for the moment; returns False when the command ended before."""
        plan, control = self._plan, self._scene.control
        before, orders, listing = control.requests(), plan.cloud.orders, plan.cloud.case.list

        def since(*routes: str) -> int:
            now = control.requests()
            return sum(now.count(route) - before.count(route) for route in routes)

        if plan.moment is Moment.SOME_TIME:
            self._sleep(running, plan.fraction * self._pace.expected(plan.command.value))
            return running.runs
        if plan.moment is Moment.WAITING:
            if not running.wait(lambda: since(*orders) >= plan.orders):
                return False
            listed = since(listing)
            return running.wait(lambda: since(listing) >= listed + _LOOKS)
        if plan.moment is Moment.ENDING:
            come = running.wait(lambda: since(*plan.cloud.endings) >= plan.which)
        elif plan.moment is Moment.LISTING:
            come = running.wait(lambda: since(listing) >= 1)
        else:
            come = running.wait(lambda: since(*orders) >= plan.which)
        # answers come when they are let go; some deaths are to be a little earlier
        self._sleep(running, plan.delay + (plan.hold - _EARLIER if plan.moment is Moment.ANSWERED else 0.0))
        return come and running.runs

    def _strike(self, running: Running) -> bool:
        """Kills the processes; returns False when there was nothing left to kill."""
        plan, acted = self._plan, self._scene
        if plan.death is Death.CLI:
            running.kill()
        elif plan.death is Death.INTERRUPT:
            running.interrupt()
        elif plan.death is Death.INTERRUPTS:
            running.interrupt()
            self._sleep(running, plan.gap)
            running.interrupt()
        elif plan.death is Death.PROVIDER:
            return running.wait(running.kill_provider, limit=5)
        else:
            acted.simulator.kill()
            if plan.death is Death.ALL:
                running.kill_all()
            else:
                self._sleep(running, plan.gap)
            acted.simulator.start()
        return True

    def _goes_on(self) -> bool:
        """Follow the user's way on; returns whether it succeeded."""
        if self._plan.way_on is WayOn.DESTROY:
            return self._destroy_and_check()
        if not self._up():
            return False
        return self._plan.way_on is not WayOn.UP_AND_DESTROY or self._destroy_and_check()

    def _up(self) -> bool:
        acted = self._scene
        if not self._done("up"):
            acted.let_the_old_ones_end()
            if not acted.delete_orphans() or not self._try_command("up", "--refresh"):
                return False
            self._by_orphans = True
        acted.let_the_old_ones_end()
        acted.findings |= acted.auditor.after_up(acted.books())
        # what the vendor did, or still does, to its instances is for a refresh to notice
        before = acted.books().dead_rows
        moved = self._has_vendor_moved()
        acted.put_in_force((), 0.0)
        acted.let_the_vendor_finish()
        if before and not moved:
            acted.findings |= {Finding(Kind.DEAD_ROW, instance_id) for instance_id in before}
        if self._agree(acted.books()):
            return True
        if not self._try_command("up", "--refresh"):
            return False
        acted.findings |= acted.auditor.after_up(acted.books())
        return self._agree(acted.books())

    def _destroy_and_check(self) -> bool:
        acted = self._scene
        if self._program.attaches and (strays := acted.books().strays):
            # whatever they hold, `destroy` would wait for it, and give up after five minutes
            self._left += len(strays)
            self._looks_for_what_is_left()
        if not self._done("destroy"):
            return False
        acted.let_the_old_ones_end()
        books = acted.books()
        acted.findings |= acted.auditor.after_destroy(books)
        self._left += len(books.strays - acted.auditor.recorded_before)
        if books.strays:
            acted.put_in_force((), 0.0)
            if not acted.delete_orphans():
                return False
        acted.findings |= acted.auditor.at_the_end(acted.books())
        return True

    def _done(self, command: str) -> bool:
        """Repeats a command until it succeeds, as a user does: at first under the faults, in the end without."""
        acted, plan = self._scene, self._plan
        for number in range(_TRIES_WITH_FAULTS):
            refresh = command == "up" and (number > 0 or plan.refresh_first)
            if self._try_command(command, *(("--refresh",) if refresh else ())):
                return True
        acted.put_in_force((), 0.0)
        acted.let_the_vendor_finish()
        return any(
            self._try_command(command, *(("--refresh",) if command == "up" else ())) for _ in range(_TRIES_WITHOUT)
        )

    def _try_command(self, *arguments: str) -> bool:
        self._scene.unlock()
        before = self._scene.books()
        done: Ended = self._scene.run(*arguments)
        self._repeated += done.code != 0
        if done.code:
            self._minds_refusals(done.text, before)
        return done.code == 0

    def _looks_for_what_is_left(self) -> None:
        """End the purchases that only an error named: the journal is lost."""
        acted = self._scene
        acted.let_the_old_ones_end()
        acted.put_in_force((), 0.0)
        acted.unlock()
        self._ways_on["looked for with orphans"] += 1
        acted.delete_orphans()
        acted.put_in_force(self._plan.faults, self._plan.fault_rate)

    def _minds_refusals(self, text: str, before: Books) -> None:
        """Check that creations were refused rightly; then follow one of the ways on that each text names, drawn."""
        acted = self._scene
        after = acted.books()
        refusals = [
            (refused["name"], refused["text"], ids)
            for refused in _DIAGNOSTICS.finditer(text)
            if (ids := named_in(refused["text"], before.alive.keys() | after.alive.keys()))
        ]
        if not refusals:
            return
        for _, refusal_text, _ in refusals:
            by_state = is_because_of_a_state(refusal_text)
            self._refused["by a pending creation" if by_state else "by an order"] += 1
            if by_state and self._plan.exclusive:
                acted.findings.add(Finding(Kind.REFUSED_ALONE))
            if not before.strays | after.strays:
                acted.findings.add(Finding(Kind.REFUSED_FOR_NOTHING))
        acted.put_in_force((), 0.0)
        acted.let_the_old_ones_end()
        acted.unlock()
        self._follows_ways_on(refusals)

    def _follows_ways_on(self, refusals: Sequence[tuple[str, str, Sequence[str]]]) -> None:
        """Follows the ways on, no two of them for the same instance."""
        acted = self._scene
        running = acted.running_ids()
        done: set[str] = set()
        for name, text, ids in refusals:
            left = sorted((acted.books().strays & set(ids)) - done)
            possible = {"adopt": sorted(running & set(left)), "delete": left, "clear": [""]}
            ways = [way for way in ways_on(text) if possible.get(way)]
            if not ways:
                continue
            way = self._chance.choice(ways)
            chosen = self._chance.choice(possible[way])
            done.add(chosen)
            self._ways_on[way] += 1
            acted.tell(f"way on for {name}: {way} {chosen}")
            if way == "adopt":
                self._program = self._program.adopting(name, chosen)
                acted.program(self._program)
            elif way == "delete":
                acted.delete_orphan(chosen)
            elif acted.clear_pending():
                for stray in sorted(acted.books().strays - done):
                    acted.delete_orphan(stray)

    def _agree(self, books: Books) -> bool:
        return not books.dead_rows and len(books.rows) == self._program.purchases

    def _has_vendor_moved(self) -> bool:
        """Returns whether an instance may have gone without a request of ours."""
        return self._plan.fault_rate > 0

    def _sleep(self, running: Running, seconds: float) -> None:
        running.wait(lambda: False, limit=seconds)

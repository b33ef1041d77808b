"""Cycles of up, refresh and destroy under all faults, without kills, that count the instances that leak."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.books import Finding, Kind
from tests.chaos.clouds import ChaosCloud
from tests.chaos.plan import Fault, Odds, draw_plan
from tests.chaos.program import Entry, Program
from tests.chaos.scene import Scene, scene

_PROGRAM: Final = Program(tuple(Entry(f"n{i}", 4000) for i in range(2)), patience=4)
_TRIES: Final = {"up": 6, "refresh": 2, "destroy": 5}
_QUIET_EVERY: Final = 10
_COMMANDS: Final = 3


@dataclass(frozen=True)
class Cycle:
    """One cycle: commands run, requests sent, real seconds, instances bought, whether `up` succeeded in the end, what
    destroy left, and what went wrong."""

    commands: int
    requests: int
    seconds: float
    bought: int
    up: bool
    left_by_destroy: int
    findings: frozenset[Finding]

    def line(self) -> str:
        """The cycle in a line."""
        wrong = ", ".join(sorted(finding.kind.value for finding in self.findings)) or "ok"
        left = f", destroy left {self.left_by_destroy}" if self.left_by_destroy else ""
        up = "up" if self.up else "never up"
        work = f"{self.commands} commands, {self.requests} requests, {self.bought} bought"
        return f"{work}, {up}, {self.seconds:.1f} s{left}: {wrong}"


@dataclass(frozen=True)
class Outcome:
    """All cycles, those without faults to compare with, how often each fault happened, and what was left in the end."""

    cycles: Sequence[Cycle]
    quiet: Sequence[Cycle]
    happened: Mapping[str, int]
    left: int

    @property
    def leaked(self) -> int:
        """The number of errors: instances that nothing accounts for in the end, doubles, false "gone"."""
        return self.left + sum(finding.kind is not Kind.DEAD_ROW for cycle in self.cycles for finding in cycle.findings)

    def text(self) -> str:
        """For a page."""
        wrong = [finding for cycle in self.cycles for finding in cycle.findings]

        def number(kind: Kind) -> int:
            return sum(finding.kind is kind for finding in wrong)

        def median(cycles: Sequence[Cycle], what: str) -> float:
            return float(statistics.median(getattr(cycle, what) for cycle in cycles))

        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.happened.items()))
        repeated = sum(cycle.commands for cycle in self.cycles) - _COMMANDS * len(self.cycles)
        requests = sum(cycle.requests for cycle in self.cycles)
        more = requests - median(self.quiet, "requests") * len(self.cycles)
        bought, up = sum(cycle.bought for cycle in self.cycles), sum(cycle.up for cycle in self.cycles)
        lines = ["| | with faults | without | ratio |", "|---|---|---|---|"]
        for what, name in (("commands", "commands"), ("requests", "requests"), ("seconds", "seconds")):
            ill, well = median(self.cycles, what), median(self.quiet, what)
            lines.append(f"| {name} per cycle (median) | {ill:.1f} | {well:.1f} | {ill / well:.1f} |")
        return "\n".join(
            [
                *lines,
                "",
                f"{len(self.cycles)} cycles, {bought} instances bought, `up` succeeded in {up} cycles, {repeated} "
                f"commands repeated, {requests} requests ({more:.0f} more than without faults), "
                f"{sum(self.happened.values())} faults ({faults}).",
                "",
                f"Leaked: {self.left}; "
                f'doubles {number(Kind.DOUBLE)}, orphans {number(Kind.ORPHAN)}, false "gone" '
                f"{number(Kind.FALSE_GONE)}, billed after destroy {number(Kind.BILLED)}, not recovered "
                f"{number(Kind.UNRECOVERED)}, hung {number(Kind.HUNG)}. A plain `destroy` left "
                f"{sum(cycle.left_by_destroy for cycle in self.cycles)} for the next `up` to take over.",
            ]
        )


def run(
    pulumi: Path,
    cloud: ChaosCloud,
    number: int,
    rate: float,
    *,
    jobs: int,
    seed: int,
    broken: str,
    say: Callable[[str], None],
) -> Outcome:
    """Run that many cycles, shared among the jobs, each with a stack of its own."""
    with scene(pulumi, seed=0, tell=lambda text: None):
        pass  # `stack init` is run once, before there are threads
    shares = [number // jobs + (job < number % jobs) for job in range(jobs)]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        under_way = [
            pool.submit(_share, pulumi, cloud, share, rate, seed + job, broken, say) for job, share in enumerate(shares)
        ]
        outcomes = [future.result() for future in under_way]
    happened: Counter[str] = Counter()
    for outcome in outcomes:
        happened.update(outcome.happened)
    return Outcome(
        cycles=[cycle for outcome in outcomes for cycle in outcome.cycles],
        quiet=[cycle for outcome in outcomes for cycle in outcome.quiet],
        happened=happened,
        left=sum(outcome.left for outcome in outcomes),
    )


def _share(
    pulumi: Path, cloud: ChaosCloud, number: int, rate: float, seed: int, broken: str, say: Callable[[str], None]
) -> Outcome:
    chance = random.Random(seed)
    happened: Counter[str] = Counter()
    cycles, quiet = [], []
    with scene(pulumi, seed=seed, tell=lambda text: None, cloud=cloud, broken=broken) as acted:
        acted.program(_PROGRAM)
        for done in range(1, number + 1):
            if done % _QUIET_EVERY == 1:  # among the others, so that they are as slow for the same reasons
                quiet.append(_cycle(acted, (), 0.0, Counter()))
            cycle = _cycle(acted, draw_plan(chance.getrandbits(32), Odds(), cloud).faults, rate, happened)
            say(f"{seed} {done:4}: {cycle.line()}")
            cycles.append(cycle)
        left = _left_in_the_end(acted)
    return Outcome(cycles, quiet, happened, left)


def _cycle(acted: Scene, faults: Sequence[Fault], rate: float, happened: Counter[str]) -> Cycle:
    """Runs one cycle; commands that do not succeed under the faults of `rate` are repeated without."""
    began_at, commands, requests, bought = time.monotonic(), acted.commands, _requests(acted), _bought(acted)
    strays = acted.books().strays
    acted.findings.clear()
    acted.put_in_force(faults, rate)
    up = _repeat_until_done(acted, "up", ("--refresh",))
    if up:
        acted.findings |= acted.auditor.after_up(acted.books())
    _repeat_until_done(acted, "refresh", ())
    destroyed = _repeat_until_done(acted, "destroy", ())
    happened.update(dict(zip((fault.kind.value for fault in faults), acted.control.faults().values(), strict=False)))
    acted.put_in_force((), 0.0)
    if not destroyed:
        acted.let_the_vendor_finish()
        destroyed = acted.run("destroy").code == 0
    if not destroyed:
        acted.findings.add(Finding(Kind.UNRECOVERED))
    books = acted.books()
    acted.findings |= acted.auditor.after_destroy(books)
    return Cycle(
        commands=acted.commands - commands,
        requests=_requests(acted) - requests,
        seconds=time.monotonic() - began_at,
        bought=_bought(acted) - bought,
        up=up,
        left_by_destroy=len(books.strays - strays - acted.auditor.recorded_before),
        findings=frozenset(acted.findings),
    )


def _repeat_until_done(acted: Scene, command: str, then: tuple[str, ...]) -> bool:
    """Runs a command until it succeeds, with these arguments from the second time on; False when patience has ended."""
    return any(acted.run(command, *(then if number else ())).code == 0 for number in range(_TRIES[command]))


def _left_in_the_end(acted: Scene) -> int:
    """The instances that still exist after a last `up`, which takes over those it knows of, and a last `destroy`."""
    acted.run("up", "--refresh")
    acted.run("destroy")
    if acted.books().alive:
        acted.delete_orphans()
    return len(acted.books().alive)


def _bought(acted: Scene) -> int:
    return len({entry.instance_id for entry in acted.control.ledger().entries})


def _requests(acted: Scene) -> int:
    return sum(acted.control.requests().counts.values())

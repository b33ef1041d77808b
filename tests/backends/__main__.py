"""Kills `up` while it buys, on each kind of state backend, and counts what was bought twice.

    python -m tests.backends [--rounds 20] [--backends file,s3,postgres] [--jobs 2] [--seed S] [--report FILE]

Every second round loses its journal, as a CI machine does. Each round is one of tests/chaos: the CLI, all that it has
started and the simulator get a SIGKILL in the purchase window, then `up` is repeated until it succeeds, or refuses and
the ways on are taken. The exit code is 1 when anything was bought twice, orphaned, or could not get on.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks.outcome import machine
from benchmarks.stacks import engine
from tests.backends.servers import KINDS, NewBackend
from tests.chaos.books import Kind
from tests.chaos.pace import Pace
from tests.chaos.plan import Command, Death, Moment, Odds, Plan, WayOn, draw_plan, seed_of
from tests.chaos.program import Entry, Program
from tests.chaos.rounds import Result, play
from tests.chaos.scene import scene
from tests.chaos.tally import write_between_marks
from tests.engine.pulumi import hear_interrupts

_WINDOW = {Moment.ORDERED: 3, Moment.ORDERING: 1, Moment.ANSWERED: 2}
_MOST = 3


def main() -> int:
    """Plays all rounds on all backends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="on each backend")
    parser.add_argument("--backends", default=",".join(KINDS), help="with commas between")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at a time")
    parser.add_argument("--seed", type=int, help="of the whole run; a random one if left out")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table into this page, between its marks")
    options = parser.parse_args()
    hear_interrupts()
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    kinds = options.backends.split(",")
    command = f"python -m tests.backends --rounds {options.rounds} --backends {','.join(kinds)} --seed {seed}"
    print(command, flush=True)
    with scene(engine(), seed=0, tell=lambda text: None):
        pass  # `stack init` on a folder is run once, before there are threads
    results = {kind: _rounds(kind, options.rounds, options.jobs, seed) for kind in kinds}
    text = f"`{command}`: {machine()}.\n\n{_table(results)}"
    print(text)
    if options.report:
        write_between_marks(options.report, "backends", text)
    return any(_wrong(result) for rounds in results.values() for result in rounds)


def plan(master: int, number: int) -> Plan:
    """An `up` of up to three instances that is killed while it buys; every second one loses its journal."""
    seed = seed_of(master, number)
    chance = random.Random(seed)
    alike = chance.random() < 0.5
    size = chance.randint(1, _MOST)
    moment = chance.choices(tuple(_WINDOW), weights=tuple(_WINDOW.values()))[0]
    return replace(
        draw_plan(seed, Odds(faults=0.0)),
        before=Program(tuple(Entry(f"n{i}", 4000 if alike else 4000 + 500 * i) for i in range(size))),
        edit=None,
        command=Command.UP,
        death=Death.ALL,
        moment=moment,
        which=chance.randint(1, size),
        hold=chance.uniform(0.05, 0.4) if moment is Moment.ANSWERED else chance.uniform(0.6, 2.5),
        delay=chance.uniform(0.0, 0.25),
        faults_at_death=False,
        lost_journal=number % 2 == 0,
        way_on=WayOn.UP,
    )


def _rounds(kind: str, rounds: int, jobs: int, master: int) -> list[Result]:
    with KINDS[kind]() as new, ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda number: _round(kind, new, master, number), range(1, rounds + 1)))


def _round(kind: str, new: NewBackend, master: int, number: int) -> Result:
    lines: list[str] = []
    result = play(plan(master, number), engine(), Pace(), tell=lines.append, backend=new())
    print(f"{kind:8} {result.line(number)}", flush=True)
    if _wrong(result):
        print("\n".join(lines), flush=True)
    return result


def _wrong(result: Result) -> bool:
    return any(finding.kind is not Kind.DEAD_ROW for finding in result.findings)


def _table(results: dict[str, list[Result]]) -> str:
    columns = ("backend", "kills", "in a purchase window", "journal lost", "refused", "doubles", "orphans", "other")
    rows = [_row(backend, rounds) for backend, rounds in results.items()]
    return "\n".join([f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *rows])


def _row(kind: str, results: Sequence[Result]) -> str:
    kinds = [finding.kind for result in results for finding in result.findings]
    others = [kind for kind in kinds if kind not in (Kind.DOUBLE, Kind.ORPHAN, Kind.DEAD_ROW)]
    cells = (
        kind,
        sum(result.landed for result in results),
        sum(result.in_window > 0 for result in results),
        sum(result.plan.lost_journal for result in results),
        sum(bool(result.refused) for result in results),
        kinds.count(Kind.DOUBLE),
        kinds.count(Kind.ORPHAN),
        len(others),
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main())

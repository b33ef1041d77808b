"""Kills the real CLI, the provider, the simulator, or all of them, at random moments, and compares the books.

    python -m tests.chaos [--rounds 300] [--jobs 2] [--cloud NAME] [--seed S] [--log FILE] [--report FILE]
    python -m tests.chaos --replay SEED
    python -m tests.chaos --break NAME --rounds 100 --until-caught
    python -m tests.chaos --faults-cycles 200

Each round has a seed of its own, which is printed; the odds given must be the same for a replay. The exit code is 1
when an instance was orphaned, bought twice or taken for gone, when a purchase was refused without a reason, or when a
user could not get on: in whatever round, also where the journal was lost.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.outcome import machine
from benchmarks.stacks import engine
from tests.chaos import cycles
from tests.chaos.clouds import CLOUDS, CORTECS
from tests.chaos.pace import Pace
from tests.chaos.plan import Odds, draw_plan, seed_of
from tests.chaos.rounds import Result, play
from tests.chaos.scene import scene
from tests.chaos.tally import Tally, write_between_marks
from tests.engine.pulumi import hear_interrupts

BREAKS = ("id-before-wait", "gone", "intent", "name")


def main() -> int:
    """Plays what was asked for."""
    options = _options()
    hear_interrupts()
    # told to end, it ends as after ^C: the rounds that are under way clear up behind them first
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _log(options.log) as say:
        if options.replay is not None:
            return _replay(options, say)
        if options.faults_cycles:
            return _cycles(options, say)
        return _rounds(options, say)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    odds = Odds()
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2, help="rounds at a time")
    parser.add_argument("--cloud", choices=CLOUDS, default=CORTECS.name, help="cortecs if left out")
    parser.add_argument("--seed", type=int, help="of the whole run; a random one if left out")
    parser.add_argument("--replay", type=int, metavar="SEED", help="one round, with everything it does")
    parser.add_argument("--faults", type=float, metavar="P", help=f"of every fault ({odds.faults}; cycles: 0.1)")
    parser.add_argument("--lost-journal", type=float, default=odds.lost_journal, metavar="P")
    parser.add_argument("--destroy-share", type=float, default=odds.destroy, metavar="P")
    parser.add_argument(
        "--exclusive", type=float, default=odds.exclusive, metavar="P", help="that the account is exclusive"
    )
    parser.add_argument("--faults-cycles", type=int, metavar="N", help="cycles with faults and without deaths instead")
    parser.add_argument("--break", dest="broken", choices=BREAKS, default="", help="switch a protection off")
    parser.add_argument("--until-caught", action="store_true", help="end at the first round that is wrong")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write every line there, too")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table into this page, between its marks")
    return parser.parse_args()


def _odds(options: argparse.Namespace) -> Odds:
    faults = Odds().faults if options.faults is None else options.faults
    return replace(
        Odds(),
        faults=faults,
        lost_journal=options.lost_journal,
        destroy=options.destroy_share,
        exclusive=options.exclusive,
    )


def _replay(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    plan = draw_plan(options.replay, _odds(options), CLOUDS[options.cloud])
    say(f"{plan}\n{plan.cloud.source(plan.program)}")
    result = play(plan, engine(), Pace(), broken=options.broken, tell=say)
    say(result.line(1))
    return 1 if result.failed else 0


def _rounds(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    master = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    options_text = [f"--rounds {options.rounds} --jobs {options.jobs} --seed {master}"]
    odds, default = _odds(options), Odds()
    options_text += [f"--cloud {options.cloud}"] if options.cloud != CORTECS.name else []
    options_text += [f"--faults {odds.faults:g}"] if odds.faults != default.faults else []
    options_text += [f"--lost-journal {odds.lost_journal:g}"] if odds.lost_journal != default.lost_journal else []
    options_text += [f"--destroy-share {odds.destroy:g}"] if odds.destroy != default.destroy else []
    options_text += [f"--exclusive {odds.exclusive:g}"] if odds.exclusive != default.exclusive else []
    options_text += [f"--break {options.broken}"] if options.broken else []
    command = f"python -m tests.chaos {' '.join(options_text)}"
    say(command)
    began_at = time.monotonic()
    results = dict(_play_all(options, master, say))
    took = (time.monotonic() - began_at) / 60
    tally = Tally(list(results.values()))
    ending = f"{len(results)} rounds in {took:.0f} minutes, {tally.failed} of them wrong"
    if tally.failed:
        ending += f", the first one round {min(number for number, result in results.items() if result.failed)}"
    text = f"`{command}`: {ending}. {machine()}.\n\n{tally.table()}"
    say(text)
    if options.report and not options.broken:
        write_between_marks(options.report, "rounds", text)
    return 1 if tally.failed else 0


def _play_all(options: argparse.Namespace, master: int, say: Callable[[str], None]) -> Iterator[tuple[int, Result]]:
    """The results with their numbers, in the order in which rounds end; of one that is wrong, everything it did."""
    pulumi, pace = engine(), Pace()
    with scene(pulumi, seed=0, tell=lambda text: None):
        pass  # `stack init` is run once, before there are threads
    with ThreadPoolExecutor(max_workers=options.jobs) as jobs:
        numbers = iter(range(1, options.rounds + 1))
        under_way: dict[Future[Result], tuple[int, list[str]]] = {}
        stopped = False
        while True:
            while not stopped and len(under_way) < options.jobs and (number := next(numbers, 0)):
                plan = draw_plan(seed_of(master, number), _odds(options), CLOUDS[options.cloud])
                lines: list[str] = []
                doing = jobs.submit(play, plan, pulumi, pace, broken=options.broken, tell=lines.append)
                under_way[doing] = (number, lines)
            if not under_way:
                return
            for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                (number, lines), result = under_way.pop(done), done.result()
                say(result.line(number))
                if result.failed and not options.broken:
                    say("\n".join(lines))
                stopped = stopped or (options.until_caught and result.failed)
                yield number, result


def _cycles(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    rate = 0.1 if options.faults is None else options.faults
    seed = options.seed or 0
    outcome = cycles.run(
        engine(),
        CLOUDS[options.cloud],
        options.faults_cycles,
        rate,
        jobs=options.jobs,
        seed=seed,
        broken=options.broken,
        say=say,
    )
    command = f"python -m tests.chaos --faults-cycles {options.faults_cycles} --seed {seed} --jobs {options.jobs}"
    command += f" --cloud {options.cloud}" if options.cloud != CORTECS.name else ""
    text = f"`{command}`: {machine()}.\n\n{outcome.text()}"
    say(text)
    if options.report:
        write_between_marks(options.report, "cycles", text)
    return 1 if outcome.leaked else 0


@contextmanager
def _log(path: Path | None) -> Iterator[Callable[[str], None]]:
    lock = threading.Lock()
    file = path.open("a") if path else None

    def say(text: str) -> None:
        with lock:
            for out in (sys.stdout, file):
                if out is not None:
                    print(text, file=out, flush=True)

    try:
        yield say
    finally:
        if file is not None:
            file.close()


if __name__ == "__main__":
    sys.exit(main())

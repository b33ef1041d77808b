"""Plays rounds of the life cycle at protocol level: stacks whose commands are killed, answers that get lost, and what a
user does then; then compares the books.

    python -m tests.stateful [--rounds 20000] [--seed S] [--jobs 2] [--cloud NAME] [--lost-journal P] [--log FILE]
    python -m tests.stateful --replay SEED [--lost-journal P]
    python -m tests.stateful --break NAME [--rounds 100] [--until-caught]

A round follows from its seed and the odds: that of the run plus the round's number, printed with whatever is wrong. The
exit code is 1 when something is wrong in a round, and with --break when nothing was.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from tests.clouds.every import EVERY
from tests.stateful.breaks import BREAKS, NEEDED
from tests.stateful.playing import results, theatre_in_memory
from tests.stateful.rounds import Odds, Result, play

_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def main() -> int:
    """Plays what was asked for."""
    options = _options()
    with _log(options.log) as say:
        if options.replay is not None:
            with theatre_in_memory(options.broken, EVERY[options.cloud]) as theatre:
                result = play(theatre, options.replay, _odds(options), tell=say)
            _tell_counts(result.counts, say)
            say(result.line())
            return int(result.failed)
        return _rounds(options, say)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; 0 if left out")
    parser.add_argument("--replay", type=int, metavar="SEED", help="one round, with everything that happens")
    parser.add_argument("--break", dest="broken", choices=BREAKS, default="", help="switch a protection off")
    parser.add_argument("--cloud", choices=EVERY, default="cortecs", help="cortecs if left out")
    parser.add_argument("--lost-journal", type=float, metavar="P", help=f"{Odds().lost_journal} if left out")
    parser.add_argument("--until-caught", action="store_true", help="end at the first round with something wrong")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write every line there, too")
    options = parser.parse_args()
    options.rounds = options.rounds or (100 if options.broken else 20_000)
    return options


def _odds(options: argparse.Namespace) -> Odds:
    odds = NEEDED.get(options.broken, Odds())
    return odds if options.lost_journal is None else replace(odds, lost_journal=options.lost_journal)


def _rounds(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    began_at, counts = time.monotonic(), Counter[str]()
    done, failed = 0, list[Result]()
    say(f"{options.rounds} rounds from seed {options.seed}" + (f", without {options.broken}" * bool(options.broken)))
    seeds = range(options.seed, options.seed + options.rounds)
    for result in results(seeds, jobs=options.jobs, broken=options.broken, odds=_odds(options), cloud=options.cloud):
        done += 1
        counts += result.counts
        if result.findings:
            say(f"round {result.seed - options.seed + 1}, {result.line()}")
        if result.failed:
            failed.append(result)
            if options.until_caught:
                break
    _tell_counts(counts, say)
    took, cpu = time.monotonic() - began_at, sum(sum(resource.getrusage(who)[:2]) for who in _WHO)
    wrong = Counter(finding.wrong.value for result in failed for finding in result.findings)
    say(
        f"{done} rounds in {took:.0f} s, {options.jobs} at a time, {cpu / done * 1000:.1f} ms of CPU each; "
        f"{counts['journal lost']} with a lost journal; wrong in {len(failed)}"
        + "".join(f", {kind}: {wrong[kind]}" for kind in sorted(wrong))
    )
    if options.broken:
        first = min((result.seed for result in failed), default=None)
        say("not caught" if first is None else f"caught in round {first - options.seed + 1}, and in {len(failed)}")
        return int(not failed)
    return int(bool(failed))


def _tell_counts(counts: Counter[str], say: Callable[[str], None]) -> None:
    for name in sorted(counts):
        say(f"{counts[name]:9}  {name}")


@contextmanager
def _log(file: Path | None) -> Iterator[Callable[[str], None]]:
    with ExitStack() as closed:
        log = None if file is None else closed.enter_context(file.open("w", encoding="utf-8"))

        def say(line: str) -> None:
            print(line, flush=True)
            if log is not None:
                print(line, file=log, flush=True)

        yield say


if __name__ == "__main__":
    sys.exit(main())

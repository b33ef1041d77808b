"""Plays boots whose endpoints do not answer, and purchases while prices move, at protocol level.

    python -m tests.promises [--boots 1000] [--purchases 10000] [--seed 0] [--cloud NAME] [--jobs 2]

Each follows from the seed and its number. The exit code is 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.clouds.case import CloudCase
from tests.clouds.every import EVERY
from tests.promises import boots, prices
from tests.promises.boots import Tally

PLAYS: dict[str, Callable[[CloudCase, Path, int, int], Tally]] = {"boots": boots.play, "purchases": prices.play}


def main() -> int:
    """Plays what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boots", type=int, default=1000)
    parser.add_argument("--purchases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cloud", choices=EVERY, default="cortecs")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a seed of its own")
    options = parser.parse_args()
    wrong = 0
    for what in PLAYS:
        if not (number := getattr(options, what)):
            continue
        began, total = time.monotonic(), Tally()
        shares = [number // options.jobs + (job < number % options.jobs) for job in range(options.jobs)]
        with ProcessPoolExecutor(options.jobs) as pool:
            tasks = [
                pool.submit(_play, what, options.cloud, options.seed + job, share) for job, share in enumerate(shares)
            ]
            for task in tasks:
                total.outcomes += task.result().outcomes
                total.wrong += task.result().wrong
        for text in total.wrong[:20]:
            print(text)
        for outcome, count in sorted(total.outcomes.items()):
            print(f"{count:9}  {outcome}")
        print(f"{number} {what} in {time.monotonic() - began:.0f} s; wrong in {len(total.wrong)}")
        wrong += len(total.wrong)
    return int(wrong > 0)


def _play(what: str, cloud: str, seed: int, number: int) -> Tally:
    with tempfile.TemporaryDirectory() as directory:
        return PLAYS[what](EVERY[cloud], Path(directory), seed, number)


if __name__ == "__main__":
    sys.exit(main())

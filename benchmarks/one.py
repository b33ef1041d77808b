"""The duration of everyday commands on a stack of one instance, against the same with a no-op pair.

    python -m benchmarks.one [--rounds 9]

A round runs preview, `up`, `up` without changes, refresh and destroy of both, one after the other, in an order that
turns from round to round; the instance boots at once. The median of the ratios within the rounds counts.

Goals: 1.10, and 1.40 for the `up` that buys: it looks twice at the account and reads the state before it orders.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.noop import noops
from benchmarks.outcome import Outcome, end
from benchmarks.stacks import empty_stack, engine
from pulumi_cortecs.simulator import running
from tests.engine.programs import fleet
from tests.engine.pulumi import Stack

_COMMANDS: Mapping[str, Callable[[Stack], object]] = {
    "preview": lambda stack: stack.preview(),
    "up": lambda stack: stack.up(),
    "up-again": lambda stack: stack.up(),
    "refresh": lambda stack: stack.refresh(),
    "destroy": lambda stack: stack.destroy(),
}
_GOAL, _GOAL_OF_UP = 1.10, 1.40

Seconds = dict[str, float]
"""By command."""


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("at least one round")
    pulumi = engine()
    rounds: list[tuple[Seconds, Seconds]] = []
    for number in range(options.rounds):
        if number % 2:
            pair, instance = _pair(pulumi), _instance(pulumi)
        else:
            instance, pair = _instance(pulumi), _pair(pulumi)
        rounds.append((instance, pair))
        words = (f"{name} {instance[name]:.2f}/{pair[name]:.2f}" for name in _COMMANDS)
        print(f"round {number + 1}, seconds of the instance/of the pair: {', '.join(words)}")
    return end(
        *(
            Outcome(
                name=f"one-{name}",
                ratio=statistics.median(instance[name] / pair[name] for instance, pair in rounds),
                goal=_GOAL_OF_UP if name == "up" else _GOAL,
                command=f"python -m benchmarks.one --rounds {options.rounds}",
                details={"instance": [one[name] for one, _ in rounds], "pair": [other[name] for _, other in rounds]},
            )
            for name in _COMMANDS
        )
    )


def _instance(pulumi: Path) -> Seconds:
    with running(boot=0) as simulator, empty_stack(pulumi, simulator.env()) as stack:
        return _timed(stack, fleet(1))


def _pair(pulumi: Path) -> Seconds:
    with empty_stack(pulumi) as stack:
        return _timed(stack, noops(1, "NoopPair"))


def _timed(stack: Stack, program: str) -> Seconds:
    stack.program(program)
    seconds: Seconds = {}
    for name, run in _COMMANDS.items():
        began = time.monotonic()
        run(stack)
        seconds[name] = time.monotonic() - began
    return seconds


if __name__ == "__main__":
    sys.exit(main())

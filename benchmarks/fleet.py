"""How long `up` takes for N instances that boot T seconds, against the same engine with resources that do nothing.

    python -m benchmarks.fleet [--instances 100] [--boot 10] [--rounds 3]

Prints `fleet ratio=R goal=G calls=C`: R = median up / (T + median up of N no-op resources), alternating; C = list calls
of the last round. The same goes into benchmarks/results/fleet-N.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pulumi_cortecs.simulator import running
from tests.engine.programs import fleet
from tests.engine.pulumi import Stack, new_stack

_ROOT = Path(__file__).parents[1]
_LIST = "GET /api/v1/instances"
_GOAL = 1.3


def noops(size: int) -> str:
    """A program with that many resources that do nothing."""
    return f"from benchmarks.noop import Noop\nfor i in range({size}):\n    Noop(f'n{{i}}')\n"


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=100, metavar="N")
    parser.add_argument("--boot", type=float, default=10.0, metavar="T", help="seconds")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    size, boot = options.instances, options.boot
    command = [sys.executable, str(_ROOT / "tools" / "engine" / "get.py")]
    engine = Path(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
    ours: list[float] = []
    floor: list[float] = []
    calls = 0
    for number in range(options.rounds):
        with _empty_stack(engine, {"PYTHONPATH": str(_ROOT)}) as stack:
            floor.append(_timed_up(stack, noops(size)))
        with running(boot=boot) as simulator, _empty_stack(engine, simulator.env()) as stack:
            ours.append(_timed_up(stack, fleet(size)))
            calls = simulator.control.requests().count(_LIST)
        print(f"round {number + 1}: instances {ours[-1]:.1f} s, no-ops {floor[-1]:.1f} s, {calls} list calls")
    ratio = statistics.median(ours) / (boot + statistics.median(floor))
    result = {"instances": size, "boot": boot, "seconds": ours, "noop_seconds": floor, "ratio": ratio, "calls": calls}
    target = _ROOT / "benchmarks" / "results" / f"fleet-{size}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({**result, "goal": _GOAL}, indent=1) + "\n")
    print(f"fleet-{size} ratio={ratio:.3f} goal={_GOAL} calls={calls}")
    return 0 if ratio <= _GOAL else 1


@contextmanager
def _empty_stack(engine: Path, environment: dict[str, str]) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        home.mkdir()
        stack = new_stack(engine, Path(directory), environment, home)
        # what users have: the schedule and the lag as they come
        for name in ("PULUMI_CORTECS_POLL_INTERVAL", "PULUMI_CORTECS_LIST_LAG"):
            stack.environment.pop(name, None)
        yield stack


def _timed_up(stack: Stack, program: str) -> float:
    stack.program(program)
    started = time.monotonic()
    stack.up()
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())

"""The cost of `from pulumi_cortecs import Instance` for a program that imports pulumi anyway.

    python -m benchmarks.imports [--runs 41]

Each run is an interpreter of its own that times one import; the candidates take turns, and the median of the ratios of
neighbours counts. `import pulumi.dynamic`, which the declaration of any dynamic resource needs, is reported as well.

The same is measured for the imports of a host's first purchase: as they are, without garbage collection, and without
httpx's command line (`quick_imports` of provider/process.py does both).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

from benchmarks.outcome import Outcome, end
from benchmarks.stacks import ROOT

_GOAL = 1.10
_OURS, _PULUMI, _DYNAMIC = "pulumi_cortecs.cortecs.resources", "pulumi", "pulumi.dynamic"
_TIMED = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"
_FIRST_CALL = "pulumi_cortecs.provider.instance, pulumi_cortecs.cortecs.cloud, pulumi_cortecs.cortecs.market"
_PREPARE = "import pulumi.dynamic, gc, sys; "
_HOST = {
    "as they are": "",
    "without garbage collection": "gc.disable(); ",
    "without httpx's command line": "sys.modules['httpx._main'] = None; ",
    "without both": "gc.disable(); sys.modules['httpx._main'] = None; ",
}


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=41, help="of each")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in (_PULUMI, _DYNAMIC, _OURS)}
    for name in seconds:
        _seconds(name)  # compiles what is not compiled yet
    for _ in range(options.runs):
        for name, measured in seconds.items():
            measured.append(_seconds(name))
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    for name, median in medians.items():
        print(f"import {name}: {median * 1000:.1f} ms (median of {options.runs})")
    host: dict[str, list[float]] = {name: [] for name in _HOST}
    for _ in range(options.runs):
        for name, measured in host.items():
            measured.append(_seconds(_FIRST_CALL, _PREPARE + _HOST[name]))
    of_host = {name: statistics.median(measured) for name, measured in host.items()}
    for name, median in of_host.items():
        print(f"imports of a host's first purchase, {name}: {median * 1000:.1f} ms")
    beside_dynamic = _ratio(seconds[_OURS], seconds[_DYNAMIC])
    print(f"against import {_DYNAMIC}: {beside_dynamic:.3f}")
    return end(
        Outcome(
            name="imports",
            ratio=_ratio(seconds[_OURS], seconds[_PULUMI]),
            goal=_GOAL,
            command=f"python -m benchmarks.imports --runs {options.runs}",
            details={"medians": medians, "ratio_to_pulumi_dynamic": beside_dynamic, "first_purchase": of_host},
        )
    )


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def _seconds(name: str, prepare: str = "") -> float:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", prepare + _TIMED.format(name)]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())

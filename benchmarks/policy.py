"""The cost of the pack `guard` in a preview, against the same preview with an empty pack and without a pack.

    python -m benchmarks.policy [--instances 1000] [--rounds 7]

The preview is one of N new instances, 2 N resources, on an empty stack, with every rule of the pack in force and
nothing to be refused. Before anything is measured, limits that are a cent too tight must refuse each of the instances,
and their sum. Each round has one preview without a pack, and a pair, the empty pack and ours, that changes its order
from round to round; the median of the ratios of the pairs counts. The empty pack is one made with pulumi-policy, whose
only policy looks at nothing: it takes no fewer. Any pack at all has a price, since the engine shows it each resource
three times; `to_no_pack` among the details says what that comes to.

The second line is how long our pack takes from its start to its port, against half a second: median of as many starts
as three times the rounds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.outcome import Outcome, end
from benchmarks.stacks import ROOT, empty_stack, engine
from pulumi_cortecs.cost import Money
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.simulator import running
from tests.engine.pulumi import Stack

_GOAL = 1.15
_START_GOAL = 0.5
"""Seconds."""
_GUARD = ROOT / "policies" / "guard"
_RULES = len(PACKS["guard"])
_HOURLY = Money.of("1.20", "EUR")
"""The price of one of the instances in the catalogue."""
_NO_ENGINE = "127.0.0.1:1"
_LOOKS_AT_NOTHING = """
from pulumi_policy import PolicyPack, ResourceValidationPolicy

nothing = ResourceValidationPolicy(name="nothing", description="Looks at nothing.", validate=lambda args, report: None)
PolicyPack("empty", policies=[nothing])
"""


@dataclass(frozen=True)
class _Pack:
    """A folder with a `run`, and its limits. `says` is in the output of every preview that it took part in."""

    folder: Path
    limits: Path
    says: str

    def options(self) -> Iterable[str]:
        return ("--policy-pack", str(self.folder / "run"), "--policy-pack-config", str(self.limits))


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=1000, metavar="N")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    size: int = options.instances
    if size < 1 or options.rounds < 1:
        parser.error("at least one instance and one round")
    none: list[float] = []
    empty: list[float] = []
    guard: list[float] = []
    with running(boot=0) as simulator, empty_stack(engine(), simulator.env()) as stack:
        stack.environment["PULUMI_CORTECS_POLICY_PYTHON"] = sys.executable
        stack.program(_instances(size))
        pair = [(_empty_pack(stack.directory), empty), (_guard_pack(stack.directory), guard)]
        _must_judge(stack, size, pair[1][0])
        for pack in (None, pair[0][0], pair[1][0]):
            _preview(stack, size, pack)  # compiles what is not compiled yet
        for number in range(options.rounds):
            none.append(_preview(stack, size, None))
            for pack, times in pair if number % 2 == 0 else reversed(pair):
                times.append(_preview(stack, size, pack))
            print(f"round {number + 1}: no pack {none[-1]:.2f} s, empty {empty[-1]:.2f} s, guard {guard[-1]:.2f} s")
    starts = [_start(_GUARD / "run") for _ in range(3 * options.rounds)]
    to_no_pack = _ratio(guard, none)
    print(f"against no pack at all: {to_no_pack:.3f} (an empty one: {_ratio(empty, none):.3f})")
    print(f"from the start of the pack to its port: {statistics.median(starts):.3f} s")
    command = f"python -m benchmarks.policy --instances {size} --rounds {options.rounds}"
    return end(
        Outcome(
            name=f"policy-{size}",
            ratio=_ratio(guard, empty),
            goal=_GOAL,
            command=command,
            details={"instances": size, "none": none, "empty": empty, "guard": guard, "to_no_pack": to_no_pack},
        ),
        Outcome(
            name="policy-start",
            ratio=statistics.median(starts) / _START_GOAL,
            goal=1.0,
            command=command,
            details={"allowed": _START_GOAL, "took": sorted(starts)},
        ),
    )


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def _instances(size: int) -> str:
    return (
        "from pulumi_cortecs import Instance\n"
        f"for i in range({size}):\n"
        "    Instance(f'n{i}', model_id='Qwen/Qwen2-7B-Instruct', ttl='8h')\n"
    )


def _must_judge(stack: Stack, size: int, pack: _Pack) -> None:
    """Fails unless the pack refuses each of the instances, and their sum, as soon as one cent is missing."""
    hourly, cent = size * _HOURLY, Money.of("0.01", "EUR")
    tight = {
        "instance-hourly-cap": {"per_hour": [str(_HOURLY - cent)]},
        "stack-hourly-budget": {"per_hour": [str(hourly - cent)]},
    }
    limits = stack.directory / "tight.json"
    limits.write_text(json.dumps({**json.loads(pack.limits.read_text()), **tight}))
    done = stack.preview(*replace(pack, limits=limits).options(), expect=1)
    refused = done.text.count(f"1 x NVIDIA_L4_1 cost {_HOURLY} an hour")
    if refused != size or f"{hourly} an hour" not in done.text:
        raise AssertionError(f"{refused} of {size} instances were refused:\n{done.text[-2000:]}")


def _preview(stack: Stack, size: int, pack: _Pack | None) -> float:
    began = time.monotonic()
    done = stack.preview(*(pack.options() if pack else ()))
    seconds = time.monotonic() - began
    for shown in (f"{2 * size + 1} to create", *([pack.says] if pack else [])):
        if shown not in done.text:
            raise AssertionError(f"{shown!r} is not in the preview:\n{done.text[-2000:]}")
    return seconds


def _start(run: Path) -> float:
    """Seconds from the start of a pack to its port."""
    environment = {"PULUMI_CORTECS_POLICY_PYTHON": sys.executable, "PATH": "/usr/bin:/bin"}
    began = time.monotonic()
    process = subprocess.Popen([run, _NO_ENGINE], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline()
        seconds = time.monotonic() - began
    finally:
        process.kill()
        process.communicate(timeout=10)
    if not port.strip().isdigit():
        raise AssertionError(f"the pack did not start: {port!r}")
    return seconds


def _empty_pack(directory: Path) -> _Pack:
    """A pack made with pulumi-policy, as people make theirs."""
    folder = directory / "empty"
    folder.mkdir()
    shutil.copy(_GUARD / "run", folder / "run")
    (folder / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (folder / "__main__.py").write_text(_LOOKS_AT_NOTHING)
    limits = folder / "limits.json"
    limits.write_text("{}")
    return _Pack(folder, limits, "empty@v0.0.1")


def _guard_pack(directory: Path) -> _Pack:
    """Ours, with limits that allow the whole fleet and leave no rule out."""
    limits = directory / "limits.json"
    demo = json.loads((_GUARD / "limits" / "demo.json").read_text())
    every_rule = {
        "region-allowed": {"allowed": [], "without_region": ["cortecs"]},
        "ttl-required": {"at_most": "8h"},
        "catalogue-fresh": {"warn_after": "99999d", "block_after": "99999d"},
        "stack-hourly-budget": {"per_hour": ["1000000.00 EUR"]},
        "stack-monthly-budget": {"per_month": ["1000000000.00 EUR"]},
    }
    limits.write_text(json.dumps({**demo, **every_rule}))
    return _Pack(_GUARD, limits, f"cortecs-guard: {_RULES} rules in force;")


if __name__ == "__main__":
    sys.exit(main())

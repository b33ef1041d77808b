"""The duration of `up` for N instances that boot T seconds, against the same engine with resources that do nothing.

    python -m benchmarks.fleet [--instances 100] [--boot 10] [--rounds 5] [--clouds cortecs]

Two yardsticks: N resources that do nothing, and N of them with a child each, as an Instance has its Endpoint. A round
runs all three one after the other, in an order that turns from round to round, and has a ratio of its own for each
yardstick, `up of ours / (T + up of the yardstick)`; the median of these ratios counts, because a machine that is busy
for a while is so for a whole round. With a single round, or two, it is only a look.

`calls` are the list calls of the round with the most. Allowed are those of the waiting schedule, one every half second
from the first purchase to the end, and two before it, whatever N is: an account without anything is listed twice.

Goals: 1.10 and 1.05 up to N = 100; beyond that 1.35 and 1.05, because the engine writes its whole state at each step.

With several clouds (`--clouds cortecs,shadeform,gcore`) N is that of all of them, in turn, and each cloud's waits share
one list of its own; only the second yardstick counts, and the goal is 1.15.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.noop import noops
from benchmarks.outcome import Outcome, end
from benchmarks.stacks import empty_stack, engine, timed_up
from pulumi_cortecs.simulator import running

_LISTS = {
    "cortecs": "GET /api/v1/instances",
    "shadeform": "GET /v1/instances",
    "gcore": "GET /cloud/v3/inference/{project_id}/deployments",
}
"""The list that the waits of a cloud share."""
_PROGRAM = """
from pulumi_cortecs import Instance, gcore, shadeform

served = {"image": "vllm/vllm-openai:latest"}
container = {**served, "args": "--model q/w", "port_mappings": [{"host_port": 8000, "container_port": 8000}]}
place = {"cloud": "massedcompute", "region": "kansascity-usa-1", "shade_instance_type": "A6000"}
regions = [gcore.Container(region_id="luxembourg-1", scale=gcore.Scale(min=1, max=1))]

def rent_cortecs(name):
    Instance(name, model_id="Qwen/Qwen2-7B-Instruct")

def rent_shadeform(name):
    shadeform.Instance(name, **place, launch_configuration={"docker_configuration": container})

def rent_gcore(name):
    gcore.InferenceDeployment(
        name, **served, flavor_name="inference-4vcpu-16gib", listening_port=8000, containers=regions
    )
"""
_LOOK_EVERY = 0.5
_LONGEST_BOOT = 25.0
"""Seconds; from an age of 30 on the schedule is another one."""


@dataclass(frozen=True)
class _Parts:
    """Seconds of one `up` of ours, by the ledger of its first cloud: to the first purchase, from there to the last one,
    the boot of that last one, and what came after it."""

    to_first_purchase: float
    purchases: float
    last_boot: float
    rest: float


@dataclass(frozen=True)
class _Round:
    """Seconds that each of the three took; list calls made, and the most that the schedule allows."""

    noops: float
    pairs: float
    ours: float
    parts: _Parts
    calls: int
    calls_allowed: int


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=100, metavar="N")
    parser.add_argument("--boot", type=float, default=10.0, metavar="T", help="seconds, at most 25")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clouds", default="cortecs", help=f"with commas between: {', '.join(_LISTS)}")
    options = parser.parse_args()
    size, boot, clouds = options.instances, options.boot, options.clouds.split(",")
    if not set(clouds) <= set(_LISTS):
        parser.error(f"--clouds: got {options.clouds}; allowed are {', '.join(_LISTS)}")
    if size < 1 or options.rounds < 1 or not 0 <= boot <= _LONGEST_BOOT:
        parser.error(f"at least one instance and one round, and a boot of 0 to {_LONGEST_BOOT:g} seconds")
    pulumi, rounds = engine(), []
    for number in range(options.rounds):
        rounds.append(_round(pulumi, size, boot, number, clouds))
        print(f"round {number + 1}: {_in_words(rounds[-1])}")
    most = max(rounds, key=lambda fleet_round: fleet_round.calls - fleet_round.calls_allowed)
    details = {
        "instances": size,
        "boot": boot,
        "ours": [fleet_round.ours for fleet_round in rounds],
        "noops": [fleet_round.noops for fleet_round in rounds],
        "pairs": [fleet_round.pairs for fleet_round in rounds],
        "parts": [asdict(fleet_round.parts) for fleet_round in rounds],
    }
    command = f"python -m benchmarks.fleet --instances {size} --boot {boot:g} --rounds {options.rounds}"
    calls = {"calls": most.calls, "calls_allowed": most.calls_allowed}
    to_pairs = statistics.median(fleet_round.ours / (boot + fleet_round.pairs) for fleet_round in rounds)
    if len(clouds) > 1:
        command = f"{command} --clouds {options.clouds}"
        return end(Outcome(f"fleet-{size}-clouds", to_pairs, 1.15, command, **calls, details=details))
    return end(
        Outcome(name=f"fleet-{size}-pairs", ratio=to_pairs, goal=1.05, command=command, details=details),
        Outcome(
            name=f"fleet-{size}",
            ratio=statistics.median(fleet_round.ours / (boot + fleet_round.noops) for fleet_round in rounds),
            goal=1.10 if size <= 100 else 1.35,
            command=command,
            details=details,
            **calls,
        ),
    )


def _fleet(size: int, clouds: Sequence[str]) -> str:
    """A program with that many instances, at each of the clouds in turn."""
    rent = "".join(f"rent_{clouds[number % len(clouds)]}('n{number}')\n" for number in range(size))
    return f"{_PROGRAM}\n{rent}"


def _round(pulumi: Path, size: int, boot: float, number: int, clouds: Sequence[str]) -> _Round:
    idle: dict[str, float] = {}
    order = ("Noop", "NoopPair", "Instance")
    for kind in order[number % 3 :] + order[: number % 3]:
        if kind != "Instance":
            with empty_stack(pulumi) as stack:
                idle[kind] = timed_up(stack, noops(size, kind))
            continue
        with running(boot=boot) as simulator, empty_stack(pulumi, simulator.env()) as stack:
            began = simulator.control.clock().now
            ours = timed_up(stack, _fleet(size, clouds))
            ledger, requests = simulator.control.ledger(), simulator.control.requests()
            calls = max(requests.count(_LISTS[cloud]) for cloud in clouds)
    if len(ledger.entries) != size:
        raise AssertionError(f"{len(ledger.entries)} instances were bought, not {size}")
    bought = [entry.started_at for entry in ledger.entries if entry.cloud == clouds[0]]
    first, last = (min(bought) - began).total_seconds(), (max(bought) - began).total_seconds()
    return _Round(
        noops=idle["Noop"],
        pairs=idle["NoopPair"],
        ours=ours,
        parts=_Parts(first, last - first, boot, ours - last - boot),
        calls=calls,
        # two before the purchases, one at their beginning, and then one per interval
        calls_allowed=3 + math.ceil((ours - first) / _LOOK_EVERY),
    )


def _in_words(done: _Round) -> str:
    parts = ", ".join(f"{name.replace('_', ' ')} {seconds:.2f}" for name, seconds in asdict(done.parts).items())
    return (
        f"instances {done.ours:.2f} s ({parts}), no-ops {done.noops:.2f} s, pairs {done.pairs:.2f} s, "
        f"{done.calls} of {done.calls_allowed} list calls"
    )


if __name__ == "__main__":
    sys.exit(main())

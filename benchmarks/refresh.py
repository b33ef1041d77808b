"""The duration of a refresh of N instances, against a refresh of as many rows that do nothing.

    python -m benchmarks.refresh [--instances 1000] [--rounds 5]

N instances are 2 N rows, an Instance and its Endpoint each; the yardstick is 2 N resources with five small properties
whose `read` hands back what it was given. A second yardstick, `refresh-N-alike`, has the very properties of ours: what
is left then is our own doing, the rest the engine's for each property. Rounds take turns; the median of the ratios
within the rounds counts.

A stack of a thousand instances takes minutes to `up`, nearly all of it the engine writing its state, so these are
filled otherwise: one instance is bought by a real `up`, the others directly at the simulator, and the state is that of
the `up` with the rows copied, each copy with the name, id, address and times of an instance that exists. The refresh
cannot tell: it finds every row true, which `--expect-no-changes` proves.

`calls` are the list calls of one refresh; allowed is one per page, and the simulator's pages hold everything.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pulumi.dynamic.dynamic import serialize_provider

from benchmarks.noop import AlikeProvider, noops
from benchmarks.outcome import Outcome, end
from benchmarks.stacks import empty_stack, engine
from pulumi_cortecs.simulator import Simulator, running
from tests.engine.programs import fleet
from tests.engine.pulumi import Stack

_GOAL = 1.2
_LIST = "GET /api/v1/instances"
_OURS = "pulumi-python:dynamic/cortecs:"

Row = dict[str, Any]


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=1000, metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    size: int = options.instances
    pulumi = engine()
    with (
        running(boot=0) as simulator,
        empty_stack(pulumi, simulator.env()) as instances,
        empty_stack(pulumi) as idle,
        empty_stack(pulumi) as alike,
    ):
        _fill_with_instances(instances, simulator, size)
        _fill_with_noops(idle, 2 * size)
        _fill_with_alikes(alike, instances)
        ours: list[float] = []
        theirs: list[float] = []
        alikes: list[float] = []
        calls: list[int] = []
        turns = [(instances, ours), (idle, theirs), (alike, alikes)]
        for number in range(options.rounds):
            before = simulator.control.requests().count(_LIST)
            for stack, times in turns[number % 3 :] + turns[: number % 3]:
                times.append(_timed_refresh(stack))
            calls.append(simulator.control.requests().count(_LIST) - before)
            print(
                f"round {number + 1}: instances {ours[-1]:.2f} s, no-ops {theirs[-1]:.2f} s, "
                f"alike {alikes[-1]:.2f} s, {calls[-1]} list calls"
            )
    end(
        Outcome(
            name=f"refresh-{size}-alike",
            ratio=statistics.median(one / other for one, other in zip(ours, alikes, strict=True)),
            goal=_GOAL,
            command=f"python -m benchmarks.refresh --instances {size} --rounds {options.rounds}",
            details={"instances": size, "ours": ours, "alikes": alikes},
        )
    )
    return end(
        Outcome(
            name=f"refresh-{size}",
            ratio=statistics.median(one / other for one, other in zip(ours, theirs, strict=True)),
            goal=_GOAL,
            command=f"python -m benchmarks.refresh --instances {size} --rounds {options.rounds}",
            calls=max(calls),
            calls_allowed=1,
            details={"instances": size, "ours": ours, "noops": theirs},
        )
    )


def _timed_refresh(stack: Stack) -> float:
    began = time.monotonic()
    stack.refresh("--expect-no-changes")
    return time.monotonic() - began


def _fill_with_instances(stack: Stack, simulator: Simulator, size: int) -> None:
    stack.program(fleet(1))
    stack.up()
    (bought,) = stack.instance_ids()
    with simulator.client() as client:
        order = {"model_id": "Qwen--Qwen2-7B-Instruct"}
        for _ in range(size - 1):
            client.post("/instances/start", json=order).raise_for_status()
        shown = client.get("/instances").raise_for_status().json()["instances"]
    others = [instance_json for instance_json in shown if instance_json["instance_id"] != bought]

    def copies(templates: list[Row]) -> Iterable[Row]:
        for number, instance in enumerate(others, start=1):
            for template in templates:
                yield _copy(template, number, bought, instance)

    _multiply(stack, _OURS, copies)


def _fill_with_noops(stack: Stack, size: int) -> None:
    stack.program(noops(1))
    stack.up()

    def copies(templates: list[Row]) -> Iterable[Row]:
        return (_rename_instance(template, number) for number in range(1, size) for template in templates)

    _multiply(stack, "pulumi-python:dynamic/benchmarks:", copies)


def _fill_with_alikes(stack: Stack, ours: Stack) -> None:
    file = ours.directory / "deployment.json"
    exported = json.loads(file.read_text())
    theirs = {row["inputs"]["__provider"] for row in exported["deployment"]["resources"] if _OURS in row["type"]}
    text = json.dumps(exported).replace(_OURS, "pulumi-python:dynamic/benchmarks:")
    for pickled in theirs:
        text = text.replace(pickled, serialize_provider(AlikeProvider()))
    target = stack.directory / "deployment.json"
    target.write_text(text)
    stack.run("stack", "import", "--file", str(target))


def _multiply(stack: Stack, types: str, copies: Callable[[list[Row]], Iterable[Row]]) -> None:
    """Adds copies of the rows of these types to the stack's state."""
    file = stack.directory / "deployment.json"
    stack.run("stack", "export", "--file", str(file))
    exported = json.loads(file.read_text())
    rows: list[Row] = exported["deployment"]["resources"]
    rows.extend(copies([row for row in rows if row["type"].startswith(types)]))
    file.write_text(json.dumps(exported))
    stack.run("stack", "import", "--file", str(file))


def _copy(template: Row, number: int, bought: str, instance: Mapping[str, Any]) -> Row:
    """The row of another instance: its id wherever that of the bought one stands, in the address too."""
    row = _rename_instance(json.loads(json.dumps(template).replace(bought, instance["instance_id"])), number)
    if row["type"].endswith(":Endpoint"):
        row["id"] = uuid.uuid4().hex
        row["outputs"]["started_at"] = instance["instance_status"]["started_at"]
    return row


def _rename_instance(template: Row, number: int) -> Row:
    renamed: Row = json.loads(json.dumps(template).replace('::n0"', f'::n{number}"'))
    return renamed


if __name__ == "__main__":
    sys.exit(main())

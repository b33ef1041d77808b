"""The diagrams of docs/how-it-works.md: the real engine makes these calls, and they cause these requests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

from pulumi_cortecs.simulator import Simulator
from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack

PAGE = (Path(__file__).parents[2] / "docs" / "how-it-works.md").read_text(encoding="utf-8")
URN = "urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat"
PROVIDER = "/pulumirpc.ResourceProvider/"


def drawn(heading: str) -> tuple[list[str], set[str]]:
    """The calls of the diagram below a heading, in their order, and the requests."""
    (diagram,) = re.findall(rf"^### {re.escape(heading)}$\n\n```text\n(.*?)^```$", PAGE, re.M | re.S)
    calls = re.findall(r"^\|-- ((?:Instance|Endpoint) \w+(?: again)?) -*>", diagram, re.M)
    return calls, set(re.findall(r" \|-- ([A-Z]+ /\S+) -*>", diagram))


def called(log: Path) -> list[str]:
    """The engine's calls of our providers, in their order; a second Check of one resource is "Check again" when it has
    no old inputs."""
    calls: list[str] = []
    for line in log.read_text().splitlines():
        entry: dict[str, Any] = json.loads(line)
        request, method = entry.get("request") or {}, entry["method"].removeprefix(PROVIDER)
        kind = str(request.get("urn", "")).split("::")[2:3]
        if method == entry["method"] or entry["progress"] != "request_started" or not kind or "cortecs" not in kind[0]:
            continue
        call = f"{kind[0].rpartition(':')[2]} {method}"
        calls.append(f"{call} again" if method == "Check" and call in calls and not request.get("olds") else call)
    return calls


def by_resource(calls: list[str]) -> dict[str, list[str]]:
    """The same for each resource by itself."""
    ordered = sorted(calls, key=lambda call: call.split()[0])
    return {kind: list(calls) for kind, calls in groupby(ordered, key=lambda call: call.split()[0])}


def test_the_engine_makes_the_calls_of_the_diagrams_and_they_the_requests(
    stack: Stack, simulator: Simulator, tmp_path: Path
) -> None:
    def observe_calls(command: Callable[..., object], *arguments: str) -> tuple[list[str], set[str]]:
        log = tmp_path / f"{len(list(tmp_path.glob('*.jsonl')))}.jsonl"
        stack.environment["PULUMI_DEBUG_GRPC"] = str(log)
        before = dict(simulator.control.requests().counts)
        command(*arguments)
        counts = simulator.control.requests().counts
        sent = {route for route, count in counts.items() if count > before.get(route, 0)}
        requests = {route.replace("/api/v1", "").replace("/serve/{instance_id}", "") for route in sent}
        return called(log), requests

    stack.program(one_instance())
    assert observe_calls(stack.up) == drawn("A purchase")

    # the two resources are read side by side, so only the order within each of them is certain
    refreshed, shown = observe_calls(stack.refresh), drawn("A refresh without changes")
    assert (by_resource(refreshed[0]), refreshed[1]) == (by_resource(shown[0]), shown[1])

    (instance_id,) = stack.instance_ids()
    simulator.control.stop(instance_id)
    repaired, shown = (
        observe_calls(stack.up, "--refresh"),
        drawn("A repair: `pulumi up --refresh` after a stop elsewhere"),
    )
    assert (by_resource(repaired[0]), repaired[1]) == (by_resource(shown[0]), shown[1])
    program_runs = shown[0].index("Instance Check")
    assert repaired[0][program_runs:] == shown[0][program_runs:]

    # an answer counts at once if the instance has been silent since the restart
    simulator.control.fault("not_answering", path="/instances/restart", seconds=60)
    stack.program(one_instance("restart_trigger='again'"))
    assert observe_calls(stack.up) == drawn("A change in place")

    stack.program(one_instance("num_workers=2"))
    assert observe_calls(stack.up) == drawn("A replacement")

    stack.program(one_instance(options="delete_before_replace=True"))
    assert observe_calls(stack.up) == drawn("A replacement with `delete_before_replace`")

    # not drawn: no diff, and one check as of a new instance, so that kept arguments are chosen again
    stack.program(one_instance())
    simulator.control.recommend("Qwen--Qwen2-7B-Instruct", "NVIDIA_L40S_1")
    calls, _ = observe_calls(stack.up, "--replace", URN)
    assert by_resource(calls)["Instance"] == ["Instance Check", "Instance Create", "Instance Delete"]
    assert stack.outputs()["hardware_type_id"] == "NVIDIA_L40S_1"

    assert observe_calls(stack.destroy) == drawn("A destroy")
    assert len(re.findall("^```text$", PAGE, re.M)) == len(list(tmp_path.glob("*.jsonl"))) - 1


def test_a_replaced_target_ends_before_the_new_instance_answers(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (old,) = stack.instance_ids()
    simulator.control.pause()
    stack.program(one_instance("num_workers=2"))
    stack.up("--target", URN)
    ((new, status),) = [(instance.instance_id, instance.status) for instance in simulator.control.instances()]
    assert (new != old, status) == (True, "pending")
    assert stack.outputs()["base_url"].endswith(f"/serve/{old}/v1")
    simulator.control.resume()
    stack.up()
    assert stack.outputs()["base_url"].endswith(f"/serve/{new}/v1")

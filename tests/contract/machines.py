"""Machines of the simulated Shadeform: what programs order, and what the vendor has of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from pulumi_cortecs.simulator import Simulator
from pulumi_cortecs.simulator.shadeform.storage import MANAGED_ID
from tests.clouds.shadeform import SHADEFORM
from tests.contract.host import Host, Made, Resource
from tests.contract.proxy import Answer

MARKER: Final = "the-marker-of-a-secret"
"""In each value of a program that is to be secret."""
CASE: Final = SHADEFORM
CREATE, INFO, LIST = CASE.order, CASE.one, CASE.list
TYPES: Final = "GET /v1/instances/types"
UPDATE: Final = "POST /v1/instances/{instance_id}/update"
RESTART: Final = "POST /v1/instances/{instance_id}/restart"
PLACE: Final = {"cloud": "hyperstack", "region": "montreal-canada-2", "shade_instance_type": "A6000"}
BARE_TEMPLATE: Final = "5f0d3b52-7a3c-4c8e-9d1e-2b7f6a1c0e02"
FACTS: Final = Path(__file__).parents[2] / "docs/apis/shadeform.md"

DOCKER: Final[Mapping[str, Any]] = {
    "image": "vllm/vllm-openai:latest",
    "args": f"--model Qwen/Qwen2.5-0.5B-Instruct --served-model-name {MARKER}-args",
    "shared_memory_in_gb": 8,
    "envs": {"HF_TOKEN": f"{MARKER}-docker-env"},
    "port_mappings": [{"host_port": 8000, "container_port": 80}],
    "volume_mounts": [{"host_path": "/data", "container_path": "/models"}],
    "registry_credentials": {"username": "reader", "password": f"{MARKER}-password"},
}
LAUNCHED: Final[Mapping[str, Any]] = {"launch_configuration": {"docker_configuration": DOCKER}}
SCRIPTED: Final[Mapping[str, Any]] = {
    "launch_configuration": {"script_configuration": {"script": f"#!/bin/sh\necho {MARKER}-script é\n"}}
}


def full_program(simulator: Simulator, **more: Any) -> dict[str, Any]:
    """A program that sets every argument of an order, on a volume that it makes."""
    with simulator.shadeform_client() as api:
        size = {"cloud": PLACE["cloud"], "region": PLACE["region"], "size_in_gb": 10, "name": "data"}
        volume_id = api.post("/volumes/create", json=size).raise_for_status().json()["id"]
    return {
        **PLACE,
        "name": "full",
        "shade_cloud": True,
        "os": "ubuntu24.04_cuda12.4_shade_os",
        "template_id": BARE_TEMPLATE,
        "ssh_key_id": MANAGED_ID,
        "volume_ids": [volume_id],
        "volume_mount": {"auto": True},
        "envs": {"TOKEN": f"{MARKER}-env"},
        **LAUNCHED,
        "auto_delete": {"date_threshold": "2099-01-02T03:04:05Z", "spend_threshold": "25.5"},
        "alert": {"date_threshold": "2099-01-01T03:04:05+02:00", "spend_threshold": "20"},
        "tags": ["team-a", "blue"],
        **more,
    }


def machine(host: Host, name: str | None = None) -> Resource:
    """An Instance of Shadeform."""
    return host.instance(name, of=CASE)


def endpoint(host: Host, name: str | None = None) -> Resource:
    """An Endpoint of Shadeform."""
    return host.endpoint(name, of=CASE)


def waiting(made: Made, **more: Any) -> dict[str, Any]:
    """The inputs of the Endpoint of an Instance."""
    passed_on = {key: made.outs[key] for key in ("endpoint_port", "ready", "ready_path") if key in made.outs}
    wait = {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20}
    return {**wait, **passed_on, **more}


def at_vendor(simulator: Simulator, instance_id: str) -> Mapping[str, Any]:
    """An instance as the vendor has it."""
    (found,) = [one for one in simulator.control.instances() if one.instance_id == instance_id]
    return found.answer


def change_at_vendor(simulator: Simulator, instance_id: str, **changes: Any) -> None:
    """Changes an instance as somebody does in the vendor's console."""
    with simulator.shadeform_client() as api:
        api.post(f"/instances/{instance_id}/update", json=changes).raise_for_status()


def count(simulator: Simulator, *routes: str) -> Callable[[], tuple[int, ...]]:
    """Counts requests from now on."""
    before = _counts(simulator, routes)
    return partial(_difference, simulator, routes, before)


def with_fields(answer: Answer, **fields: Any) -> Answer:
    """An answer with other fields of each instance."""
    for row in answer.body.get("instances", [answer.body] if "status" in answer.body else []):
        row.update(fields)
    return answer


def documented(heading: str) -> list[str]:
    """The fields of the table under a heading of the page of facts."""
    section = FACTS.read_text(encoding="utf-8").split(f"# {heading}\n")[1].split("\n#")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def up(resource: Resource, made: Made, program: Mapping[str, Any]) -> Made:
    """An `up` that changes a resource in place."""
    checked = resource.check(program, inputs_of(made))
    assert checked.failures == ()
    difference = resource.diff(made.outs, checked.inputs, made.id)
    assert (difference.changes, difference.replaces) == (None, ())
    return resource.update(made, checked.inputs)


def inputs_of(made: Made) -> dict[str, Any]:
    """The inputs that a state holds of an Instance."""
    return {key: value for key, value in made.outs.items() if key in CASE.kind().inputs}


def _counts(simulator: Simulator, routes: tuple[str, ...]) -> tuple[int, ...]:
    requests = simulator.control.requests()
    return tuple(requests.count(route) for route in routes)


def _difference(simulator: Simulator, routes: tuple[str, ...], before: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(now - then for now, then in zip(_counts(simulator, routes), before, strict=True))

"""Changes in place of Gcore's deployments on the real CLI, under packs: judged by what the simulator was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pulumi_cortecs.simulator import Simulator
from tests.engine.pulumi import Stack
from tests.policy.attempts import Attempts
from tests.policy.conftest import ENGINE, POLICIES, Guarded

pytestmark = ENGINE

PROGRAM: Final = """
import pulumi
from pulumi import Output, ResourceOptions as Opts
from pulumi_cortecs import gcore
from pulumi_cortecs.gcore import Container, Scale

L40S, H100 = "inference-16vcpu-232gib-1xl40s-48gb", "inference-16vcpu-232gib-1xh100-80gb"

def deploy(most=1, region="luxembourg-1", flavor=L40S, opts=None, **more):
    containers = [Container(region_id=region, scale=Scale(min=0, max=most))]
    gcore.InferenceDeployment(
        "chat",
        opts,
        **{"flavor_name": flavor, "image": "vllm/vllm-openai:latest", "listening_port": 8000, "containers": containers,
           "ttl": "8h", "ready": "status", **more},
    )
"""
CHANGES: Final[Mapping[str, str]] = {
    "more replicas as a secret, while it stops": "deploy(Output.secret(5), state='stopped')",
    "a region by its number": "deploy(region=26)",
    "replicas that the plan does not show": "deploy(1 if pulumi.runtime.is_dry_run() else 5)",
    "replicas that are ignored": "deploy(5, opts=Opts(ignore_changes=['containers']))",
}
"""By name, the program to which a deployment is to be changed, each of which is to be refused."""
PATCH: Final = "PATCH /cloud/v3/inference/{project_id}/deployments/{name}"


def test_no_change_in_place_gets_past_the_packs(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    guard = Guarded(stack, ((POLICIES / "guard", POLICIES / "guard" / "limits" / "demo-gcore.json"),))
    stack.program(f"{PROGRAM}deploy()\n")
    guard.up(expect=0)
    for name, change in CHANGES.items():
        stack.program(f"{PROGRAM}{change}\n")
        run = guard.up(expect=None)
        assert "[mandatory]" in run.text, run.text  # and no mistake of the program
        patched = any(route.startswith("PATCH ") for route in simulator.control.requests().counts)
        attempts.tried(f"Gcore, in place on the engine: {name}", through=run.code == 0 or patched)
    stack.program(f"{PROGRAM}deploy(2, region=7)\n")
    assert guard.up(expect=0).code == 0
    assert simulator.control.requests().counts[PATCH] == 1

"""Instance.get: looking at an instance with another owner."""

from __future__ import annotations

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import bought
from tests.engine.pulumi import Stack


def looking_at(instance_id: str) -> str:
    return (
        "import pulumi\nfrom pulumi_cortecs import Instance\n"
        f"found = Instance.get('found', '{instance_id}')\n"
        "for name in ('base_url', 'status', 'hardware_type_id', 'num_workers', 'quote', 'state', 'model_id'):\n"
        "    pulumi.export(name, getattr(found, name))\n"
    )


def test_what_somebody_else_owns_can_be_looked_at_and_is_left_alone(stack: Stack, simulator: Simulator) -> None:
    theirs = bought(simulator, hardware_type_id="NVIDIA_L4_2", num_workers=2)
    stack.program(looking_at(theirs.id))
    stack.preview()
    stack.up()
    outputs = stack.outputs()
    assert outputs["base_url"].endswith(f"/serve/{theirs.id}/v1")
    assert (outputs["hardware_type_id"], outputs["num_workers"], outputs["status"]) == ("NVIDIA_L4_2", 2, "running")
    assert outputs["quote"]["hourly_total"] == "4.80"
    stack.preview("--expect-no-changes")
    stack.drift(expect=0)
    simulator.control.stop(theirs.id)
    stack.up("--refresh")
    assert (stack.outputs().get("base_url"), stack.outputs()["state"]) == (None, "stopped")
    assert [instance.status for instance in simulator.control.instances()] == ["stopped"]
    stack.destroy()
    assert [instance.instance_id for instance in simulator.control.instances()] == [theirs.id]


def test_what_somebody_else_owns_is_not_ended_by_a_wait_that_gives_up(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot")
    theirs = bought(simulator)
    stack.program(
        "import pulumi\nfrom pulumi_cortecs import Instance\n"
        f"opts = pulumi.ResourceOptions(id='{theirs.id}', custom_timeouts=pulumi.CustomTimeouts(create='1s'))\n"
        "Instance('theirs', opts, model_id='Qwen/Qwen2-7B-Instruct', on_timeout='delete')\n"
    )
    assert "was not ready within 1 s" in stack.up(expect=1).text
    assert [instance.instance_id for instance in simulator.control.instances()] == [theirs.id]


def test_an_id_that_does_not_exist_is_an_error(stack: Stack) -> None:
    stack.program(looking_at("no-such-id"))
    text = stack.up(expect=1).text
    assert "Cortecs instance 'no-such-id' does not exist in this account" in text
    assert "Traceback" not in text

"""`preview --save-plan` and `up --plan`: what was reviewed is what is bought, at the price that was shown."""

from __future__ import annotations

import json
from typing import Any

from pulumi_cortecs.simulator import Simulator
from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack


def planned(stack: Stack) -> dict[str, Any]:
    """What a plan made now says of each resource, less the engine's random seeds."""
    path = stack.directory / "plan.json"
    stack.preview("--save-plan", str(path))
    plans: dict[str, Any] = json.loads(path.read_text())["resourcePlans"]
    return {urn: {key: value for key, value in plan.items() if key != "seed"} for urn, plan in plans.items()}


def up_to_plan(stack: Stack, expect: int = 0) -> str:
    """Carries out the plan that was made last."""
    return stack.up("--plan", str(stack.directory / "plan.json"), expect=expect).text


def of_the_instance(plans: dict[str, Any]) -> str:
    """The plan of "chat" as text, less its provider: to an id that is not known yet each plan gives one of its own."""
    (plan,) = (plan for urn, plan in plans.items() if urn.endswith("cortecs:Instance::chat"))
    plan["goal"].pop("provider")
    return json.dumps(plan, sort_keys=True)


def test_two_plans_of_one_market_are_the_same_and_either_is_carried_out(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    first = of_the_instance(planned(stack))
    assert '"hourly_total": "1.20"' in first
    assert of_the_instance(planned(stack)) == first
    assert simulator.control.instances() == ()
    up_to_plan(stack)
    assert stack.outputs()["status"] == "running"
    stack.program(one_instance("num_workers=2"))
    planned(stack)
    up_to_plan(stack)
    (instance,) = simulator.control.instances()
    assert instance.num_workers == 2
    stack.drift(expect=0)


def test_a_price_that_moved_breaks_the_plan_of_a_purchase(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    planned(stack)
    simulator.control.reprice("NVIDIA_L4_1", "2.40")
    text = up_to_plan(stack, expect=1)
    assert "violates plan" in text
    assert "quote" in text
    assert simulator.control.instances() == ()
    planned(stack)
    up_to_plan(stack)
    assert stack.outputs()["quote"]["hourly_total"] == "2.40"


def test_so_it_does_for_a_replacement_and_for_starting_again(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (instance_id,) = stack.instance_ids()
    stack.program(one_instance("num_workers=2"))
    planned(stack)
    simulator.control.reprice("NVIDIA_L4_1", "2.40")
    assert "violates plan" in up_to_plan(stack, expect=1)
    assert [instance.instance_id for instance in simulator.control.instances()] == [instance_id]
    stack.program(one_instance("state='stopped'"))
    stack.up()
    stack.program(one_instance())
    planned(stack)
    simulator.control.reprice("NVIDIA_L4_1", "3.60")
    assert "violates plan" in up_to_plan(stack, expect=1)
    assert [instance.status for instance in simulator.control.instances()] == ["stopped"]
    assert simulator.control.ledger().open == ()


def test_a_price_that_moved_is_no_matter_to_the_plan_of_what_runs(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (instance_id,) = stack.instance_ids()
    stack.program(one_instance("restart_trigger='again'"))
    first = planned(stack)
    simulator.control.reprice("NVIDIA_L4_1", "2.40")
    assert planned(stack) == first
    up_to_plan(stack)
    assert stack.instance_ids() == {instance_id}
    assert stack.outputs()["quote"]["hourly_total"] == "1.20"
    simulator.control.reprice("NVIDIA_L4_1", "3.60")
    planned(stack)
    up_to_plan(stack)  # nothing is to be done, and nothing is
    stack.program(one_instance("restart_trigger='again', state='stopped'"))
    planned(stack)
    simulator.control.reprice("NVIDIA_L4_1", "4.80")
    up_to_plan(stack)
    assert [instance.status for instance in simulator.control.instances()] == ["stopped"]

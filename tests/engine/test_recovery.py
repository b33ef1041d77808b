"""Killed between the vendor's answer and the state: the next `up` goes on with what was bought."""

from __future__ import annotations

import time

from pulumi_cortecs.simulator import Simulator
from tests.engine.programs import fleet, one_instance
from tests.engine.pulumi import Stack, kill_session


def killed_while_buying(stack: Stack, simulator: Simulator, instances: int) -> set[str]:
    """Runs `up` and kills everything that belongs to it when the vendor has started so many, and answered none; their
    ids."""
    before = {instance.instance_id for instance in simulator.control.instances()}
    ids_in_state = stack.instance_ids()
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=20)
    with stack.started("up", "--yes", "--skip-preview") as process:
        until = time.monotonic() + 60
        while len(simulator.control.instances()) < len(before) + instances and time.monotonic() < until:
            time.sleep(0.05)
        kill_session(process.pid)
        process.wait(timeout=10)
    simulator.control.clear_faults()
    bought = {instance.instance_id for instance in simulator.control.instances()} - before
    assert len(bought) == instances
    assert stack.instance_ids() == ids_in_state
    stack.run("cancel", "--yes")
    return bought


def test_a_killed_purchase_is_taken_over_by_the_next_up(stack: Stack, simulator: Simulator) -> None:
    stack.program(fleet(3))
    bought = killed_while_buying(stack, simulator, 3)
    text = stack.up().text
    assert "is taken over: an earlier run bought it, and was killed before it was recorded in the state" in text
    assert stack.instance_ids() == bought == {instance.instance_id for instance in simulator.control.instances()}
    stack.destroy()
    assert simulator.control.ledger().open == ()


def test_a_killed_replacement_takes_over_the_new_one_and_never_the_old_one(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    stack.program(one_instance("context_length=4096"))
    (new,) = killed_while_buying(stack, simulator, 1)
    assert f"{new} is taken over" in stack.up().text
    assert stack.instance_ids() == {new}
    assert [instance.instance_id for instance in simulator.control.instances()] == [new]


def test_a_purchase_for_a_removed_resource_is_reported_until_it_is_settled(stack: Stack, simulator: Simulator) -> None:
    stack.program(fleet(1))
    stack.up()
    stack.program(fleet(2))
    (left,) = killed_while_buying(stack, simulator, 1)
    stack.program(fleet(1))
    for text in (stack.up().text, stack.destroy().text):
        assert f"for n1 ({left}, 1.20 EUR/h). This run takes it over when it creates n1; if the program" in text, text
    assert [instance.instance_id for instance in simulator.control.instances()] == [left]

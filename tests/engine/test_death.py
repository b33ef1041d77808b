"""What is left when the engine is killed in the middle."""

from __future__ import annotations

import signal

from pulumi_cortecs.simulator import Simulator
from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack


def test_killed_during_the_wait_then_cancel_and_destroy_leaves_nothing(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot")
    stack.program(one_instance())
    with stack.started("up", "--yes", "--skip-preview") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "pending" in line:
                break
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    (bought,) = simulator.control.instances()
    assert stack.instance_ids() == {bought.instance_id}
    stack.run("cancel", "--yes")
    stack.destroy()
    assert simulator.control.instances() == ()
    assert simulator.control.ledger().open == ()

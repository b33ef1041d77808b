"""What a user who presses ^C, or an engine that dies, leaves behind."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from pulumi_cortecs.simulator import Simulator
from tests.engine.programs import fleet, one_instance
from tests.engine.pulumi import Stack, read_until, session_processes


def test_the_first_interrupt_ends_the_wait_keeps_the_instances_and_the_next_up_resumes(
    stack: Stack, simulator: Simulator
) -> None:
    simulator.control.pause()
    stack.program(fleet(8))
    with stack.started("up", "--yes", "--skip-preview") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if len(simulator.control.instances()) == 8 and "1/5" in line:
                break
        process.send_signal(signal.SIGINT)
        text = process.stdout.read()
        assert process.wait(timeout=30) != 0
        left = session_processes(process.pid)
    assert "was interrupted" in text
    assert left == []
    bought = {each.instance_id for each in simulator.control.instances()}
    assert stack.instance_ids() == bought
    simulator.control.resume()
    stack.up()
    assert stack.instance_ids() == bought
    stack.drift(expect=0)


def test_killed_during_the_wait_then_cancel_and_destroy_leaves_nothing(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot")
    stack.program(one_instance())
    with stack.started("up", "--yes", "--skip-preview") as process:
        read_until(process, "/5 ")
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    (bought,) = simulator.control.instances()
    assert stack.instance_ids() == {bought.instance_id}
    stack.run("cancel", "--yes")
    stack.destroy()
    assert simulator.control.instances() == ()
    assert simulator.control.ledger().open == ()


def test_a_killed_engine_leaves_no_process_of_ours(stack: Stack, simulator: Simulator) -> None:
    simulator.control.pause()
    stack.program(one_instance())
    with stack.started("up", "--yes", "--skip-preview") as process:
        read_until(process, "/5 ")
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        until = time.monotonic() + 30
        while time.monotonic() < until and [pid for pid in session_processes(process.pid) if ours(pid)]:
            time.sleep(0.1)
        assert [pid for pid in session_processes(process.pid) if ours(pid)] == []
    assert len(simulator.control.instances()) == 1


def test_a_host_whose_internals_have_changed_does_the_job_all_the_same(stack: Stack, simulator: Simulator) -> None:
    stack.environment["PULUMI_CORTECS_HOST_WITHOUT"] = "pool,interrupt,engine"
    stack.program(fleet(6))
    stack.up()
    assert len(simulator.control.instances()) == 6
    stack.destroy()
    assert simulator.control.instances() == ()


def test_instances_that_are_stuck_hold_nobody_else(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot", count=5)
    stack.program(fleet(12))
    with stack.started("up", "--yes", "--skip-preview", "--parallel", "64") as process:
        assert process.stdout is not None
        ready = 0
        for line in process.stdout:
            ready += ":Endpoint " in line and " created " in line
            if ready == 7:
                break
        # the five that are stuck would have kept the host's four threads to themselves for twenty minutes
        assert ready == 7
        process.send_signal(signal.SIGINT)
        process.stdout.read()


def ours(pid: int) -> bool:
    """Whether a process is a host that has loaded our package."""
    try:
        return (
            b"pulumi.dynamic" in Path(f"/proc/{pid}/cmdline").read_bytes()
            and "pydantic" in Path(f"/proc/{pid}/maps").read_text()
        )
    except OSError:
        return False

"""The state and the account after a ^C, or after the death of an engine."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.patience import until
from tests.engine.advice import assert_seen, follow
from tests.engine.programs import fleet, one_instance
from tests.engine.pulumi import Stack, read_until, session_processes

TWO = "Two ^C, or an API that hangs"
KILLED = "Killed, or the terminal closed"


pytestmark = pytest.mark.started


def pending(stack: Stack) -> list[str]:
    """The pending operations that killed runs have left in the state: "creating"."""
    latest = json.loads(stack.state_file.read_text())["checkpoint"]["latest"]
    return [operation["type"] for operation in latest.get("pending_operations") or []]


def test_the_first_interrupt_ends_the_wait_and_the_next_up_resumes(stack: Stack, simulator: Simulator) -> None:
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
    assert_seen("one ^C", text)
    assert left == []
    bought = {instance.instance_id for instance in simulator.control.instances()}
    assert stack.instance_ids() == bought
    simulator.control.resume()
    follow(stack, "One ^C")
    assert stack.instance_ids() == bought
    stack.drift(expect=0)

    simulator.control.fault("slow_answer", path="/instances", count=1, real_seconds=1)
    with stack.started("destroy", "--yes", "--skip-preview") as process:
        read_until(process, "Instance n")
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=60)
    assert_seen("a `destroy` with one ^C", text)
    stack.destroy()
    assert simulator.control.instances() == ()


def test_a_second_interrupt_ends_a_hanging_order_for_the_next_up(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=60)
    stack.program(one_instance())
    with stack.started("up", "--yes", "--skip-preview") as process:
        assert process.stdout is not None
        until(lambda: len(simulator.control.instances()) == 1, seconds=30)
        process.send_signal(signal.SIGINT)
        read_until(process, "^C received; cancelling")
        process.send_signal(signal.SIGINT)
        text = process.stdout.read()
        assert process.wait(timeout=30) != 0
        assert session_processes(process.pid) == []
    assert_seen("two ^C", text)
    (bought,) = simulator.control.instances()
    assert stack.instance_ids() == set()
    simulator.control.clear_faults()

    text = follow(stack, TWO)
    assert_seen("the run before was killed", text)
    assert_seen("the run before was killed when it bought", text)
    assert (
        stack.instance_ids()
        == {bought.instance_id}
        == {instance.instance_id for instance in simulator.control.instances()}
    )
    assert pending(stack) == ["creating"]
    follow(stack, "Pending operations")
    assert pending(stack) == []
    assert stack.instance_ids() == {bought.instance_id}


def test_a_closed_terminal_in_the_middle_of_an_order_has_it_undone(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=4, count=1)
    stack.program(one_instance())
    heard_here = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what runs under nohup would hand it on
    with stack.started("up", "--yes", "--skip-preview") as process:
        signal.signal(signal.SIGHUP, heard_here)
        until(lambda: len(simulator.control.instances()) == 1, seconds=30)
        os.killpg(process.pid, signal.SIGHUP)
        process.wait(timeout=10)
        until(lambda: simulator.control.instances() == (), seconds=30)
        assert simulator.control.ledger().open == ()
    assert_seen("killed", stack.up(expect=1).text)
    follow(stack, KILLED)
    (replacement,) = simulator.control.instances()
    assert stack.instance_ids() == {replacement.instance_id}


def test_an_order_of_a_provider_that_dies_is_left_to_the_next_up(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=60)
    stack.program(one_instance())
    with stack.started("up", "--yes", "--skip-preview") as process:
        assert process.stdout is not None
        until(lambda: len(simulator.control.instances()) == 1, seconds=30)
        for provider in filter(ours, session_processes(process.pid)):
            os.kill(provider, signal.SIGKILL)
        text = process.stdout.read()
        assert process.wait(timeout=30) == 1
    assert_seen("the provider process died", text)
    simulator.control.clear_faults()
    text = stack.up().text
    assert_seen("the run before was killed when it bought", text)
    assert pending(stack) == []
    assert stack.instance_ids() == {instance.instance_id for instance in simulator.control.instances()}
    assert len(stack.instance_ids()) == 1


def test_killed_during_the_wait_then_cancel_and_destroy_leave_nothing(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot")
    stack.program(one_instance())
    with stack.started("up", "--yes", "--skip-preview") as process:
        read_until(process, "/5 ")
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    (bought,) = simulator.control.instances()
    assert stack.instance_ids() == {bought.instance_id}
    assert "no orphans" in follow(stack, KILLED, 1)
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
    """Returns whether a process is a host that has loaded our package."""
    try:
        return (
            b"pulumi.dynamic" in Path(f"/proc/{pid}/cmdline").read_bytes()
            and "pydantic" in Path(f"/proc/{pid}/maps").read_text()
        )
    except OSError:
        return False

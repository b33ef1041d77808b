"""What the vendor, or somebody in its console, does while `up` runs and right after it."""

from __future__ import annotations

from pulumi_cortecs.simulator import Simulator
from tests.contract.patience import until
from tests.engine.advice import assert_seen, follow
from tests.engine.programs import fleet, one_instance
from tests.engine.pulumi import Stack, read_until

URN = "urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat"
LIST = "GET /api/v1/instances"


def test_what_stops_or_goes_while_up_waits_is_repaired_by_a_refresh(stack: Stack, simulator: Simulator) -> None:
    simulator.control.pause()
    stack.program(fleet(3))
    with stack.started("up", "--yes", "--skip-preview") as process:
        assert process.stdout is not None
        for _ in range(3):
            read_until(process, "/5 ")
        ids = [instance.instance_id for instance in simulator.control.instances()]
        stopped, gone, left_alone = ids
        simulator.control.stop(stopped)
        simulator.control.vanish(gone)
        read_until(process, "creating failed")
        read_until(process, "creating failed")
        simulator.control.resume()
        text = process.stdout.read()
        assert process.wait(timeout=30) == 1
    assert_seen("stopped by somebody during the wait", text)
    assert_seen("deleted or reclaimed during the wait", text)
    assert stack.instance_ids() == set(ids)

    follow(stack, "What the vendor does")
    now = {instance.instance_id: instance.status for instance in simulator.control.instances()}
    assert {stopped, left_alone} < set(now) == stack.instance_ids()
    assert list(now.values()) == ["running"] * 3
    assert len(simulator.control.ledger().entries) == 5  # one was started again, one was bought anew


def test_what_no_list_shows_yet_is_not_gone_for_a_refresh_right_after_up(stack: Stack, simulator: Simulator) -> None:
    stack.environment["PULUMI_CORTECS_LIST_LAG"] = "30"
    simulator.control.pause()
    simulator.control.fault("list_lag", seconds=3, by_id=True)
    stack.program(one_instance())
    stack.up("--target", URN)  # which waits for nothing
    (bought,) = stack.instance_ids()
    asked = simulator.control.requests().count(LIST)
    with stack.started("refresh", "--yes", "--skip-preview") as process:
        until(lambda: simulator.control.requests().count(LIST) >= asked + 4 or process.poll() is not None, seconds=30)
        assert process.poll() is None  # it goes on looking
        simulator.control.resume()
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert stack.instance_ids() == {bought}


def test_expiring_tokens_are_renewed_and_a_foreign_key_forgets_nothing(stack: Stack, simulator: Simulator) -> None:
    for method, path in (
        ("GET", "/instances"),
        ("POST", "/instances/start"),
        ("GET", "/instances/*"),
        ("POST", "/instances/stop"),
        ("DELETE", "/instances/*"),
    ):
        simulator.control.fault("token_expiry", method=method, path=path, count=1)
    simulator.control.pause()
    stack.program(one_instance())
    with stack.started("up", "--yes", "--skip-preview") as process:
        assert process.stdout is not None
        read_until(process, "/5 ")
        simulator.control.expire_tokens()
        simulator.control.resume()
        process.communicate(timeout=60)
        assert process.returncode == 0
    ids = stack.instance_ids()
    simulator.control.register("someone", "else", account="another")
    refused = stack.refresh(expect=1, env={"CORTECS_CLIENT_ID": "someone", "CORTECS_CLIENT_SECRET": "else"})
    assert_seen("the credentials of another account", refused.text)
    assert stack.instance_ids() == ids
    stack.destroy()
    assert set(simulator.control.faults().values()) == {1}
    assert len(simulator.control.ledger().entries) == 1
    assert simulator.control.ledger().open == ()

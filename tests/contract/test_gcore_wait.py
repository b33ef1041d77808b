"""Waits for Gcore's deployments: for the vendor's task, for what a change shows, and for all regions; and the errors
that end them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.clouds.case import route_match as at
from tests.clouds.gcore import GCORE, PROGRAM
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made
from tests.contract.patience import until

StartHost = Callable[..., Host]
TWO_REGIONS = {
    **PROGRAM,
    "containers": [{"region_id": region, "scale": {"min": 1, "max": 1}} for region in ("luxembourg-2", "frankfurt-1")],
}
TASK, BOOT = 6.0, 18.0
"""Virtual seconds of a task, and of a boot."""


def wanted(made: Made, **more: Any) -> dict[str, Any]:
    """The inputs of a deployment's Endpoint."""
    return {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20, **more}


@pytest.fixture
def listened(start_host: StartHost, engine: FakeEngine) -> Host:
    """A host whose progress the fixture `engine` hears."""
    return start_host(engine=engine.address)


@contextmanager
def waiting(host: Host, made: Made, **more: Any) -> Iterator[Future[Made]]:
    """The wait for a deployment of the resource "chat", while the block goes on."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(host.endpoint("chat", of=GCORE).create, wanted(made, **more))


def is_told(engine: FakeEngine, text: str) -> Callable[[], bool]:
    """Returns whether the engine has heard this text."""
    return lambda: any(text in message for message in engine.messages)


def test_the_task_is_waited_for_and_then_all_regions(listened: Host, simulator: Simulator, engine: FakeEngine) -> None:
    simulator.control.pause()
    made = listened.instance("chat", of=GCORE).buy(TWO_REGIONS)
    with waiting(listened, made) as wait:
        until(is_told(engine, "accepted, the task is NEW"))
        simulator.control.advance(TASK)
        until(is_told(engine, "0/2 regions"))
        simulator.control.advance(BOOT * 2 / 3 - TASK)
        until(is_told(engine, "PARTIALLYDEPLOYED, 1/2 regions"))
        assert not wait.done()
        simulator.control.advance(BOOT)
        outs = wait.result().outs
    simulator.control.resume()
    assert (outs["status"], [region["ready"] for region in outs["regions"]]) == ("ACTIVE", [1, 1])
    assert outs["base_url"].endswith(f"/serve/{made.id}/v1")


def test_a_failed_order_ends_the_wait_with_the_words_of_its_task_in_any_run(
    host: Host, start_host: StartHost, simulator: Simulator
) -> None:
    simulator.control.fault("task_error", **at(GCORE.order), message="no nodes in luxembourg-2")
    resource = host.instance("chat", of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    text = rf"^{made.id} failed: Gcore's task \S+ failed: no nodes in luxembourg-2\. .*costs nothing\. `pulumi up "
    with pytest.raises(CallFailedError, match=text):
        host.endpoint("chat", of=GCORE).create(wanted(made))
    later = start_host(before=IMPATIENT)
    later.instance("chat", of=GCORE).diff(made.outs, inputs, made.id)  # as the engine passes the row on
    with pytest.raises(CallFailedError, match=text):
        later.endpoint("chat", of=GCORE).create(wanted(made))


@pytest.mark.parametrize("on_timeout", ["keep", "stop", "delete"])
def test_an_error_that_stays_ends_the_wait_with_the_last_lines_of_the_log(
    host: Host, simulator: Simulator, on_timeout: str
) -> None:
    simulator.control.fault("container_error", region_id="7")
    made = host.instance("chat", of=GCORE).buy({**TWO_REGIONS, "on_timeout": on_timeout})
    with pytest.raises(CallFailedError) as failed:
        host.endpoint("chat", of=GCORE).create(wanted(made, give_up_after=1, on_timeout=on_timeout))
    text = str(failed.value)
    assert "1/2 regions; luxembourg-2: Failed to pull image, the same for 1 s; its last log lines: " in text
    assert "Pulling image vllm/vllm-openai:v0.10.0" in text
    statuses = [one.status for one in simulator.control.instances() if one.status != "DELETING"]
    assert statuses == {"keep": ["PARTIALLYDEPLOYED"], "stop": ["DISABLED"], "delete": []}[on_timeout]


def test_the_lines_of_a_log_have_no_secret_of_the_program(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("container_error", region_id="7")
    program = {**TWO_REGIONS, "image": "shop/hunter2", "envs": {"TOKEN": "hunter2"}}
    made = host.instance("chat", of=GCORE).buy(program)
    with pytest.raises(CallFailedError, match=r"its last log lines: Pulling image shop/\[redacted\]") as failed:
        host.endpoint("chat", of=GCORE).create(wanted(made, give_up_after=1))
    assert "hunter2" not in str(failed.value)


def test_what_sleeps_without_replicas_is_ready(host: Host, simulator: Simulator) -> None:
    simulator.control.settings(gcore_create_at_zero=True)
    made = host.instance("chat", of=GCORE).buy(
        {**PROGRAM, "containers": [{"region_id": 7, "scale": {"min": 0, "max": 1}}]}
    )
    endpoint = host.endpoint("chat", of=GCORE)
    created = endpoint.create(wanted(made))
    assert (created.outs["status"], simulator.control.ledger().open) == ("PENDING", ())
    assert endpoint.diff(created.outs, wanted(made)).changes is False


def test_after_a_change_the_answers_of_before_are_not_ready(
    host: Host, listened: Host, simulator: Simulator, engine: FakeEngine
) -> None:
    simulator.control.settings(gcore_task_seconds=0, gcore_stale_after_patch_seconds=9)
    inputs = host.instance("chat", of=GCORE).check(PROGRAM).inputs
    made = host.instance("chat", of=GCORE).create(inputs)
    created = host.endpoint("chat", of=GCORE).create(wanted(made))
    resource, endpoint = listened.instance("chat", of=GCORE), listened.endpoint("chat", of=GCORE)  # another run's
    simulator.control.pause()
    changed = resource.update(made, resource.check({**PROGRAM, "image": "vllm/vllm-openai:v0.11.0"}, inputs).inputs)
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(endpoint.update, created, wanted(changed, spec_digest="other"))
        until(is_told(engine, "ACTIVE, 1/1 regions, still reported with another image"))
        simulator.control.advance(10)
        until(is_told(engine, "0/1 regions"))
        assert not wait.done()
        simulator.control.advance(BOOT)
        assert wait.result().outs["status"] == "ACTIVE"
    simulator.control.resume()


def test_a_change_without_a_task_in_its_answer_is_not_waited_for_as_one(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("no_task")
    made = host.instance("chat", of=GCORE).buy(PROGRAM)
    assert "task" not in made.outs
    assert host.endpoint("chat", of=GCORE).create(wanted(made)).outs["status"] == "ACTIVE"


def test_a_failed_task_counts_until_the_next_start(host: Host, start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.fault("task_error", method="POST", after_side_effect=True, count=1)
    resource = host.instance("chat", of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    with pytest.raises(CallFailedError, match=r"task \S+ failed: Internal error"):
        host.endpoint("chat", of=GCORE).create(wanted(made))
    later = start_host(before=IMPATIENT)
    resource = later.instance("chat", of=GCORE)
    stopped = resource.update(made, {**inputs, "state": "stopped"})
    started = resource.update(stopped, inputs)
    assert "task" not in started.outs
    assert later.endpoint("chat", of=GCORE).create(wanted(started)).outs["status"] == "ACTIVE"

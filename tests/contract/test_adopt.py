"""adopt_id takes over what runs: nothing is bought, nothing is ended, and nothing untrue is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids
from tests.contract.host import IMPATIENT, UNKNOWN, CallFailedError, Checked, Diffed, Host, Made, Resource

START = "POST /api/v1/instances/start"
BIG = {"hardware_type_id": "NVIDIA_L4_2", "context_length": 4096, "billing_interval": "per_hour", "num_workers": 2}


@pytest.fixture
def running(simulator: Simulator) -> Made:
    """An instance that was bought by hand; nothing about it is a default."""
    return bought(simulator, **BIG)


def _adopt(resource: Resource, running: Made, **more: Any) -> Checked:
    return resource.check({"model_id": QWEN, "adopt_id": running.id, **more})


def test_what_is_left_out_is_filled_in_from_what_runs(host: Host, running: Made, simulator: Simulator) -> None:
    resource = host.instance()
    checked = _adopt(resource, running)
    assert checked.failures == ()
    assert {key: checked.inputs[key] for key in BIG} == BIG
    assert checked.inputs["quote"]["hourly_total"] == "4.80"
    orders = simulator.control.requests().count(START)
    made = resource.create(checked.inputs)
    assert made.id == running.id
    assert (made.outs["instance_id"], made.outs["adopt_id"]) == (running.id, running.id)
    assert simulator.control.requests().count(START) == orders
    assert ids(simulator) == [running.id]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model_id", "microsoft/phi-4", "has 'Qwen--Qwen2-7B-Instruct', not 'microsoft/phi-4'"),
        ("hardware_type_id", "NVIDIA_L4_1", "has 'NVIDIA_L4_2', not 'NVIDIA_L4_1'"),
        ("context_length", 8192, "has 4096, not 8192"),
        ("billing_interval", "per_minute", "has 'per_hour', not 'per_minute'"),
        ("num_workers", 1, "has 2, not 1"),
        ("state", "stopped", "is running, not stopped"),
    ],
)
def test_what_is_given_must_be_true(host: Host, running: Made, key: str, value: Any, message: str) -> None:
    checked = _adopt(host.instance(), running, **{key: value})
    (reason,) = checked.reasons(key)
    assert message in reason
    assert len(checked.failures) == 1


def test_what_is_given_and_true_is_taken(host: Host, running: Made) -> None:
    assert _adopt(host.instance(), running, **BIG).failures == ()


def test_a_stopped_one_is_adopted_as_it_is(host: Host, running: Made, simulator: Simulator) -> None:
    simulator.control.stop(running.id)
    resource = host.instance()
    (reason,) = _adopt(resource, running).reasons("state")
    assert "is stopped, not running; set state='stopped'" in reason
    checked = _adopt(resource, running, state="stopped")
    assert checked.failures == ()
    assert resource.create(checked.inputs).outs["state"] == "stopped"
    assert simulator.control.ledger().open == ()


def test_what_vanished_since_is_not_bought_instead(
    start_host: Callable[..., Host], running: Made, simulator: Simulator
) -> None:
    resource = start_host(before=IMPATIENT).instance()
    resource.read(running)  # the list that check saw is young enough for everything else
    inputs = _adopt(resource, running).inputs
    simulator.control.vanish(running.id)
    with pytest.raises(CallFailedError, match="which adopt_id names, does not exist any more; nothing was bought"):
        resource.create(inputs)
    assert ids(simulator) == []


def test_what_changed_since_is_not_adopted(
    start_host: Callable[..., Host], running: Made, simulator: Simulator
) -> None:
    resource = start_host(before=IMPATIENT).instance()
    resource.read(running)
    inputs = _adopt(resource, running).inputs
    simulator.control.stop(running.id)
    with pytest.raises(
        CallFailedError, match=r"is not what the plan showed, so it was not adopted: state: .* is stopped"
    ):
        resource.create(inputs)


def test_an_id_that_only_up_will_know_is_looked_at_then(host: Host) -> None:
    checked = host.instance().check({"model_id": QWEN, "adopt_id": UNKNOWN})
    assert checked.failures == ()
    assert (checked.inputs["hardware_type_id"], checked.inputs["quote"]) == (UNKNOWN, UNKNOWN)
    assert checked.inputs["model_id"] == "Qwen--Qwen2-7B-Instruct"


def test_a_preview_without_credentials_looks_at_nothing(start_host: Callable[..., Host], running: Made) -> None:
    host = start_host({"CORTECS_CLIENT_ID": "", "CORTECS_CLIENT_SECRET": ""})
    checked = _adopt(host.instance(), running)
    assert checked.failures == ()
    assert "hardware_type_id" not in checked.inputs
    with pytest.raises(CallFailedError, match="hardware_type_id is missing"):
        host.instance().create(checked.inputs)


def test_two_resources_cannot_adopt_one(host: Host, running: Made) -> None:
    first, second = host.instance(), host.instance()
    inputs = _adopt(first, running).inputs
    first.create(inputs)
    with pytest.raises(CallFailedError, match="has just been adopted by urn:pulumi"):
        second.create(_adopt(second, running).inputs)


def _later(host: Host, running: Made, program: dict[str, Any], name: str | None = None) -> tuple[Checked, Any]:
    """Check and diff of a later run, for a program that now says something else."""
    resource = host.instance(name)
    olds = {**INPUTS, **BIG, "adopt_id": running.id}
    checked = resource.check({"model_id": QWEN, **program}, olds)
    return checked, resource.diff({**olds, "instance_id": running.id}, checked.inputs, running.id)


@pytest.mark.parametrize("still", [True, False])
def test_what_was_adopted_is_kept_with_or_without_the_argument(host: Host, running: Made, still: bool) -> None:
    # falling back to one worker, billed per minute, would replace what was adopted
    checked, diff = _later(host, running, {"adopt_id": running.id} if still else {})
    assert {key: checked.inputs[key] for key in BIG} == BIG
    assert diff == Diffed(False, ())


def test_another_id_means_nothing_by_itself(host: Host, running: Made, simulator: Simulator) -> None:
    other = bought(simulator, **BIG)
    _, diff = _later(host, running, {"adopt_id": other.id})
    assert diff == Diffed(False, ())


def test_a_replacement_does_not_adopt_the_same_again(host: Host, running: Made) -> None:
    checked, _ = _later(host, running, {"adopt_id": running.id, "num_workers": 3})
    (reason,) = checked.reasons("adopt_id")
    assert "leave adopt_id out to buy a new one" in reason


def test_without_the_argument_a_replacement_buys(host: Host, running: Made, simulator: Simulator) -> None:
    checked, diff = _later(host, running, {"num_workers": 3})
    assert "adopt_id" not in checked.inputs
    assert checked.inputs["num_workers"] == 3
    assert checked.inputs["billing_interval"] == "per_hour"
    assert diff == Diffed(None, ("num_workers",))
    assert host.instance().create(checked.inputs).id != running.id
    assert len(ids(simulator)) == 2


def test_a_replacement_may_be_another_that_runs(host: Host, simulator: Simulator, running: Made) -> None:
    other = bought(simulator, **BIG)
    resource = host.instance()
    program = {"model_id": QWEN, "hardware_type_id": "NVIDIA_L4_2", "adopt_id": other.id}
    first = resource.check(program, INPUTS)
    assert first.failures == ()
    resource.diff({**INPUTS, "instance_id": running.id}, first.inputs)
    assert first.inputs["num_workers"] == 2
    second = resource.check(program)
    assert second == first
    assert resource.create(second.inputs).id == other.id
    assert set(ids(simulator)) == {running.id, other.id}


def test_a_replacement_does_not_adopt_the_instance_it_would_end(host: Host, running: Made) -> None:
    """replace_on_changes=["ttl"], say: nothing of the purchase changes."""
    resource = host.instance()
    olds = {**INPUTS, **BIG, "adopt_id": running.id}
    program = {"model_id": QWEN, "adopt_id": running.id}
    first = resource.check(program, olds)
    resource.diff({**olds, "instance_id": running.id}, first.inputs)
    (reason,) = resource.check(program).reasons("adopt_id")
    assert f"this resource has {running.id} already" in reason


def test_such_a_replacement_without_the_argument_buys(host: Host, running: Made) -> None:
    resource = host.instance()
    olds = {**INPUTS, **BIG, "adopt_id": running.id, "quote": {**INPUTS["quote"], "hourly_total": "4.80"}}
    resource.diff({**olds, "instance_id": running.id}, resource.check({"model_id": QWEN}, olds).inputs)
    second = resource.check({"model_id": QWEN})
    assert second.failures == ()
    assert "adopt_id" not in second.inputs
    assert resource.create(second.inputs).id != running.id


def test_what_another_resource_adopted_in_this_run_is_not_ended(
    host: Host, running: Made, simulator: Simulator
) -> None:
    """A rename: the engine makes the new resource first, and then deletes the old one."""
    new = host.instance()
    new.create(_adopt(new, running).inputs)
    host.instance().delete(running)
    assert ids(simulator) == [running.id]
    assert len(simulator.control.ledger().open) == 1


def test_a_forced_replacement_hands_over_to_itself(host: Host, running: Made, simulator: Simulator) -> None:
    """`up --replace`: the only check has no old inputs, which would show that it has the instance already."""
    resource = host.instance()
    resource.create(_adopt(resource, running).inputs)
    resource.delete(running)
    assert ids(simulator) == [running.id]


def test_what_is_still_to_be_adopted_is_not_ended_before(host: Host, running: Made, simulator: Simulator) -> None:
    """The same with `delete_before_replace`."""
    resource = host.instance()
    _adopt(resource, running)
    with pytest.raises(CallFailedError, match=r"was not deleted: the program adopts it \(adopt_id\) in this run"):
        resource.delete(running)
    assert ids(simulator) == [running.id]


def test_what_the_program_still_adopts_is_never_ended(host: Host, running: Made, simulator: Simulator) -> None:
    """A replacement that was killed in the middle leaves a second row of it, marked for deletion."""
    _later(host, running, {"adopt_id": running.id}, "adopted")
    with pytest.raises(CallFailedError, match="was not deleted"):
        host.instance("adopted").delete(running)
    assert ids(simulator) == [running.id]


@pytest.mark.parametrize("still", [True, False])
def test_a_rename_interrupted_before_its_deletion_hands_over_next_time(
    host: Host, running: Made, simulator: Simulator, still: bool
) -> None:
    _later(host, running, {"adopt_id": running.id} if still else {}, f"renamed {still}")
    host.instance().delete(running)
    assert ids(simulator) == [running.id]
    if not still:  # its own row, and nothing speaks for it any more
        host.instance(f"renamed {still}").delete(running)
        assert ids(simulator) == []


def test_reading_an_adopted_one_is_quiet(host: Host, running: Made) -> None:
    resource = host.instance()
    made = resource.create(_adopt(resource, running).inputs)
    read = resource.read(made)
    assert read.outs == made.outs
    assert read.inputs is not None
    assert read.inputs["adopt_id"] == running.id

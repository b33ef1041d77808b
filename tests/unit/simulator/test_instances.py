"""The five steps of a boot as a function of time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.simulator.cortecs.instances import NUM_STEPS, STEPS, Boot, PurchasedArgs, Status, VirtualInstance
from pulumi_cortecs.simulator.cortecs.serializers import instance_json, started_json

NOON = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)
ORIGIN = "http://127.0.0.1:3000"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def instance(boot: Boot, *, workers: int = 1, stopped_at: datetime | None = None) -> VirtualInstance:
    args = PurchasedArgs("Qwen--Qwen2-7B-Instruct", "NVIDIA_L4_1", 32000, BillingInterval.PER_MINUTE, workers)
    return VirtualInstance("sim", "id-1", args, boot, listed_from=NOON, found_from=NOON, stopped_at=stopped_at)


@pytest.mark.parametrize(("age", "step"), [(0, 1), (9.9, 1), (10, 2), (20, 3), (30, 4), (39.999, 4), (40, 5), (1e6, 5)])
def test_four_steps_share_the_boot_time_and_the_fifth_is_running(age: float, step: int) -> None:
    boot = Boot(NOON, seconds=40)
    assert boot.step(0, at(age)) == step
    assert instance(boot).status(at(age)) is (Status.RUNNING if step == 5 else Status.PENDING)


def test_a_boot_of_no_time_is_over_at_once_but_begins_as_pending() -> None:
    quick = instance(Boot(NOON, seconds=0, worker_stagger=5), workers=2)
    assert quick.status(NOON) is Status.RUNNING
    assert quick.boot.step(1, NOON) == 1
    assert started_json(quick, ORIGIN)["instance_status"]["status"] == "pending"


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_stuck_boot_never_gets_beyond_its_step(step: int) -> None:
    stuck = Boot(NOON, seconds=40, stuck_at_step=step)
    assert stuck.step(0, at(0)) == 1
    assert stuck.step(0, at(1e7)) == step
    assert stuck.ready_at is None


def test_one_running_worker_makes_an_instance_usable() -> None:
    staggered = instance(Boot(NOON, seconds=40, worker_stagger=15), workers=3)
    answer = instance_json(staggered, at(40), ORIGIN)
    assert [worker["init_progress"]["current_step"] for worker in answer["worker_statuses"]] == [5, 3, 2]
    assert answer["instance_status"]["status"] == "running"
    assert answer["base_url"] == f"{ORIGIN}/serve/id-1/v1"


@given(
    seconds=st.floats(0, 1e5),
    stagger=st.floats(0, 100),
    workers=st.integers(1, 8),
    ages=st.lists(st.floats(0, 2e5), min_size=1, max_size=20),
    stopped=st.booleans(),
)
def test_status_steps_and_base_url_never_contradict_each_other(
    seconds: float, stagger: float, workers: int, ages: list[float], stopped: bool
) -> None:
    boot = Boot(NOON, seconds, stagger)
    simulated = instance(boot, workers=workers, stopped_at=at(3e5) if stopped else None)
    reached = 0
    for age in sorted(ages):
        answer = instance_json(simulated, at(age), ORIGIN)
        status, progress = answer["instance_status"]["status"], [w["init_progress"] for w in answer["worker_statuses"]]
        assert len(progress) == workers
        assert (answer["base_url"] is not None) == (status == "running")
        if stopped:
            assert status == "stopped"
            assert progress == [None] * workers
            continue
        assert (progress[0]["current_step"] == NUM_STEPS) == (status == "running")
        assert all(1 <= worker["current_step"] <= worker["num_steps"] for worker in progress)
        assert progress[0]["current_step"] >= reached
        assert progress[0]["description"] == STEPS[progress[0]["current_step"] - 1]
        reached = progress[0]["current_step"]

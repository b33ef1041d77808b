"""Runs that end without their account's doing."""

from __future__ import annotations

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulated import BOOT, delete, list_statuses, restart, start, status_by_id, stop


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_boot_that_fails_is_stopped_while_pending_and_never_runs(
    step: int, sim: Simulator, api: httpx.Client
) -> None:
    sim.control.fault("boot_failure", step=step, count=1)
    instance_id = start(api)
    sim.control.advance(BOOT * step / 4 - 0.001)
    assert status_by_id(api, instance_id) == "pending"
    sim.control.advance(0.001)
    answer = api.get(f"/instances/{instance_id}").json()["instance"]
    assert answer["instance_status"]["status"] == "stopped"
    assert answer["base_url"] is None
    assert list_statuses(api) == {instance_id: "stopped"}
    (run,) = sim.control.ledger().of(instance_id)
    assert run.ended_at is not None
    assert (run.ended_at - run.started_at).total_seconds() == BOOT * step / 4


def test_a_boot_that_failed_can_be_tried_again(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("boot_failure", count=1)
    instance_id = start(api)
    sim.control.advance(BOOT)
    restart(api, instance_id).raise_for_status()
    sim.control.advance(BOOT)
    assert status_by_id(api, instance_id) == "running"


@pytest.mark.parametrize("vanish", [False, True])
def test_the_vendor_takes_a_running_instance_back(vanish: bool, sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("reclaim", seconds=100, vanish=vanish)
    instance_id = start(api)
    sim.control.advance(BOOT + 99.999)
    assert status_by_id(api, instance_id) == "running"
    sim.control.advance(10_000)
    assert status_by_id(api, instance_id) == (404 if vanish else "stopped")
    assert list_statuses(api) == ({} if vanish else {instance_id: "stopped"})
    (run,) = sim.control.ledger().of(instance_id)
    assert run.ended_at is not None
    assert (run.ended_at - run.started_at).total_seconds() == BOOT + 100


def test_what_never_runs_is_not_taken_back(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("stuck_boot")
    sim.control.fault("reclaim", seconds=0)
    instance_id = start(api)
    sim.control.advance(1e6)
    assert status_by_id(api, instance_id) == "pending"


@pytest.mark.parametrize("kind", ["reclaim", "boot_failure", "stop_from_outside"])
def test_what_was_ended_in_time_is_not_ended_again(kind: str, sim: Simulator, api: httpx.Client) -> None:
    seconds = {} if kind == "boot_failure" else {"seconds": 20}
    sim.control.fault(kind, count=1, **seconds)
    instance_id = start(api)
    stop(api, instance_id)
    restart(api, instance_id)
    sim.control.advance(BOOT + 100)
    assert status_by_id(api, instance_id) == "running"


def test_of_two_ends_the_first_one_counts(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("reclaim", seconds=10, vanish=True)
    sim.control.fault("stop_from_outside", seconds=20)
    instance_id = start(api)
    sim.control.advance(1000)
    assert status_by_id(api, instance_id) == "stopped"
    (run,) = sim.control.ledger().of(instance_id)
    assert run.ended_at is not None
    assert (run.ended_at - run.started_at).total_seconds() == 20


def test_what_was_stopped_in_time_does_not_vanish(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("reclaim", seconds=10, vanish=True)
    instance_id = start(api)
    stop(api, instance_id)
    sim.control.advance(1000)
    assert status_by_id(api, instance_id) == "stopped"


def test_the_end_of_an_earlier_run_is_not_that_of_a_later_one(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("stop_from_outside", seconds=100, count=1)
    sim.control.fault("stop_from_outside", path="/instances/restart", seconds=300)
    instance_id = start(api)
    stop(api, instance_id)
    restart(api, instance_id)
    sim.control.advance(299)
    assert status_by_id(api, instance_id) == "running"
    sim.control.advance(1)
    assert status_by_id(api, instance_id) == "stopped"


def test_a_deleted_instance_has_no_end_to_come(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("reclaim", seconds=10, vanish=True)
    instance_id = start(api)
    stop(api, instance_id)
    delete(api, instance_id)
    sim.control.advance(1000)
    assert list_statuses(api) == {}
    assert list(sim.control.faults().values()) == [1]
    (entry,) = sim.control.ledger().entries
    assert entry.ended_at == entry.started_at

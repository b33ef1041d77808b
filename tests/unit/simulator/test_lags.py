"""Lists, and answers by id, that are behind the truth."""

from __future__ import annotations

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulated import BOOT, delete, list_statuses, restart, start, status_by_id, stop


def test_a_deleted_instance_lingers_in_the_list(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("delete_lag", seconds=3)
    instance_id, other = start(api), start(api)
    stop(api, instance_id)
    delete(api, instance_id)
    assert list_statuses(api) == {other: "pending", instance_id: "stopped"}
    assert status_by_id(api, instance_id) == 404
    assert [instance.instance_id for instance in sim.control.instances()] == [other]
    sim.control.advance(2.999)
    assert instance_id in list_statuses(api)
    sim.control.advance(0.001)
    assert list_statuses(api) == {other: "pending"}


def test_a_deleted_instance_may_linger_by_its_id_but_cannot_be_used(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("delete_lag", seconds=3, by_id=True)
    instance_id = start(api)
    stop(api, instance_id)
    delete(api, instance_id)
    assert status_by_id(api, instance_id) == "stopped"
    assert restart(api, instance_id).status_code == 404
    assert api.delete(f"/instances/{instance_id}").status_code == 404
    sim.control.advance(3)
    assert status_by_id(api, instance_id) == 404


def test_a_deleted_instance_lingers_for_its_own_account_only(sim: Simulator, api: httpx.Client) -> None:
    sim.control.register("acme", "s")
    sim.control.fault("delete_lag", by_id=True)
    instance_id = start(api)
    stop(api, instance_id)
    delete(api, instance_id)
    with sim.client("acme", "s") as acme:
        assert list_statuses(acme) == {}
        assert status_by_id(acme, instance_id) == 404


def test_what_was_never_listed_does_not_linger(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("list_lag", seconds=100, by_id=False)
    sim.control.fault("delete_lag", seconds=100)
    instance_id = start(api)
    stop(api, instance_id)
    delete(api, instance_id)
    assert list_statuses(api) == {}
    assert list(sim.control.faults().values()) == [1, 1]
    assert sim.control.instances() == ()


def test_deleting_all_lags_too(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("delete_lag", path="/instances/delete-all", count=1)
    first, second = start(api), start(api)
    api.delete("/instances/delete-all", params={"force_deletion": "True"}).raise_for_status()
    assert list_statuses(api) == {first: "stopped"}
    assert sim.control.instances() == ()
    assert second not in list_statuses(api)


@pytest.mark.parametrize("by_id_too", [False, True])
def test_a_stop_shows_late_in_the_list(by_id_too: bool, sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    sim.control.advance(BOOT)
    sim.control.fault("status_lag", seconds=3, by_id=by_id_too)
    assert stop(api, instance_id)["instance_status"]["status"] == "stopped"
    assert list_statuses(api) == {instance_id: "running"}
    assert status_by_id(api, instance_id) == ("running" if by_id_too else "stopped")
    sim.control.advance(3)
    assert list_statuses(api) == {instance_id: "stopped"}
    assert status_by_id(api, instance_id) == "stopped"


def test_a_list_that_lags_shows_one_moment_not_a_mixture(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    sim.control.advance(BOOT / 2)
    sim.control.fault("status_lag", seconds=1000)
    (before,) = api.get("/instances").json()["instances"]
    stop(api, instance_id)
    sim.control.advance(999)
    assert api.get("/instances").json()["instances"] == [before]


def test_a_restart_and_its_boot_show_late_in_the_list(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    stop(api, instance_id)
    sim.control.fault("status_lag", path="/instances/restart", seconds=10)
    restart(api, instance_id)
    statuses = []
    for _ in range(6):
        statuses.append((list_statuses(api)[instance_id], status_by_id(api, instance_id)))
        sim.control.advance(10)
    assert statuses == [
        ("stopped", "pending"),
        ("pending", "pending"),
        ("pending", "pending"),
        ("pending", "pending"),
        ("pending", "running"),
        ("running", "running"),
    ]


def test_a_start_is_listed_at_once_and_progresses_late(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("status_lag", path="/instances/start", seconds=10, by_id=True)
    instance_id = start(api)
    assert list_statuses(api) == {instance_id: "pending"}
    sim.control.advance(BOOT + 9.999)
    assert (list_statuses(api)[instance_id], status_by_id(api, instance_id)) == ("pending", "pending")
    assert sim.control.instances()[0].status == "running"
    sim.control.advance(0.001)
    assert (list_statuses(api)[instance_id], status_by_id(api, instance_id)) == ("running", "running")


def test_stop_all_lags_for_each_that_it_stops(sim: Simulator, api: httpx.Client) -> None:
    first, second = start(api), start(api)
    sim.control.fault("status_lag", instance_id=second)
    api.post("/instances/stop-all").raise_for_status()
    assert list_statuses(api) == {first: "stopped", second: "pending"}


def test_a_deletion_without_a_lag_ends_the_lag_of_the_stop_before_it(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("status_lag", seconds=100, by_id=True)
    instance_id = start(api)
    stop(api, instance_id)
    delete(api, instance_id)
    assert (list_statuses(api), status_by_id(api, instance_id)) == ({}, 404)


def test_what_vanishes_is_gone_at_once_whatever_lagged_before(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("status_lag", seconds=100, by_id=True)
    instance_id = start(api)
    stop(api, instance_id)
    sim.control.vanish(instance_id)
    assert (list_statuses(api), status_by_id(api, instance_id)) == ({}, 404)

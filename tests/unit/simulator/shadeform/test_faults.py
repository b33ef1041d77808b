"""The faults that hit the simulated Shadeform (docs/simulator.md#shadeform)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulator.shadeform.client import BOOT, PLACE, WANTED, ShadeformClient, ShadeformError

CREATE = {"method": "POST", "path": "/instances/create"}


@pytest.mark.parametrize(
    ("kind", "chosen", "status", "code"),
    [
        ("out_of_stock", {}, 409, "OUT_OF_STOCK"),
        ("out_of_stock", {"status": 503}, 503, "OUT_OF_STOCK"),
        ("insufficient_funds", {}, 409, "INSUFFICIENT_FUNDS"),
    ],
)
def test_an_order_is_refused(
    kind: str, chosen: dict[str, Any], status: int, code: str, sim: Simulator, api: ShadeformClient
) -> None:
    sim.control.fault(kind, count=1, **chosen)
    with pytest.raises(ShadeformError) as refused:
        api.create()
    assert (refused.value.status, refused.value.code) == (status, code)
    assert api.listed() == {}
    api.create()


@pytest.mark.parametrize("where", [{"region": "nowhere-1"}, {"region": "montreal-canada-2"}])
def test_a_region_without_stock_and_one_that_does_not_exist_are_answered_alike(
    where: dict[str, str], sim: Simulator, api: ShadeformClient
) -> None:
    sim.control.set_shadeform_stock("hyperstack", "A6000", False)
    with pytest.raises(ShadeformError) as refused:
        api.create(**where)
    error = refused.value
    assert (error.status, error.code, error.message) == (409, "OUT_OF_STOCK", "Out of stock")


@pytest.mark.parametrize("match", [{"region": "desmoines-usa-1"}, {"shade_instance_type": "A6000x2"}])
def test_a_fault_matches_by_region_and_type(match: dict[str, str], sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("out_of_stock", **match)  # type: ignore[arg-type]
    api.create()
    with pytest.raises(ShadeformError, match="Out of stock"):
        api.create(cloud="massedcompute", region="desmoines-usa-1", shade_instance_type="A6000x2")


@pytest.mark.parametrize(("step", "status"), [(1, "creating"), (2, "pending_provider"), (3, "pending"), (4, "pending")])
def test_a_boot_is_stuck_or_fails_at_a_step(step: int, status: str, sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("stuck_boot", step=step, count=1)
    stuck = api.create()
    sim.control.fault("boot_failure", step=step, count=1)
    failing = api.create()
    sim.control.advance(BOOT * min(step, 3) / 3 - 0.001)
    assert api.listed() == {stuck: status, failing: status}
    sim.control.advance(1e6)
    assert api.listed() == {stuck: status, failing: "error"}
    assert all(entry.amount.amount == 0 for entry in sim.control.ledger().entries)
    api.delete(failing)
    assert api.status(failing) == "deleting"


def test_an_active_instance_turns_into_an_error_that_is_billed(sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("reclaim", seconds=60)
    instance_id = api.create()
    sim.control.advance(BOOT + 59)
    assert api.status(instance_id) == "active"
    sim.control.advance(1)
    info = api.info(instance_id)
    assert (info["status"], bool(info["status_details"])) == ("error", True)
    sim.control.advance(3540)
    api.delete(instance_id)
    sim.control.advance(3600)
    (entry,) = sim.control.ledger().of(instance_id)
    assert entry.amount.decimal_string() == "0.50"


def test_a_cloud_takes_an_instance_back(sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("reclaim", seconds=60, vanish=True)
    instance_id = api.create()
    sim.control.advance(BOOT + 3600)
    assert api.status(instance_id) == "deleted"
    (entry,) = sim.control.ledger().of(instance_id)
    assert entry.amount.decimal_string() == "0.008333"  # a minute at 50 cents an hour


def test_somebody_deletes_it_in_the_console(sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("stop_from_outside", seconds=5)
    instance_id = api.create()
    sim.control.advance(5)
    assert api.status(instance_id) == "deleting"


@pytest.mark.parametrize("by_id", [False, True])
def test_a_new_instance_is_listed_late(by_id: bool, sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("list_lag", seconds=10, by_id=by_id)
    instance_id = api.create()
    assert (api.listed(), api.status(instance_id)) == ({}, "deleted" if by_id else "creating")
    sim.control.advance(10)
    assert api.listed() == {instance_id: "pending_provider"}


@pytest.mark.parametrize("by_id", [False, True])
def test_a_status_is_shown_late(by_id: bool, sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("status_lag", seconds=5, by_id=by_id)
    instance_id = api.create()
    sim.control.advance(BOOT + 2)
    assert (api.listed()[instance_id], api.status(instance_id)) == ("pending", "pending" if by_id else "active")
    sim.control.advance(10)
    api.delete(instance_id)
    assert (api.listed()[instance_id], api.status(instance_id)) == ("active", "active" if by_id else "deleting")
    assert sim.control.ledger().open == ()
    sim.control.advance(5)
    assert api.listed() == {instance_id: "deleting"}


def test_a_deleted_instance_is_listed_for_a_while(sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("delete_lag", seconds=5)
    instance_id = api.create()
    api.delete(instance_id)
    assert api.listed() == {instance_id: "deleting"}
    sim.control.advance(14.999)
    assert (api.listed(), api.status(instance_id)) == ({instance_id: "deleting"}, "deleted")
    assert sim.control.instances() == ()
    sim.control.advance(0.001)
    assert api.listed() == {}


@pytest.mark.parametrize("status", [409, 500])
def test_an_order_is_carried_out_and_refused(status: int, sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("server_error", status=status, after_side_effect=True, count=1, **CREATE)
    with pytest.raises(ShadeformError) as refused:
        api.create(tags=["order"])
    assert refused.value.status == status
    (row,) = api.get("/instances")["instances"]
    assert row["tags"] == ["order"]


def test_an_answer_is_lost(sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("lost_answer", count=1, **CREATE)
    with pytest.raises(httpx.RemoteProtocolError):
        api.create()
    assert len(api.listed()) == 1
    sim.control.fault("lost_request", count=1, **CREATE)
    with pytest.raises(httpx.RemoteProtocolError):
        api.create()
    assert len(api.listed()) == 1


def test_a_fault_of_any_request_hits_volumes_by_region_and_id(sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("too_many_requests", count=1, path="/volumes/create", region=PLACE["region"])
    with pytest.raises(ShadeformError) as refused:
        api.create_volume()
    assert (refused.value.status, refused.value.code) == (429, "TOO_MANY_REQUESTS")
    volume_id = api.create_volume()
    sim.control.fault("server_error", count=1, instance_id=volume_id)
    with pytest.raises(ShadeformError, match="500"):
        api.get(f"/volumes/{volume_id}/info")
    sim.control.fault("empty_list", path="/volumes", count=1)
    assert [len(api.get("/volumes")["volumes"]) for _ in range(2)] == [0, 1]


def test_the_same_seed_gives_the_same_ids(sim: Simulator, api: ShadeformClient) -> None:
    first = api.create()
    sim.control.reset(seed=1)
    assert api.create() == first
    assert WANTED["name"] == api.info(first)["name"]

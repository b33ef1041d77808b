"""Autoscaling and the bill of the simulated Gcore (docs/apis/gcore.md#scaling and #billing)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator import Simulator, running
from pulumi_cortecs.simulator.gcore import GCORE
from tests.unit.simulator.gcore.client import BOOT, L40S, NAME, TASK, GcoreClient, region

PER_MINUTE = Decimal("0.03")
HTTP = {"triggers": {"http": {"rate": 2, "window": 60}}}


def replica_minutes(sim: Simulator) -> Decimal:
    """The billed minutes of all replicas."""
    total = sim.control.ledger().totals.get("USD", Money.zero("USD"))
    return total.amount / PER_MINUTE


def test_an_idle_deployment_scales_to_zero_and_a_request_wakes_it(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7, 0), timeout=60)
    sim.control.advance(BOOT + 60)
    assert (api.status(), api.replicas(), sim.control.ledger().open) == ("PENDING", [(0, 0)], ())
    assert api.ask() == 503
    assert (api.status(), api.replicas()) == ("PARTIALLYDEPLOYED", [(0, 1)])
    sim.control.advance(BOOT)
    assert (api.status(), api.ask()) == ("ACTIVE", 200)
    sim.control.advance(59)
    assert api.status() == "ACTIVE"
    sim.control.advance(1)
    assert api.status() == "PENDING"


def test_a_deployment_that_is_woken_can_answer_even_without_a_timeout(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7, 0), timeout=1)
    sim.control.advance(BOOT + 1)
    assert api.ask() == 503
    sim.control.advance(BOOT)
    assert api.ask() == 200


def test_a_request_without_a_key_wakes_nothing(api: GcoreClient, sim: Simulator) -> None:
    sim.control.seed_gcore(api_keys=[{"name": "key1", "secret": "s1"}])
    api.create(region(7, 0), timeout=60, api_keys=["key1"])
    sim.control.advance(BOOT + 60)
    assert (api.ask(), api.status()) == (401, "PENDING")
    assert (api.ask(Authorization="Bearer s1"), api.status()) == (503, "PARTIALLYDEPLOYED")


def test_an_http_trigger_wants_a_replica_for_each_rate_of_requests(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7, 1, 3, **HTTP), region(26, 1, 3))
    sim.control.advance(BOOT)
    seen = []
    for _ in range(8):
        api.ask()
        seen.append(api.replicas()[0][1])
    assert seen == [1, 1, 2, 2, 3, 3, 3, 3]  # and no more than the maximum
    assert (api.status(), api.replicas()) == ("ACTIVE", [(1, 3), (1, 1)])  # the other region has no such trigger
    sim.control.advance(BOOT)
    assert api.replicas() == [(3, 3), (1, 1)]
    sim.control.advance(120)
    assert api.replicas() == [(1, 1), (1, 1)]


def test_requests_that_are_older_than_the_window_do_not_count(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7, 1, 3, **HTTP))
    sim.control.advance(BOOT)
    for _ in range(4):
        api.ask()
        sim.control.advance(31)
    assert api.replicas() == [(1, 1)]


def test_the_control_sets_a_load_in_place_of_requests(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7, 0, 3), region(26, 2, 4), timeout=60)
    sim.control.advance(BOOT)
    for load, totals in ((3, [3, 3]), (9, [3, 4]), (0, [0, 2]), (1, [1, 2])):
        sim.control.gcore_set_load(NAME, load)
        assert [total for _, total in api.replicas()] == totals
    sim.control.advance(1000)
    assert api.replicas() == [(1, 1), (2, 2)]
    sim.control.gcore_set_load(NAME, None)
    sim.control.advance(60)
    assert api.replicas() == [(0, 0), (2, 2)]


def test_a_new_scale_applies_to_the_replicas_that_there_are(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7, 1, 3))
    sim.control.advance(BOOT)
    api.update(containers=[region(7, 2, 5)])
    assert (api.status(), api.replicas()) == ("PARTIALLYDEPLOYED", [(1, 2)])
    sim.control.advance(BOOT)
    api.update(containers=[region(7, 1, 1)])
    assert (api.status(), api.replicas()) == ("ACTIVE", [(1, 1)])


def test_scaling_beyond_the_capacity_of_a_region_leaves_replicas_unready(api: GcoreClient, sim: Simulator) -> None:
    sim.control.set_gcore_capacity(L40S, 2, region_id=7)
    api.create(region(7, 1, 3))
    sim.control.advance(BOOT)
    sim.control.gcore_set_load(NAME, 3)
    sim.control.advance(BOOT)
    assert (api.status(), api.replicas()) == ("ACTIVE", [(2, 3)])
    assert api.info()["containers"][0]["error_message"] == "No capacity available in the region"


@pytest.mark.parametrize(("billed_from", "seconds"), [("ready", 600), ("started", 600 + BOOT)])
def test_each_replica_is_billed_by_started_minutes(
    api: GcoreClient, sim: Simulator, billed_from: str, seconds: int
) -> None:
    sim.control.settings(gcore_billed_from=billed_from)
    api.create(region(7, 2, 2), region(26, 1, 1))
    sim.control.advance(BOOT)  # the first region is ready a third of a boot before the last
    sim.control.advance(600 - 10)
    api.delete()
    first = -(-seconds // 60) if billed_from == "ready" else -(-(seconds - 10) // 60)
    last = -(-(590) // 60) if billed_from == "ready" else first
    assert replica_minutes(sim) == 2 * first + last
    sim.control.advance(TASK + 1000)
    assert replica_minutes(sim) == 2 * first + last
    entries = sim.control.ledger().entries
    assert {(entry.region_id, entry.replica) for entry in entries} == {(7, 0), (7, 1), (26, 0)}


def test_only_replicas_that_run_are_billed(api: GcoreClient, sim: Simulator) -> None:
    api.create(region(7, 0, 3), timeout=60)
    sim.control.advance(BOOT + 60)  # one replica for its idle minute
    assert replica_minutes(sim) == 1
    sim.control.advance(10_000)
    assert replica_minutes(sim) == 1
    sim.control.gcore_set_load(NAME, 3)
    sim.control.advance(BOOT + 120)
    assert replica_minutes(sim) == 1 + 3 * 2
    sim.control.gcore_set_load(NAME, 1)
    sim.control.advance(60)
    api.stop()
    sim.control.advance(10_000)
    assert replica_minutes(sim) == 1 + 3 * 2 + 1


def test_a_restart_bills_the_new_flavor_at_its_price_of_then(api: GcoreClient, sim: Simulator) -> None:
    api.create()
    sim.control.advance(BOOT + 60)
    sim.control.set_gcore_price("inference-8vcpu-32gib", "0.60")
    api.update(flavor_name="inference-8vcpu-32gib")
    sim.control.advance(BOOT + 120)
    sim.control.set_gcore_price("inference-8vcpu-32gib", "60")
    amounts = [entry.amount.amount for entry in sim.control.ledger().entries]
    assert amounts == [PER_MINUTE, Decimal("0.02")]


def test_the_bill_is_in_the_currency_of_the_account(api: GcoreClient, sim: Simulator) -> None:
    sim.control.settings(gcore_currency="EUR")
    api.create()
    sim.control.advance(BOOT + 60)
    assert sim.control.ledger().totals == {"EUR": Money(PER_MINUTE, "EUR")}


def test_a_kept_state_continues(tmp_path: Path) -> None:
    file = tmp_path / "sim.db"
    with running(boot=BOOT, state=file, simulated=[GCORE]) as sim, sim.gcore_client() as http, GcoreClient(http) as api:
        sim.control.pause()
        sim.control.fault("status_lag", seconds=1e6, count=1)
        api.create(region(7, 0, 3, **HTTP), timeout=60)
        sim.control.advance(BOOT)
    with running(state=file, simulated=[GCORE]) as sim, sim.gcore_client() as http, GcoreClient(http) as api:
        assert (api.status(), api.listed(), api.replicas()) == ("ACTIVE", {NAME: "DEPLOYING"}, [(1, 1)])
        assert (api.ask(), len(sim.control.ledger().open)) == (200, 1)
        sim.control.advance(60)
        assert (api.status(), replica_minutes(sim)) == ("PENDING", 1)

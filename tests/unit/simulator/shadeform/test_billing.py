"""The bill of the simulated Shadeform, by integer arithmetic (docs/apis/shadeform.md#billing)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator import Simulator
from pulumi_cortecs.simulator.shadeform.runs import ShadeformRun
from pulumi_cortecs.simulator.shadeform.settings import Rounding
from tests.unit.simulator.shadeform.client import BOOT, ShadeformClient, ShadeformError

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
UNITS: dict[Rounding, int] = {"minute": 60, "second": 1}


def dollars(sim: Simulator, resource_id: str) -> Decimal:
    """The amount of a resource's only row in the ledger."""
    (entry,) = sim.control.ledger().of(resource_id)
    return entry.amount.amount


def micros(cents: int, seconds: int, unit: int) -> int:
    """Millionths of a dollar of so many cents per hour, half up."""
    started = -(-seconds // unit)
    return (2 * cents * 10_000 * started * unit + 3600) // 7200


def run_of(cents: int, rounding: Rounding) -> ShadeformRun:
    price = Money(Decimal(cents) / 100, "USD")
    return ShadeformRun("sim", "id", "instance", "p", price, rounding, started_at=START, billed_from=START)


@given(st.integers(0, 10_000), st.integers(0, 10_000_000), st.sampled_from(sorted(UNITS)))
def test_the_amount_is_started_units_times_price(cents: int, seconds: int, rounding: Rounding) -> None:
    amount = run_of(cents, rounding).cost(timedelta(seconds=seconds)).amount
    assert amount * 1_000_000 == micros(cents, seconds, UNITS[rounding])


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.sampled_from(sorted(UNITS)))
def test_a_spend_is_reached_at_the_first_unit_that_costs_as_much(cents: int, wanted: int, rounding: Rounding) -> None:
    run, threshold = run_of(cents, rounding), Decimal(wanted) / 100
    at = run.spent_at(threshold)
    assert at is not None
    assert run.amount(at).amount >= threshold
    assert run.amount(at - timedelta(seconds=UNITS[rounding])).amount < threshold


@pytest.mark.parametrize(("start", "billed"), [("active", 3600), ("provider", 3600 + 10), ("created", 3600 + BOOT)])
def test_the_bill_begins_as_the_setting_says_and_ends_with_deleting(
    start: str, billed: int, sim: Simulator, api: ShadeformClient
) -> None:
    sim.control.settings(shadeform_billing_start=start, shadeform_rounding="second")
    instance_id = api.create()
    sim.control.advance(BOOT + 3600)
    api.delete(instance_id)
    sim.control.advance(3600)
    assert dollars(sim, instance_id) * 1_000_000 == micros(50, billed, 1)
    entry = sim.control.ledger().entries[0]
    assert (entry.cloud, entry.amount.currency) == ("shadeform", "USD")


def test_a_started_minute_counts(sim: Simulator, api: ShadeformClient) -> None:
    instance_id = api.create()
    sim.control.advance(BOOT)
    assert dollars(sim, instance_id) == 0
    sim.control.advance(0.001)
    assert dollars(sim, instance_id) * 1_000_000 == micros(50, 60, 60) == 8333
    sim.control.advance(60)
    assert dollars(sim, instance_id) * 1_000_000 == micros(50, 120, 60)


def test_what_was_never_active_is_not_billed(sim: Simulator, api: ShadeformClient) -> None:
    instance_id = api.create()
    sim.control.advance(BOOT - 1)
    api.delete(instance_id)
    sim.control.advance(3600)
    assert dollars(sim, instance_id) == 0


def test_a_linked_cloud_bills_itself(sim: Simulator, api: ShadeformClient) -> None:
    instance_id = api.create(shade_cloud=False, auto_delete={"spend_threshold": "0.01"})
    sim.control.advance(BOOT + 36_000)
    assert dollars(sim, instance_id) == 0
    info = api.info(instance_id)
    assert (info["hourly_price"], info["cost_estimate"], info["status"]) == (50, "0", "active")


def test_the_shown_cost_is_late_and_in_dollars(sim: Simulator, api: ShadeformClient) -> None:
    instance_id = api.create()
    sim.control.advance(BOOT + 3600)
    assert api.info(instance_id)["cost_estimate"] == "0.49"
    sim.control.settings(cost_lag_seconds=0)
    assert api.info(instance_id)["cost_estimate"] == "0.5"
    assert api.info(instance_id)["hourly_price"] == 50


def test_a_spend_ends_an_instance_at_that_cost(sim: Simulator, api: ShadeformClient) -> None:
    instance_id = api.create(auto_delete={"spend_threshold": "1.25"})
    sim.control.advance(BOOT + 9000 - 0.001)
    assert api.status(instance_id) == "active"
    sim.control.advance(0.001)
    assert api.status(instance_id) == "deleting"
    sim.control.advance(1e6)
    assert dollars(sim, instance_id) == Decimal("1.25")


def test_volumes_are_billed_until_they_are_deleted(sim: Simulator, api: ShadeformClient) -> None:
    volume_id = api.create_volume(size=100)
    sim.control.advance(36_000)
    assert api.get(f"/volumes/{volume_id}/info")["cost_estimate"] == "0.1"
    api.post(f"/volumes/{volume_id}/delete")
    sim.control.advance(36_000)
    assert dollars(sim, volume_id) == Decimal("0.1")  # 0.0001 USD x 100 GB x 10 h
    (entry,) = sim.control.ledger().of(volume_id)
    assert entry.ended_at is not None
    assert sim.control.ledger().open == ()


def test_an_order_needs_five_dollars(sim: Simulator, api: ShadeformClient) -> None:
    sim.control.settings(shadeform_balance="5.50")
    api.create()
    sim.control.advance(BOOT + 3540)
    api.create()
    sim.control.advance(61)
    with pytest.raises(ShadeformError, match="minimum of \\$5") as refused:
        api.create()
    assert (refused.value.status, refused.value.code) == (409, "INSUFFICIENT_FUNDS")

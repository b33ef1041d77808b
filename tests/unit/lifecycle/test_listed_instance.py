"""`lifecycle/listed_instance.py`: what an instance is and costs, by what its cloud reports of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pulumi_cortecs.cortecs.client import ApiInstance, CortecsClient
from pulumi_cortecs.cortecs.cloud import CortecsCloud
from pulumi_cortecs.cortecs.kind import INSTANCE
from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, billed_amount, quote, run_cost
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.lifecycle.listed_instance import ListedInstance, describe_instance
from tests.acme.client import AcmeClient, Machine
from tests.acme.cloud import AcmeCloud

NOW = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
L4 = PricedHardware("L4", Money.of("1.30", "EUR"), Money.of("0.02", "EUR"), cloud="c")
ORDER = {
    "model_id": "Qwen/Qwen2-7B-Instruct",
    "hardware_type_id": "L4",
    "context_length": 32000,
    "billing_interval": "per_minute",
    "num_workers": 1,
}


def at(ago: timedelta) -> str:
    return f"{NOW - ago:%Y-%m-%dT%H:%M:%SZ}"


def described(
    *, status: str = "running", stopped: timedelta | None = None, started: str | None = None, **order: Any
) -> ListedInstance:
    """An instance at Cortecs that has run for an hour and half a minute."""
    ordered = {key: value for key, value in {**ORDER, **order}.items() if value is not None}
    instance = ApiInstance.model_validate(
        {
            "instance_id": "i",
            "instance_args": ordered,
            "instance_status": {
                "status": status,
                "started_at": at(timedelta(hours=1, seconds=30)) if started is None else started or None,
                "stopped_at": None if stopped is None else at(stopped),
            },
        }
    )

    def price(inputs: Any) -> Money | None:
        if inputs.get("hardware_type_id") != "L4" or not inputs.keys() >= set(INSTANCE.arguments.replacing):
            return None
        interval = BillingInterval(inputs["billing_interval"])
        return quote(L4, interval, inputs["num_workers"], "live").hourly_total

    credentials = Credentials("cortecs", "https://vendor.example/v1", ("sim", "sim"))
    cloud = CortecsCloud(CortecsClient(credentials), "", 0, price)
    return describe_instance(cloud, instance, INSTANCE.arguments.replacing, NOW, cloud.hourly_price)


def test_it_costs_what_its_billing_interval_makes_of_its_hardware() -> None:
    by_the_minute, by_the_hour = described(), described(billing_interval="per_hour", num_workers=2)
    assert (str(by_the_minute.hourly), str(by_the_minute.cost_so_far)) == ("1.20 EUR", "1.22 EUR")
    assert (str(by_the_hour.hourly), str(by_the_hour.cost_so_far)) == ("2.60 EUR", "5.20 EUR")


def test_a_stopped_one_costs_nothing_now_and_what_its_run_was() -> None:
    stopped = described(status="stopped", stopped=timedelta(hours=1))
    assert (str(stopped.hourly), str(stopped.cost_so_far)) == ("0.00 EUR", "0.02 EUR")
    assert described(status="stopped").cost_so_far is None


def test_one_with_a_status_that_nobody_knows_is_taken_for_billed() -> None:
    melting = described(status="melting")
    assert (str(melting.hourly), melting.status, melting.phase) == ("1.20 EUR", "melting", None)


@pytest.mark.parametrize("changed", [{"hardware_type_id": "gone"}, {"billing_interval": None}, {"num_workers": None}])
def test_what_cannot_be_priced_is_not_priced_at_zero(changed: dict[str, Any]) -> None:
    instance = described(**changed)
    assert (instance.hourly, instance.cost_so_far) == (None, None)


def test_what_it_has_cost_is_unknown_without_a_start() -> None:
    instance = described(started="")
    assert (str(instance.hourly), instance.cost_so_far) == ("1.20 EUR", None)


def test_what_is_not_reported_is_a_question_mark_in_its_description() -> None:
    assert described(hardware_type_id=None).ordered == "Qwen--Qwen2-7B-Instruct on 1 x ?"


def test_a_cloud_without_a_rule_of_its_own_bills_the_second() -> None:
    machine = Machine(
        id="1", plan="small", zone="north", label="", tags={}, status="active", created_at=at(timedelta(minutes=30))
    )
    price = Money.of("0.60", "EUR")
    cloud = AcmeCloud(AcmeClient(Credentials("acme", "https://acme.example", ("key",))), "", 0, lambda _: price)
    instance = describe_instance(cloud, machine, ("plan", "zone"), NOW, cloud.hourly_price)
    assert (instance.ordered, instance.status, str(instance.cost_so_far)) == ("small in north", "running", "0.30 EUR")


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 61, 3599, 3600, 3601, 86_400])
@pytest.mark.parametrize("interval", BillingInterval)
def test_a_run_costs_by_the_hourly_price_what_it_is_billed_at(interval: BillingInterval, seconds: int) -> None:
    ran_for = timedelta(seconds=seconds)
    hourly = quote(L4, interval, 3, "live").hourly_total
    assert run_cost(hourly, interval.unit, ran_for) == billed_amount(L4, interval, 3, ran_for)


def test_a_run_has_no_negative_length() -> None:
    with pytest.raises(ValueError, match="cannot last"):
        run_cost(Money.of("1", "EUR"), timedelta(seconds=1), timedelta(seconds=-1))

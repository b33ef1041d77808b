"""Exemptions: for one resource, from one rule, until a day, up to a price."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from pulumi_cortecs.policy.exemptions import Exemption
from pulumi_cortecs.policy.testing import (
    INSTANCE,
    PackTester,
    assert_advised,
    assert_allowed,
    assert_denied,
    cortecs_instance,
)
from tests.unit.policy.test_limits import DEMO, granted

ROOMY: dict[str, Any] = {
    **DEMO,
    **{name: {"not_limited": "not what this is about"} for name in ("gpu-count-max", "workers-max")},
    "stack-hourly-budget": {"per_hour": ["1000.00 EUR"]},
    "stack-monthly-budget": {"per_month": ["1000000.00 EUR"]},
}
DEAR = cortecs_instance(num_workers=8)
"""9.60 EUR/h; 5.00 EUR are allowed."""


def bench(day: str = "2030-01-31", **changed: Any) -> PackTester:
    now = datetime.fromisoformat(f"{day}T23:59:59").replace(tzinfo=timezone.utc)
    return PackTester("guard", {**ROOMY, "exemptions-valid": granted(**changed)["exemptions-valid"]}, now=now)


def test_an_exempted_purchase_passes_and_is_listed() -> None:
    verdict = bench().preview(DEAR)
    assert_allowed(verdict)
    assert_advised(
        verdict,
        "instance-hourly-cap",
        "9.60 EUR/h",
        "exempt until 2030-01-31 up to 20.00 EUR/h, says finance: a load test",
    )


def test_it_ends_with_its_last_day() -> None:
    verdict = bench(day="2030-02-01").preview(DEAR)
    assert_denied(verdict, "instance-hourly-cap", "4.60 EUR too much")
    assert_denied(verdict, "exemptions-valid", "its exemption from instance-hourly-cap ended on 2030-01-31", "finance")


def test_an_expired_exemption_is_a_violation_even_where_it_is_not_needed() -> None:
    assert_denied(bench(day="2030-02-01").preview(cortecs_instance()), "exemptions-valid", "ended on 2030-01-31")


def test_it_goes_up_to_its_price_and_not_further() -> None:
    assert_allowed(bench(up_to="9.60 EUR").preview(DEAR))
    verdict = bench(up_to="9.59 EUR").preview(DEAR)
    assert_denied(verdict, "instance-hourly-cap", "It is exempt until 2030-01-31 up to 9.59 EUR", "and costs more")


def test_a_price_in_another_currency_is_not_within_it() -> None:
    assert_denied(bench(up_to="20.00 USD").preview(DEAR), "instance-hourly-cap")


@pytest.mark.parametrize(
    "resource",
    [
        "urn:pulumi:prod::tests::*::chat",
        "urn:pulumi:test::other::*::chat",
        "urn:pulumi:test::tests::*::chat-*",
        "urn:pulumi:test::tests::*::Chat",
        "urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Endpoint::chat",
        "urn:pulumi:test::tests::*::cha?",
        "urn:pulumi:test::tests::*::[a-z]hat",
        "urn:pulumi:test::tests::*::[!x]*",
        "urn:pulumi:tes?::tests::*::chat",
        "urn:pulumi:test::[t]ests::*::chat",
    ],
)
def test_it_is_for_no_other_resource(resource: str) -> None:
    assert_denied(bench(resource=resource).preview(DEAR), "instance-hourly-cap")


def test_a_name_with_colons_does_not_reach_into_another_part_of_the_urn() -> None:
    verdict = bench(resource="urn:pulumi:test::tests::*::chat").preview(cortecs_instance("evil::chat", num_workers=8))
    assert_denied(verdict, "instance-hourly-cap")


def test_it_is_from_no_other_rule() -> None:
    assert_denied(bench(rule="price-per-gpu-cap").preview(DEAR), "instance-hourly-cap")


def test_it_lifts_nothing_whose_price_nobody_knows() -> None:
    verdict = bench().preview(cortecs_instance(num_workers=8, billing_interval="per_fortnight"))
    assert_denied(verdict, "instance-hourly-cap", "'per_fortnight', not a billing interval", "or its price is unknown")


def exemption(resource: str) -> Exemption:
    return Exemption.model_validate(granted(resource=resource)["exemptions-valid"]["exemptions"][0])


@pytest.mark.parametrize("name", ["chat?", "[chat]", "ch[at", "a]b", "evil::chat"])
def test_a_name_with_other_signs_is_exempted_by_itself(name: str) -> None:
    urn = f"urn:pulumi:test::tests::{INSTANCE}::{name}"
    assert exemption(f"urn:pulumi:test::tests::*::{name}").applies_to(urn)
    assert exemption(f"urn:pulumi:test::tests::*::{name[:3]}*").applies_to(urn)


@pytest.mark.parametrize("middle", [f"team::chat${INSTANCE}::eight", f"{INSTANCE}::chat${INSTANCE}::eight"])
def test_an_ambiguous_urn_is_exempted_in_both_readings_or_not_at_all(middle: str) -> None:
    urn = f"urn:pulumi:test::tests::{middle}"
    assert not exemption("urn:pulumi:test::tests::*::chat*").applies_to(urn)
    assert not exemption("urn:pulumi:test::tests::team::*eight").applies_to(urn)
    assert exemption(urn).applies_to(urn)


def test_what_lies_in_a_component_is_exempted_by_its_own_name() -> None:
    urn = f"urn:pulumi:test::tests::team::chat${INSTANCE}::eight"
    assert exemption("urn:pulumi:test::tests::*::eight").applies_to(urn)
    assert not exemption("urn:pulumi:test::tests::*::eight").applies_to("urn:pulumi:test::tests::other:kind:Row::eight")


def test_what_is_no_urn_is_exempted_from_nothing() -> None:
    assert not any(exemption("urn:pulumi:test::tests::*::chat*").applies_to(urn) for urn in ("", "chat", "a::chat"))

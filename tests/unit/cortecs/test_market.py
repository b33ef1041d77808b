"""The completion of an order by Cortecs' offers, and the effect of each argument on the price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from pulumi.output import Unknown

from pulumi_cortecs.cortecs.kind import ARGUMENTS, INSTANCE
from pulumi_cortecs.cortecs.market import InstanceMarket, PinnedOffers
from pulumi_cortecs.cost import PricedHardware, catalogue
from pulumi_cortecs.policy.pinned import SHIPPED
from pulumi_cortecs.provider.kind import Market, Problem

UNKNOWN = Unknown()  # type: ignore[no-untyped-call]


@pytest.fixture
def market() -> Market:
    prices = catalogue.load(SHIPPED / "simulator.lock.yaml").price_lists["cortecs"]
    return InstanceMarket(PinnedOffers(prices))


@pytest.fixture
def ordered(market: Market) -> dict[str, Any]:
    problems: list[Problem] = []
    wanted = {"model_id": "Qwen--Qwen2-7B-Instruct", **ARGUMENTS.defaults}
    completed = market.complete(wanted, {}, problems)
    assert problems == []
    return completed


def test_what_the_market_decides_and_the_quote_are_filled_in(ordered: dict[str, Any]) -> None:
    assert {*ordered} == {*ARGUMENTS, "quote"}


def test_what_is_priced_is_what_the_quote_depends_on(market: Market, ordered: dict[str, Any]) -> None:
    for key in ARGUMENTS:
        quote, problems = market.quote({**ordered, key: UNKNOWN})
        assert problems == []
        assert isinstance(quote, Unknown) == (key in ARGUMENTS.priced), key


def test_what_is_not_told_has_no_price_and_is_no_problem(market: Market, ordered: dict[str, Any]) -> None:
    for key in ARGUMENTS.priced:
        assert market.quote({name: value for name, value in ordered.items() if name != key}) == ({}, [])


def test_what_is_not_sold_any_more_has_no_price_and_a_problem(market: Market, ordered: dict[str, Any]) -> None:
    quote, problems = market.quote({**ordered, "hardware_type_id": "GONE"})
    assert quote == {}
    assert [problem.property for problem in problems] == ["hardware_type_id"]


def test_limits_are_asked_of_model_and_hardware(market: Market, ordered: dict[str, Any]) -> None:
    facts = market.policy_values({"model_id": UNKNOWN})
    assert facts["model_id"] is None
    assert "hardware_type_id" in str(facts["hardware_type_id"])
    assert market.policy_values(ordered)["hardware_type_id"] == ordered["hardware_type_id"]


def test_texts_name_the_vendor_as_english_does() -> None:
    acme = replace(INSTANCE, credentials=replace(INSTANCE.credentials, vendor="Acme"))
    assert (INSTANCE.possessive, acme.possessive) == ("Cortecs'", "Acme's")


def test_a_quote_is_made_of_one_answer(ordered: dict[str, Any]) -> None:
    """The next answer may be another list: other threads ask, too, and a list may be wrong for a moment."""
    prices = catalogue.load(SHIPPED / "simulator.lock.yaml").price_lists["cortecs"]

    class Changing(PinnedOffers):
        def hardware_types(self) -> Mapping[str, PricedHardware]:
            answers.append({} if answers else super().hardware_types())
            return answers[-1]

    answers: list[Mapping[str, PricedHardware]] = []
    quote, problems = InstanceMarket(Changing(prices)).quote(ordered)
    assert (quote["hourly_total"], problems, len(answers)) == (ordered["quote"]["hourly_total"], [], 1)

"""The market of a cloud that sells by place, on listings in memory."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.provider.kind import Problem
from pulumi_cortecs.provider.place_market import Listing, offers_of, prices_of
from pulumi_cortecs.provider.properties import UNKNOWN
from pulumi_cortecs.shadeform.kind import INSTANCE
from pulumi_cortecs.shadeform.market import ShadeformMarket, VolumeMarket

THERE = {"cloud": "one", "region": "north", "shade_instance_type": "A6000", "shade_cloud": True}


def listing(region: str = "north", name: str = "A6000", price: str | None = "0.50", available: bool = True) -> Listing:
    amount = None if price is None else Money.of(price, "USD")
    return Listing(("one", region, name), amount, region, available)


def hourly(quote: Any) -> Any:
    return quote.get("hourly_total")


def test_of_two_offers_in_one_place_the_dearer_counts() -> None:
    market = ShadeformMarket(lambda: [listing(price="0.50"), listing(price="0.70"), listing("south", price="0.90")])
    quote, problems = market.quote(THERE)
    assert (hourly(quote), problems) == ("0.70", [])


@pytest.mark.parametrize("price", [None, "0"])
def test_without_a_price_there_is_no_quote(price: str | None) -> None:
    market = ShadeformMarket(lambda: [listing(price=price)])
    assert market.quote(THERE) == ({}, [])
    assert offers_of(INSTANCE, market.rows()) == []


def test_one_price_that_cannot_be_read_leaves_all_of_its_place_without() -> None:
    market = VolumeMarket(lambda: [listing(name="volume", price="0.0001"), listing(name="volume", price=None)])
    assert market.quote({**THERE, "size_in_gb": 100})[0] == {}


def test_units_multiply_the_price_and_are_needed_for_it() -> None:
    market = VolumeMarket(lambda: [listing(name="volume", price="0.0001")])
    assert hourly(market.quote({**THERE, "size_in_gb": 100.0})[0]) == "0.01"
    assert market.quote({**THERE, "size_in_gb": UNKNOWN})[0] is UNKNOWN
    assert market.quote(THERE)[0] == {}


def test_the_first_argument_that_names_nothing_is_the_problem() -> None:
    market = ShadeformMarket(lambda: [listing(), listing("south", "L40S")])
    named = {"cloud": "two"}, {"shade_instance_type": "A600"}, {"region": "south"}
    for change in named:
        _, (problem,) = market.quote({**THERE, **change})
        assert problem.property in change
    assert market.quote({**THERE, "region": "east", "shade_instance_type": UNKNOWN}) == (UNKNOWN, [])


def test_a_refusal_counts_for_more_than_the_list_and_names_the_cheapest_others() -> None:
    rows = [listing(), listing("south", price="0.90"), listing("east", price="0.60"), listing("west", available=False)]
    market = ShadeformMarket(lambda: rows)
    assert market.availability(THERE) == []
    (problem,) = market.availability(THERE, "OUT_OF_STOCK")
    assert isinstance(problem, Problem)
    assert problem.reason == "one/north/A6000 is out of stock"
    assert [other.text for other in problem.alternatives] == [
        "one/east/A6000 at 0.60 USD/h",
        "one/south/A6000 at 0.90 USD/h",
    ]
    assert problem.alternatives[0].inputs["region"] == "east"


def test_a_price_list_has_the_dearer_of_two_and_reads_back_as_it_was() -> None:
    rows = [listing(price="0.70"), listing(price="0.50"), listing("south", price="0")]
    prices = prices_of(INSTANCE, "USD", "https://vendor.example", rows)
    (row,) = prices.hardware_types
    assert (row.hardware_type_id, str(row.price_per_hour)) == ("one/north/A6000", "0.70 USD")
    assert Listing.of_row(row) == listing(price="0.70")


def test_policies_see_each_part_of_the_place_and_the_whole() -> None:
    market = ShadeformMarket(list)
    assert market.policy_values(THERE)["hardware_type_id"] == "one/north/A6000"
    unknown = market.policy_values({**THERE, "region": UNKNOWN})
    assert (unknown["cloud"], unknown["region"], unknown["hardware_type_id"]) == ("one", None, None)
    assert "does not report" in str(market.policy_values({})["cloud"])

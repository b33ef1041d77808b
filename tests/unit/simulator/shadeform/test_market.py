"""The data of the simulated Shadeform's market holds together, and says of every row where it is from."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pulumi_cortecs.simulator.shadeform.market import InstanceOffer, ShadeformMarket


@pytest.fixture
def market() -> ShadeformMarket:
    market = ShadeformMarket(dict[str, InstanceOffer]())
    market.restock()
    return market


def test_every_row_says_where_it_is_from(market: ShadeformMarket) -> None:
    rows = [*market, *market.volume_types, *market.templates.values()]
    assert len(list(market)) == 85
    assert all(row.provenance.startswith(("fact: ", "invented: ")) for row in rows)


def test_a_name_that_was_read_back_says_so(market: ShadeformMarket) -> None:
    marked = {offer.shade_instance_type for offer in market if "inferred" in offer.provenance}
    assert {"A100_80G", "H100_sxm5x8"} <= marked
    assert not {"A6000", "L40Sx2"} & marked


def test_every_offer_can_be_ordered(market: ShadeformMarket) -> None:
    for offer in market:
        assert offer.hourly_price > 0
        assert offer.price.amount == Decimal(offer.hourly_price) / 100
        assert offer.regions
        assert offer.os_options
        assert offer.shade_instance_type.startswith(offer.gpu_type.split("_")[0]) or offer.gpu_type == "GAUDI2"


def test_volumes_are_where_machines_are(market: ShadeformMarket) -> None:
    places = {(offer.cloud, region) for offer in market for region in offer.regions}
    assert {(kind.cloud, kind.region) for kind in market.volume_types} <= places


def test_a_changed_price_does_not_pass_for_a_fact(market: ShadeformMarket) -> None:
    offer = market.find("hyperstack", "A6000")
    assert offer is not None
    assert market.reprice(offer, 1).provenance.startswith("invented")

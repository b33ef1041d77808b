"""The market of Shadeform: the instance types and volumes of its clouds. Instance types need no key."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar, Final

from pulumi_cortecs.cost import Money, Offer
from pulumi_cortecs.cost.hardware import VOLUME as VOLUME_TYPE
from pulumi_cortecs.cost.pricelist import PriceList
from pulumi_cortecs.cost.suggestions import join_names
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.credentials import credentials_at
from pulumi_cortecs.http.errors import ConfigurationError
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.answer_cache import AnswerCache
from pulumi_cortecs.provider.kind import Inputs, Problem
from pulumi_cortecs.provider.pinned_catalogue import quote_source
from pulumi_cortecs.provider.place_market import Listing, PlaceMarket, offers_of, prices_of
from pulumi_cortecs.provider.properties import is_unknown
from pulumi_cortecs.shadeform.arguments import CURRENCY
from pulumi_cortecs.shadeform.client import (
    OUT_OF_STOCK,
    VENDOR,
    ApiInstanceType,
    ApiVolumeType,
    ShadeformClient,
    ShadeformPublicClient,
)
from pulumi_cortecs.shadeform.kind import CREDENTIALS, INSTANCE, VOLUME

_DEFAULT_NAME: Final = "pulumi-cortecs"


class ShadeformMarket(PlaceMarket):
    """The market of instances, by live or pinned listings."""

    kind = INSTANCE
    keys = ("cloud", "region", "shade_instance_type")
    unknown_texts: ClassVar = {
        "cloud": f"{VENDOR} has no cloud {{cloud!r}}",
        "shade_instance_type": "{cloud} has no instance type {shade_instance_type!r}",
        "region": "{cloud} has no {shade_instance_type} in region {region!r}",
    }
    out_of_stock = OUT_OF_STOCK

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        return super().complete({"name": current.get("name", _DEFAULT_NAME), **wanted}, current, problems)

    def further_problems(self, inputs: Inputs, listing: Listing) -> list[Problem]:
        name, options = inputs.get("os", ""), listing.row.configuration.os_options if listing.row else []
        if is_unknown(name) or not name or not options or name in options:
            return []
        cloud, _, hardware = listing.place
        return [Problem("os", f"{hardware} of {cloud} has no {name!r}; it has {join_names(sorted(options))}")]

    def quote_remarks(self, inputs: Inputs) -> Mapping[str, str]:
        return {"billed_by": f"your linked {inputs['cloud']} account"} if inputs.get("shade_cloud") is False else {}


class VolumeMarket(PlaceMarket):
    """The market of volumes, whose listings have the price of a GB."""

    kind = VOLUME
    keys = ("cloud", "region")
    last = (VOLUME_TYPE,)
    unknown_texts: ClassVar = {
        "cloud": f"{VENDOR} has no volumes of {{cloud!r}}",
        "region": "{cloud} has no volumes in region {region!r}",
    }
    units = "size_in_gb"


def live_market(base_url: str, answers: AnswerCache) -> ShadeformMarket:
    """The market by Shadeform's answers."""
    client = ShadeformPublicClient(base_url)
    return ShadeformMarket(
        lambda: answers.get("instance types", lambda: instance_listings(client.instance_types())), answers.source
    )


def volume_market(client: ShadeformClient, answers: AnswerCache) -> VolumeMarket:
    """The market by Shadeform's answers, which need a key."""
    return VolumeMarket(
        lambda: answers.get("volume types", lambda: volume_listings(client.volume_types())), answers.source
    )


def pinned_market(prices: PriceList) -> ShadeformMarket:
    """The market by a catalogue, which knows no stock: create buys nothing at its prices."""
    pinned = [Listing.of_row(row) for row in prices.hardware_types if not row.is_volume]
    return ShadeformMarket(lambda: pinned, quote_source(prices))


def pinned_volume_market(prices: PriceList) -> VolumeMarket:
    """The market of volumes by the rows of a catalogue that have the price of a GB."""
    pinned = [Listing.of_row(row) for row in prices.hardware_types if row.is_volume]
    return VolumeMarket(lambda: pinned, quote_source(prices))


def listed(config: Mapping[str, str]) -> list[Listing]:
    """All instance types at the base URL of `config` and the environment, the cheapest first. Raises CloudError."""
    market = accounts.market(INSTANCE, config)
    assert isinstance(market, ShadeformMarket)
    return sorted(market.rows(), key=Listing.by_price)


def price_list(base_url: str) -> PriceList:
    """The offers at this base URL now, over connections of its own, for a catalogue: those of volumes with a key of the
    environment for this URL. Raises CloudError and CatalogueError."""
    with new_client() as client:
        listings, lacks_volumes = instance_listings(ShadeformPublicClient(base_url, client).instance_types()), True
        with suppress(ConfigurationError):
            account = ShadeformClient(credentials_at(CREDENTIALS, base_url, os.environ), client)
            listings, lacks_volumes = [*listings, *volume_listings(account.volume_types())], False
    return replace(prices_of(INSTANCE, CURRENCY, base_url, listings), lacks_volumes=lacks_volumes)


def offers(base_url: str) -> list[Offer]:
    """The instance types at this base URL in each of their regions. Raises CloudError."""
    return offers_of(INSTANCE, instance_listings(ShadeformPublicClient(base_url).instance_types()))


def instance_listings(instance_types: Iterable[ApiInstanceType]) -> list[Listing]:
    """Instance types in each of their regions."""
    return [
        Listing(
            (offered.cloud, place.region, offered.shade_instance_type),
            dollars(offered.hourly_price),
            place.region,
            place.available,
            offered.configuration.gpu_type,
            offered.configuration.num_gpus,
            Decimal(ram) if (ram := offered.configuration.vram_per_gpu_in_gb) else None,
            offered,
        )
        for offered in instance_types
        for place in offered.availability
    ]


def volume_listings(volume_types: Iterable[ApiVolumeType]) -> list[Listing]:
    """Kinds of volumes, with the price of a GB."""
    return [
        Listing((row.cloud, row.region, VOLUME_TYPE), price, row.region, row=row)
        for row in volume_types
        for price in (Money.price_or_none(row.price_per_gb_per_hour, CURRENCY),)
    ]


def dollars(cents: int) -> Money:
    """An amount in whole cents as money."""
    return Money(Decimal(cents).scaleb(-2), CURRENCY)

"""The market of Gcore: flavors, regions, prices, capacity and quota. All of it needs a key."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from pulumi_cortecs.cost import Money, Offer
from pulumi_cortecs.cost.limits import PolicyValue
from pulumi_cortecs.cost.pricelist import CatalogueError, PriceList
from pulumi_cortecs.cost.quote import Quote, costs_nothing, is_from_catalogue, per_minute
from pulumi_cortecs.cost.suggestions import suggestion
from pulumi_cortecs.gcore.client import CLOUD, VENDOR, ApiPricePreview, GcoreClient
from pulumi_cortecs.gcore.kind import CREDENTIALS, INSTANCE
from pulumi_cortecs.gcore.quota import Replicas, region_key, replicas_of, room_by_region, shortfalls
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.credentials import Credentials, credentials_at
from pulumi_cortecs.http.errors import UnreachableError
from pulumi_cortecs.provider.answer_cache import AnswerCache, sharing
from pulumi_cortecs.provider.kind import PRICED_BY, Inputs, Problem
from pulumi_cortecs.provider.pinned_catalogue import fallback_prices, quote_source
from pulumi_cortecs.provider.place_market import Listing, offers_of, prices_of
from pulumi_cortecs.provider.properties import UNKNOWN, has_unknown, is_unknown

_CENT_PARTS: Final = Decimal("0.000001")


@dataclass(frozen=True)
class Priced:
    """The hourly price of some replicas, None where there is none; `notes` are what the quote says of it."""

    hourly: Money | None
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LiveOffers:
    """What Gcore says, for as long as `answers` keeps it. `client` raises ConfigurationError without credentials."""

    client: Callable[[], GcoreClient]
    answers: AnswerCache

    @property
    def source(self) -> str:
        """The source of its quotes."""
        return self.answers.source

    def flavor_names(self) -> list[str]:
        """The names of all flavors."""
        return [flavor.name for flavor in self._offers.flavors()]

    def region_names(self) -> dict[int, str]:
        """The names of all regions, by id."""
        return {region.id: region.slug for region in self._offers.regions()}

    def price(self, flavor: str, replicas: Replicas) -> Priced:
        """The price that Gcore shows; where it hides it, that of the pinned catalogue."""
        containers = [{"region_id": key, "scale": {"max": count}} for key, count in sorted(replicas.items())]
        shown = self._offers.price(flavor, containers)
        terms = {"discount_percent": shown.discount_percent, "tax_percent": shown.tax_percent}
        notes = {key: f"{value.normalize():f}" for key, value in terms.items() if value is not None}
        if (hourly := price_of(shown)) is not None:
            return Priced(hourly, notes)
        pinned = self._pinned()
        hourly = None if pinned is None else _pinned_price(pinned, flavor, replicas)
        return Priced(hourly, notes if pinned is None else {**notes, PRICED_BY: quote_source(pinned)})

    @property
    def _offers(self) -> GcoreClient:
        return sharing(self.client(), self.answers)

    def _pinned(self) -> PriceList | None:
        base_url = self.client().base_url
        try:
            return fallback_prices(CLOUD, base_url, UnreachableError("hidden"), os.environ, Path.cwd())
        except (UnreachableError, CatalogueError):  # without a price nothing is bought
            return None


@dataclass(frozen=True)
class PinnedOffers:
    """What a catalogue says. It knows no regions: their ids are not checked."""

    prices: PriceList

    @property
    def source(self) -> str:
        """The source of its quotes."""
        return quote_source(self.prices)

    def flavor_names(self) -> list[str]:
        """The names of all flavors."""
        return list(self.prices.by_id)

    def region_names(self) -> dict[int, str]:
        """None."""
        return {}

    def price(self, flavor: str, replicas: Replicas) -> Priced:
        """The price of the catalogue's row."""
        return Priced(_pinned_price(self.prices, flavor, replicas))


@dataclass(frozen=True)
class GcoreMarket:
    """The market of deployments, live or pinned. See `kind.Market`."""

    offers: LiveOffers | PinnedOffers

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        """Checks flavor and regions, and adds the quote."""
        quote, refusals = self.quote(wanted)
        problems += refusals
        return {**wanted, "quote": quote}

    def availability(self, inputs: Inputs, refusal: str = "", /) -> list[Problem]:
        """The problems with flavor and regions; after a refusal also those with quota and capacity."""
        problems = _offer_problems(inputs, self.offers.flavor_names(), self.offers.region_names())
        if refusal and not problems and isinstance(self.offers, LiveOffers):
            problems += shortfalls(self.offers.client(), inputs, None)
        return problems

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        """The quote for all replicas that a deployment may have, with the price of those that it has at least."""
        names = self.offers.region_names()
        problems = _offer_problems(inputs, self.offers.flavor_names(), names)
        if has_unknown(*(inputs.get(key) for key in INSTANCE.arguments.priced)):
            return UNKNOWN, problems
        flavor, most, least = inputs.get("flavor_name"), *(replicas_of(inputs, end, names) for end in ("max", "min"))
        if problems or not flavor or not most:
            return {}, problems
        priced = self.offers.price(flavor, most)
        if priced.hourly is None:
            return {}, problems
        per_replica = Money((priced.hourly.amount / sum(most.values())).quantize(_CENT_PARTS), priced.hourly.currency)
        quote = Quote(per_replica, per_minute(per_replica), priced.hourly, self.offers.source).as_property()
        floor = self._least(flavor, least, most, priced.hourly)
        regions = {str(key): names[key] for key in most if key in names}
        stopped = {"while_stopped": "0 while stopped"} if costs_nothing(inputs.get("state")) else {}
        return {**quote, **floor, **priced.notes, **({"regions": regions} if regions else {}), **stopped}, problems

    def policy_values(self, inputs: Inputs) -> Mapping[str, PolicyValue]:
        """The values for allow-lists: the flavor, and the name of each region, by the quote where it is an id."""
        flavor = inputs.get("flavor_name", f"a flavor that {VENDOR} does not report")
        regions = _regions(inputs) if "containers" in inputs else [f"a region that {VENDOR} does not report"]
        names = (_name(region, inputs.get("quote") or {}) for region in regions)
        region_names = tuple(name for name in names if name is not None)
        return {"hardware_type_id": None if is_unknown(flavor) else flavor, "region": region_names}

    def _least(self, flavor: str, replicas: Replicas, most: Replicas, hourly: Money) -> dict[str, str]:
        """The quote's price at the least replicas."""
        running = {key: count for key, count in replicas.items() if count}
        if running and running != most:
            floor = self.offers.price(flavor, running).hourly
        else:
            floor = hourly if running else Money.zero(hourly.currency)
        return {} if floor is None else {"hourly_min": floor.decimal_string()}


def live_market(credentials: Callable[[], Credentials], answers: AnswerCache) -> GcoreMarket:
    """The market by Gcore's answers."""
    return GcoreMarket(LiveOffers(cache(lambda: GcoreClient(credentials())), answers))


def pinned_market(prices: PriceList) -> GcoreMarket:
    """The market by a catalogue: create buys nothing at its prices."""
    return GcoreMarket(PinnedOffers(prices))


def price_list(base_url: str) -> PriceList:
    """The flavors at this base URL, for a catalogue: each at its price in the dearest region. It needs the credentials
    of the environment. Raises CloudError and CatalogueError."""
    listings = [replace(listing, region="") for listing in _listings(base_url)]
    currency = next((listing.price.currency for listing in listings if listing.price), None)
    if currency is None:
        raise CatalogueError(f"{VENDOR} shows this account no price")
    return prices_of(INSTANCE, currency, base_url, listings)


def offers(base_url: str) -> list[Offer]:
    """The flavors at this base URL in each region. It needs the credentials of the environment. Raises CloudError."""
    return offers_of(INSTANCE, _listings(base_url))


def price_of(shown: ApiPricePreview) -> Money | None:
    """The hourly price that a preview shows; None for a hidden one, and for one that is none."""
    return Money.price_or_none(shown.price_per_hour, shown.currency_code) if shown.price_status == "show" else None


def _listings(base_url: str) -> list[Listing]:
    """Each flavor in each region in which Gcore shows its price."""
    with new_client() as connections:
        client = GcoreClient(credentials_at(CREDENTIALS, base_url, os.environ), connections)
        room, regions = room_by_region(client), client.regions()
        return [
            Listing(
                place=(flavor.name,),
                price=price,
                region=region.slug,
                available=room.get(region.id, {}).get(flavor.name, 0) > 0,
                gpu_type=flavor.gpu_model or None,
                num_gpus=flavor.gpu,
                gpu_ram_gb=flavor.gpu_memory or None,
            )
            for flavor in client.flavors()
            for region in regions
            if (price := price_of(client.price(flavor.name, [{"region_id": region.id, "scale": {"max": 1}}])))
        ]


def _pinned_price(prices: PriceList, flavor: str, replicas: Replicas) -> Money | None:
    row = prices.by_id.get(flavor)
    return None if row is None else row.price_per_hour * sum(replicas.values())


def _regions(inputs: Inputs) -> list[Any]:
    """The region of each container; none while the containers are unknown."""
    containers = inputs.get("containers", UNKNOWN)
    return [] if is_unknown(containers) else [one if is_unknown(one) else one["region_id"] for one in containers]


def _name(region: Any, quote: Any) -> str | None:
    """The name of a region; None where only `up` will know it, or a catalogue has no names."""
    if isinstance(region, str):
        return region
    if is_unknown(region, quote) or is_from_catalogue(str(quote.get("source"))):
        return None
    named: str = quote.get("regions", {}).get(str(int(region)), f"region {int(region)}, which has no known name,")
    return named


def _offer_problems(inputs: Inputs, flavors: Collection[str], names: Mapping[int, str]) -> list[Problem]:
    """The arguments that name nothing on offer, as far as they are known."""
    problems = []
    flavor = inputs.get("flavor_name", UNKNOWN)
    if not is_unknown(flavor) and flavor not in flavors:
        problems.append(Problem("flavor_name", f"{VENDOR} has no flavor {flavor!r}{suggestion(flavor, flavors)}"))
    keys = set[Any]()
    for number, region in enumerate(_regions(inputs) if names else []):
        on_offer = set[Any](names.values() if isinstance(region, str) else names)
        if is_unknown(region):
            continue
        if region not in on_offer:
            text = f"[{number}].region_id: {VENDOR} has no inference in {region!r}"
            problems.append(Problem("containers", text + suggestion(str(region), map(str, on_offer))))
        elif (key := region_key(region, names)) in keys:  # by its number and by its name
            text = f"[{number}].region_id: got {region!r}, which is there already; {names[key]} is region {key}"
            problems.append(Problem("containers", text))
        keys.add(region_key(region, names))
    return problems

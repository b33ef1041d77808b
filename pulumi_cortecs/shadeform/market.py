"""The market of Shadeform: the instance types of its clouds, their regions, stock and prices. Needs no key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final

from pulumi_cortecs.cost import BillingInterval, Money, MoneyError, Offer, PricedHardware, RamMeaning
from pulumi_cortecs.cost.pricelist import PriceList
from pulumi_cortecs.cost.quote import Quote, per_minute
from pulumi_cortecs.cost.suggestions import join_names, suggestion
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.answer_cache import AnswerCache
from pulumi_cortecs.provider.kind import LIVE, Alternative, Inputs, Problem
from pulumi_cortecs.provider.pinned_catalogue import quote_source
from pulumi_cortecs.provider.properties import UNKNOWN, is_unknown
from pulumi_cortecs.shadeform.client import (
    CLOUD,
    OUT_OF_STOCK,
    VENDOR,
    ApiAvailability,
    ApiInstanceType,
    ApiTypeConfiguration,
    ApiVolumeType,
    ShadeformClient,
    ShadeformPublicClient,
)
from pulumi_cortecs.shadeform.kind import CURRENCY, INSTANCE

_DEFAULT_NAME: Final = "pulumi-cortecs"
_PLACE: Final = ("cloud", "region", "shade_instance_type")
"""The arguments that name an offer."""


@dataclass(frozen=True)
class ShadeformMarket:
    """The market of instances, by live or pinned instance types. See `kind.Market`."""

    instance_types: Callable[[], Sequence[ApiInstanceType]]
    source: str = LIVE

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        """Checks place, stock and operating system, and adds a name and the quote."""
        completed = {"name": current.get("name", _DEFAULT_NAME), **wanted}
        instance_types = self.instance_types()  # once: the next answer may be another list
        problems += _offer_problems(completed, instance_types)
        if (offered := _find(completed, instance_types)) is not None:
            problems += _stock_problems(completed, offered, instance_types)
            problems += _os_problems(completed.get("os", ""), offered)
        completed["quote"] = self._quote_of(completed, instance_types)
        return completed

    def availability(self, inputs: Inputs, refusal: str = "", /) -> list[Problem]:
        """The problems with place and stock. An order that was refused as out of stock counts for more than the list,
        which may be older."""
        instance_types = self.instance_types()
        if refusal == OUT_OF_STOCK:
            instance_types = [_without_stock(row, inputs) for row in instance_types]
        offered = _find(inputs, instance_types)
        stock = [] if offered is None else _stock_problems(inputs, offered, instance_types)
        return [*_offer_problems(inputs, instance_types), *stock]

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        """The quote, by cloud, region and instance type."""
        instance_types = self.instance_types()
        return self._quote_of(inputs, instance_types), _offer_problems(inputs, instance_types)

    def policy_values(self, inputs: Inputs) -> Mapping[str, str | None]:
        """The values for allow-lists: the offer, and each part of its place."""
        place = [inputs.get(key, f"{key} that {VENDOR} does not report") for key in _PLACE]
        whole = None if is_unknown(*place) else "/".join(place)
        parts = {key: None if is_unknown(value) else str(value) for key, value in zip(_PLACE, place, strict=True)}
        return {**parts, "hardware_type_id": whole}

    def _quote_of(self, inputs: Inputs, instance_types: Sequence[ApiInstanceType]) -> Any:
        if is_unknown(*(inputs.get(key) for key in INSTANCE.arguments.priced)):
            return UNKNOWN
        offered = _find(inputs, instance_types)
        if offered is None or offered.hourly_price <= 0 or _region(inputs.get("region"), offered) is None:
            return {}
        hour = dollars(offered.hourly_price)
        made = Quote(hour, per_minute(hour), hour, self.source).as_property()
        linked = inputs.get("shade_cloud") is False
        return {**made, "billed_by": f"your linked {offered.cloud} account"} if linked else made


@dataclass(frozen=True)
class VolumeMarket:
    """The market of volumes. See `kind.Market`."""

    volume_types: Callable[[], Sequence[ApiVolumeType]]

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        """Checks cloud and region, and adds the quote."""
        quote, refusals = self.quote(wanted)
        problems += refusals
        return {**wanted, "quote": quote}

    def availability(self, inputs: Inputs, _refusal: str = "", /) -> list[Problem]:
        """The problems with cloud and region."""
        return self.quote(inputs)[1]

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        """The quote, by cloud, region and size."""
        kinds = self.volume_types()  # once: the next answer may be another list
        cloud, region, size = (inputs.get(key, UNKNOWN) for key in ("cloud", "region", "size_in_gb"))
        clouds = sorted({kind.cloud for kind in kinds})
        if not is_unknown(cloud) and cloud not in clouds:
            return {}, [Problem("cloud", f"{VENDOR} has no volumes of {cloud!r}{suggestion(cloud, clouds)}")]
        if is_unknown(cloud, region):
            return UNKNOWN, []
        if not (matching := [kind for kind in kinds if (kind.cloud, kind.region) == (cloud, region)]):
            regions = [kind.region for kind in kinds if kind.cloud == cloud]
            reason = f"{cloud} has no volumes in region {region!r}{suggestion(region, regions)}"
            return {}, [Problem("region", reason)]
        if is_unknown(size):
            return UNKNOWN, []
        prices = [_volume_price(kind.price_per_gb_per_hour, size) for kind in matching]
        known = [hour for hour in prices if hour is not None]
        if len(known) < len(prices):  # an order does not say which of several kinds it means
            return {}, []
        hour = max(known)
        return Quote(hour, per_minute(hour), hour, LIVE).as_property(), []

    def policy_values(self, inputs: Inputs) -> Mapping[str, str | None]:
        """The values for allow-lists, as policies spell them: "CLOUD/REGION/volume" for its hardware."""
        place = [inputs.get(key, f"{key} that {VENDOR} does not report") for key in ("cloud", "region")]
        cloud, region = (None if is_unknown(part) else str(part) for part in place)
        return {
            "cloud": cloud,
            "region": region,
            "hardware_type_id": None if cloud is None or region is None else f"{cloud}/{region}/volume",
        }


def volume_market(client: ShadeformClient, answers: AnswerCache) -> VolumeMarket:
    """The market by Shadeform's answers, which need a key."""
    return VolumeMarket(lambda: answers.get("volume types", client.volume_types))


def live_market(base_url: str, answers: AnswerCache) -> ShadeformMarket:
    """The market by Shadeform's answers."""
    client = ShadeformPublicClient(base_url)
    return ShadeformMarket(lambda: answers.get("instance types", client.instance_types))


def pinned_market(prices: PriceList) -> ShadeformMarket:
    """The market by a catalogue, which knows no stock: create buys nothing at its prices."""
    pinned = _pinned_types(prices)
    return ShadeformMarket(lambda: pinned, quote_source(prices))


def instance_types(config: Mapping[str, str]) -> Sequence[ApiInstanceType]:
    """All instance types at the base URL of `config` and the environment. Raises ConfigurationError and CloudError."""
    market = accounts.market(INSTANCE, config)
    assert isinstance(market, ShadeformMarket)
    return market.instance_types()


def fetch_price_list(client: ShadeformPublicClient, as_of: datetime, source: str = "") -> PriceList:
    """The offers of this moment, to be pinned: a row for each instance type in each region. Raises CloudError, and
    CatalogueError for an inconsistent list."""
    offered = sorted(client.instance_types(), key=lambda row: row.hourly_price)  # of two the dearer, as in an order
    rows = {row.hardware_type_id: row for one in offered for row in priced_rows(one)}
    return PriceList(
        cloud=CLOUD,
        currency=CURRENCY,
        source=source or client.base_url,
        as_of=as_of.replace(microsecond=0),
        hardware_types=tuple(rows[key] for key in sorted(rows)),
    )


def price_list(base_url: str) -> PriceList:
    """The offers at this base URL now, over connections of its own, for a catalogue. Raises CloudError and
    CatalogueError."""
    with new_client() as client:
        return fetch_price_list(ShadeformPublicClient(base_url, client), datetime.now(timezone.utc))


def offers(base_url: str) -> list[Offer]:
    """The instance types at this base URL in each of their regions. Raises CloudError."""
    return [
        Offer(
            CLOUD,
            offer_id(offered, place.region),
            dollars(offered.hourly_price),
            place.available,
            place.region,
            offered.configuration.gpu_type or "",
            offered.configuration.num_gpus,
            Decimal(ram) if (ram := offered.configuration.vram_per_gpu_in_gb) else None,
        )
        for offered in ShadeformPublicClient(base_url).instance_types()
        for place in offered.availability
        if offered.hourly_price > 0
    ]


def priced_rows(offered: ApiInstanceType) -> list[PricedHardware]:
    """An instance type in each of its regions, as rows of a price list; nothing without a price."""
    if offered.hourly_price <= 0:
        return []
    hour, hardware = dollars(offered.hourly_price), offered.configuration
    ram = hardware.vram_per_gpu_in_gb
    return [
        PricedHardware(
            hardware_type_id=offer_id(offered, place.region),
            price_per_hour=hour,
            price_per_minute=per_minute(hour),
            gpu_type=hardware.gpu_type,
            num_gpus=hardware.num_gpus or None,
            gpu_ram_gb=Decimal(ram) if ram else None,
            gpu_ram_is=RamMeaning.PER_GPU if ram else RamMeaning.UNDECIDED,
            cloud=CLOUD,
            region=place.region,
            billing=(BillingInterval.PER_MINUTE,),
        )
        for place in offered.availability
    ]


def offer_id(offered: ApiInstanceType, region: str) -> str:
    """The id of an offer in catalogues, limits and policies: "hyperstack/montreal-canada-2/A6000"."""
    return f"{offered.cloud}/{region}/{offered.shade_instance_type}"


def dollars(cents: int) -> Money:
    """An amount in whole cents as money."""
    return Money(Decimal(cents).scaleb(-2), CURRENCY)


def _find(inputs: Inputs, instance_types: Sequence[ApiInstanceType]) -> ApiInstanceType | None:
    """The instance type of the inputs, None while it is unknown and for one that is not on offer. Of several rows for
    one place it is the dearest, because an order does not say which of them it means."""
    wanted = (inputs.get("cloud"), inputs.get("shade_instance_type"))
    matching = [row for row in instance_types if (row.cloud, row.shade_instance_type) == wanted]
    there = [row for row in matching if _region(inputs.get("region"), row) is not None]
    return max(there or matching, key=lambda row: row.hourly_price, default=None)


def _region(region: Any, offered: ApiInstanceType) -> ApiAvailability | None:
    return next((place for place in offered.availability if place.region == region), None)


def _offer_problems(inputs: Inputs, instance_types: Sequence[ApiInstanceType]) -> list[Problem]:
    """The arguments that name nothing on offer, as far as they are known."""
    cloud, region, name = (inputs.get(key, UNKNOWN) for key in _PLACE)
    clouds = sorted({row.cloud for row in instance_types})
    if is_unknown(cloud):
        return []
    if cloud not in clouds:
        return [Problem("cloud", f"{VENDOR} has no cloud {cloud!r}{suggestion(cloud, clouds)}")]
    names = [row.shade_instance_type for row in instance_types if row.cloud == cloud]
    if is_unknown(name):
        return []
    if name not in names:
        reason = f"{cloud} has no instance type {name!r}{suggestion(name, names)}"
        return [Problem("shade_instance_type", reason)]
    offered = _find(inputs, instance_types)
    if is_unknown(region) or offered is None or _region(region, offered) is not None:
        return []
    regions = [place.region for place in offered.availability]
    return [Problem("region", f"{cloud} has no {name} in region {region!r}{suggestion(region, regions)}")]


def _without_stock(offered: ApiInstanceType, inputs: Inputs) -> ApiInstanceType:
    """The instance type without stock in the place of the inputs, if it is the one that they name."""
    places = [
        place.model_copy(update={"available": place.available and offer_id(offered, place.region) != _offer_of(inputs)})
        for place in offered.availability
    ]
    return offered.model_copy(update={"availability": places})


def _offer_of(inputs: Inputs) -> str:
    return "/".join(str(inputs.get(key)) for key in _PLACE)


def _stock_problems(
    inputs: Inputs, offered: ApiInstanceType, instance_types: Sequence[ApiInstanceType]
) -> list[Problem]:
    place = _region(inputs.get("region"), offered)
    if place is None or place.available:
        return []
    reason = f"{offer_id(offered, place.region)} is out of stock"
    return [Problem("shade_instance_type", reason, _alternatives(inputs, instance_types))]


def _alternatives(inputs: Inputs, instance_types: Sequence[ApiInstanceType]) -> tuple[Alternative, ...]:
    """All offers in stock, the cheapest first."""
    in_stock = sorted(
        (row.hourly_price, offer_id(row, place.region), row.cloud, place.region, row.shade_instance_type)
        for row in instance_types
        for place in row.availability
        if place.available and row.hourly_price > 0
    )
    return tuple(
        Alternative(f"{name} at {dollars(cents)}/h", {**inputs, **dict(zip(_PLACE, place, strict=True))})
        for cents, name, *place in in_stock
    )


def _os_problems(name: Any, offered: ApiInstanceType) -> list[Problem]:
    options = offered.configuration.os_options
    if is_unknown(name) or not name or not options or name in options:
        return []
    reason = f"{offered.shade_instance_type} of {offered.cloud} has no {name!r}; it has {join_names(sorted(options))}"
    return [Problem("os", reason)]


def _pinned_types(prices: PriceList) -> list[ApiInstanceType]:
    """The instance types of a catalogue, with all their regions; its rows of volumes have no GPUs."""
    rows: dict[tuple[str, str], list[PricedHardware]] = {}
    for row in prices.hardware_types:
        if row.num_gpus is not None:
            cloud, _, name = row.hardware_type_id.split("/", 2)
            rows.setdefault((cloud, name), []).append(row)
    return [
        ApiInstanceType(
            cloud=cloud,
            shade_instance_type=name,
            hourly_price=int(regions[0].price_per_hour.amount.scaleb(2)),
            configuration=ApiTypeConfiguration(gpu_type=regions[0].gpu_type, num_gpus=regions[0].num_gpus),
            availability=[ApiAvailability(region=str(row.region), available=True) for row in regions],
        )
        for (cloud, name), regions in rows.items()
    ]


def _volume_price(price_per_gb: str, size: int) -> Money | None:
    """The hourly price of a volume, None for a price that is none."""
    try:
        hour = Money.of(price_per_gb, CURRENCY) * size
    except MoneyError:
        return None
    return hour if hour.amount > 0 else None

"""The market of a cloud that sells by place: a region, and what it has there. Live or pinned, each offer is one
`Listing`, from which all is derived: checks, quotes, what policies judge, and rows of a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, ClassVar

from pulumi_cortecs.cost import BillingInterval, Money, Offer, PricedHardware, RamMeaning
from pulumi_cortecs.cost.pricelist import PriceList
from pulumi_cortecs.cost.quote import LIVE, hourly_quote, per_minute
from pulumi_cortecs.cost.suggestions import suggestion
from pulumi_cortecs.provider.kind import Alternative, Inputs, Problem, ResourceKind
from pulumi_cortecs.provider.properties import UNKNOWN, is_unknown


@dataclass(frozen=True)
class Listing:
    """An offer at one place.

    `place` are the parts of its id in catalogues, limits and policies; the first of them are values of arguments.
    `price` is that of an hour, for one unit if the market counts units; None if it cannot be read, and 0 for none.
    `region` is "" for a price of all regions. `gpu_ram_gb` is the memory of each GPU. `row` is the vendor's own row,
    None in a catalogue.
    """

    place: tuple[str, ...]
    price: Money | None
    region: str
    available: bool = True
    gpu_type: str | None = None
    num_gpus: int | None = None
    gpu_ram_gb: Decimal | None = None
    row: Any = None

    @property
    def id(self) -> str:
        """Its id, "hyperstack/montreal-canada-2/A6000"."""
        return "/".join(self.place)

    @property
    def has_price(self) -> bool:
        """Returns whether it has a price."""
        return self.price is not None and self.price.amount > 0

    def by_price(self) -> tuple[Decimal, str]:
        """The key that sorts listings, the cheapest first."""
        return self.price.amount if self.price else Decimal(0), self.id

    @classmethod
    def of_row(cls, row: PricedHardware) -> Listing:
        """That of a catalogue's row, which knows no stock."""
        place = tuple(row.hardware_type_id.split("/", 2))
        return cls(place, row.price_per_hour, str(row.region), True, row.gpu_type, row.num_gpus, row.gpu_ram_gb)

    def as_offer(self, cloud: str) -> Offer:
        """It as the commands show it; it has a price."""
        assert self.price is not None
        shown = self.gpu_type or "", self.num_gpus, self.gpu_ram_gb
        return Offer(cloud, self.id, self.price, self.available, self.region, *shown)

    def as_row(self, cloud: str) -> PricedHardware:
        """It as a catalogue's row; it has a price."""
        assert self.price is not None
        return PricedHardware(
            hardware_type_id=self.id,
            price_per_hour=self.price,
            price_per_minute=per_minute(self.price),
            gpu_type=self.gpu_type,
            num_gpus=self.num_gpus or None,
            gpu_ram_gb=self.gpu_ram_gb,
            gpu_ram_is=RamMeaning.PER_GPU if self.gpu_ram_gb else RamMeaning.UNDECIDED,
            cloud=cloud,
            region=self.region or None,
            billing=(BillingInterval.PER_MINUTE,),
        )


@dataclass(frozen=True)
class PlaceMarket:
    """The base of such a market. See `kind.Market`. `rows` returns all offers; it raises CloudError.

    `kind` is the resource type that is sold, `keys` are the arguments that name a place, in the order of
    `Listing.place`, and `last` the parts of the place that follow. `unknown_texts` has the message for a value that is
    not on offer, by argument, in the order in which they are checked; it names values as `{region!r}`. `units` is the
    argument that counts units. `out_of_stock` is the vendor's word for the refusal of an order that is out of stock:
    it counts for more than the list, which may be older.
    """

    kind: ClassVar[ResourceKind]
    keys: ClassVar[tuple[str, ...]]
    last: ClassVar[tuple[str, ...]] = ()
    unknown_texts: ClassVar[Mapping[str, str]]
    units: ClassVar[str] = ""
    out_of_stock: ClassVar[str] = ""
    rows: Callable[[], Sequence[Listing]]
    source: str = LIVE

    def further_problems(self, inputs: Inputs, listing: Listing) -> list[Problem]:
        """The problems with other arguments, for an offer that the inputs may mean."""
        return []

    def quote_remarks(self, inputs: Inputs) -> Mapping[str, str]:
        """Further properties of a quote."""
        return {}

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        """Checks place, stock and other arguments, and adds the quote."""
        listings = self.rows()  # once: the next answer may be another list
        problems += self._place_problems(wanted, listings)
        problems += self._stock_problems(wanted, listings)
        if (meant := self._meant(wanted, listings)) is not None:
            problems += self.further_problems(wanted, meant)
        return {**wanted, "quote": self._quote(wanted, listings)}

    def availability(self, inputs: Inputs, refusal: str = "", /) -> list[Problem]:
        """The problems with place and stock."""
        listings = self.rows()
        if refusal and refusal == self.out_of_stock:
            listings = [replace(row, available=row.available and not self._is_at(inputs, row)) for row in listings]
        return [*self._place_problems(inputs, listings), *self._stock_problems(inputs, listings)]

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        """The quote, by place and units."""
        listings = self.rows()
        return self._quote(inputs, listings), self._place_problems(inputs, listings)

    def policy_values(self, inputs: Inputs) -> Mapping[str, str | None]:
        """The values for allow-lists: each part of the place, and the id of the offer."""
        place = [inputs.get(key, f"{key} that {self.kind.vendor} does not report") for key in self.keys]
        parts = {key: None if is_unknown(value) else str(value) for key, value in zip(self.keys, place, strict=True)}
        return {**parts, "hardware_type_id": None if is_unknown(*place) else "/".join((*place, *self.last))}

    def _quote(self, inputs: Inputs, listings: Sequence[Listing]) -> Any:
        if is_unknown(*(inputs.get(key) for key in self.kind.arguments.priced)):
            return UNKNOWN
        prices = [row.price for row in listings if self._is_at(inputs, row)]
        # of several the dearest, because an order does not say which of them it means
        priced = [price for price in prices if price is not None]
        count = inputs.get(self.units) if self.units else 1
        if count is None or not priced or len(priced) < len(prices) or (hour := max(priced)).amount <= 0:
            return {}
        return {**hourly_quote(hour * int(count), self.source).as_property(), **self.quote_remarks(inputs)}

    def _is_at(self, inputs: Inputs, listing: Listing) -> bool:
        return all(inputs.get(key) == part for key, part in zip(self.keys, listing.place, strict=False))

    def _meant(self, inputs: Inputs, listings: Sequence[Listing]) -> Listing | None:
        """The dearest offer that the inputs may mean while their region is unknown or wrong."""
        others = [key for key in self.keys if key != "region"]
        alike = [row for row in listings if all(inputs.get(key) == row.place[self.keys.index(key)] for key in others)]
        there = [row for row in alike if row.region == inputs.get("region")]
        return max(there or alike, key=Listing.by_price, default=None)

    def _place_problems(self, inputs: Inputs, listings: Sequence[Listing]) -> list[Problem]:
        """The first argument that names nothing on offer, as far as they are known."""
        for key, text in self.unknown_texts.items():
            value, position = inputs.get(key, UNKNOWN), self.keys.index(key)
            if is_unknown(value):
                return []
            names = {row.place[position] for row in listings}
            if value not in names:
                return [Problem(key, text.format(**inputs) + suggestion(value, names))]
            listings = [row for row in listings if row.place[position] == value]
        return []

    def _stock_problems(self, inputs: Inputs, listings: Sequence[Listing]) -> list[Problem]:
        there = [row for row in listings if self._is_at(inputs, row)]
        if not there or any(row.available for row in there):
            return []
        in_stock = sorted((row for row in listings if row.available and row.has_price), key=Listing.by_price)
        alternatives = tuple(
            Alternative(f"{row.id} at {row.price}/h", {**inputs, **dict(zip(self.keys, row.place, strict=False))})
            for row in in_stock
        )
        return [Problem(self.keys[-1], f"{there[0].id} is out of stock", alternatives)]


def offers_of(kind: ResourceKind, listings: Iterable[Listing]) -> list[Offer]:
    """The listings with a price, as the commands show them."""
    return [listing.as_offer(kind.cloud) for listing in listings if listing.has_price]


def prices_of(kind: ResourceKind, currency: str, source: str, listings: Iterable[Listing]) -> PriceList:
    """The listings of this moment, to be pinned; of two for one place the dearer, as in a quote. `source` is the URL.
    Raises CatalogueError for an inconsistent list."""
    by_id = {listing.id: listing for listing in sorted(listings, key=Listing.by_price) if listing.has_price}
    rows = tuple(by_id[key].as_row(kind.cloud) for key in sorted(by_id))
    as_of = datetime.now(timezone.utc).replace(microsecond=0)
    return PriceList(kind.cloud, currency, source, as_of, rows)

"""The instance types, volume types and templates: read from `market.yaml`, and changeable while running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.market_file import market_file

CURRENCY = "USD"
CENTS = 100


@dataclass(frozen=True)
class InstanceOffer:
    """An instance type of one cloud; `hourly_price` is in cents, and `regions` has the stock of each region."""

    cloud: str
    shade_instance_type: str
    gpu_type: str
    num_gpus: int
    vram_per_gpu_in_gb: int
    vcpus: int
    memory_in_gb: int
    storage_in_gb: int
    gpu_manufacturer: str
    os_options: tuple[str, ...]
    deployment_type: str
    boot_time: dict[str, int]
    hourly_price: int
    regions: dict[str, bool]
    provenance: str

    @property
    def key(self) -> str:
        """The cloud and the type, which are its name."""
        return offer_key(self.cloud, self.shade_instance_type)

    @property
    def price(self) -> Money:
        """The price per hour."""
        return Money(Decimal(self.hourly_price) / CENTS, CURRENCY)

    @property
    def interconnect(self) -> str:
        """The interconnect, by the type's name: an inference."""
        name = self.shade_instance_type.lower()
        return next((kind for kind in ("sxm4", "sxm5") if kind in name), "pcie")

    @property
    def nvlink(self) -> bool:
        """Whether there is NVLink, by the type's name: an inference."""
        return self.interconnect.startswith("sxm") or "nvlink" in self.shade_instance_type.lower()


@dataclass(frozen=True)
class VolumeOffer:
    """A kind of volume in one region; its price is per GB and hour."""

    cloud: str
    region: str
    price_per_gb_per_hour: Decimal
    fixed_size: bool
    supports_multi_mount: bool
    provenance: str


@dataclass(frozen=True)
class Template:
    """A stored launch configuration."""

    id: str
    name: str
    description: str
    author: str
    public: bool
    featured: bool
    provenance: str
    launch_configuration: dict[str, Any] | None = None


class ShadeformMarket:
    """The current instance types by cloud and type; volume types and templates do not change."""

    def __init__(self, offers: MutableMapping[str, InstanceOffer]) -> None:
        self._offers = offers
        data = _data()
        self.volume_types = tuple(
            VolumeOffer(**{**row, "price_per_gb_per_hour": Decimal(row["price_per_gb_per_hour"])})
            for row in _with_sources(data["volume_types"])
        )
        self.templates = {row["id"]: Template(**row) for row in _with_sources(data["templates"])}

    def __iter__(self) -> Iterator[InstanceOffer]:
        return iter(self._offers.values())

    def restock(self) -> None:
        """Restore the original market."""
        self._offers.clear()
        self._offers.update({offer.key: offer for offer in _offers()})

    def find(self, cloud: str, shade_instance_type: str) -> InstanceOffer | None:
        """The offer of a cloud, or None."""
        return self._offers.get(offer_key(cloud, shade_instance_type))

    def find_volume_type(self, cloud: str, region: str) -> VolumeOffer | None:
        """The kind of volume in a region, or None."""
        return next((kind for kind in self.volume_types if (kind.cloud, kind.region) == (cloud, region)), None)

    def reprice(self, offer: InstanceOffer, cents: int) -> InstanceOffer:
        """Set a new hourly price for later orders."""
        return self._put(replace(offer, hourly_price=cents, provenance="invented: set while running"))

    def set_available(self, offer: InstanceOffer, available: bool, region: str | None = None) -> InstanceOffer:
        """Set the stock of one region, or of all."""
        chosen = offer.regions if region is None else {region}
        return self._put(replace(offer, regions={**offer.regions, **dict.fromkeys(chosen, available)}))

    def withdraw(self, offer: InstanceOffer) -> None:
        """Remove a type from the list; its instances continue."""
        del self._offers[offer.key]

    def _put(self, offer: InstanceOffer) -> InstanceOffer:
        self._offers[offer.key] = offer
        return offer


def offer_key(cloud: str, shade_instance_type: str) -> str:
    """The name of an offer."""
    return f"{cloud}/{shade_instance_type}"


def _data() -> Mapping[str, Any]:
    return market_file("pulumi_cortecs.simulator.shadeform")


def _with_sources(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sources = _data()["sources"]
    return [{**row, "provenance": sources[row["provenance"]]} for row in rows]


@lru_cache(maxsize=1)
def _offers() -> tuple[InstanceOffer, ...]:
    defaults = _data()["defaults"]
    return tuple(
        InstanceOffer(
            **{
                "gpu_manufacturer": "nvidia",
                **row,
                "regions": dict.fromkeys(row["regions"], True),
                "storage_in_gb": defaults["storage_in_gb_per_gpu"] * row["num_gpus"],
                "os_options": tuple(defaults["os_options"]),
                "deployment_type": defaults["deployment_type"],
                "boot_time": dict(defaults["boot_time"]),
            }
        )
        for row in _with_sources(_data()["instance_types"])
    )

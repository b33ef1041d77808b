"""The flavors, regions, models and projects: read from `market.yaml`; prices and capacities can be changed."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from pulumi_cortecs.cost import Money


@dataclass(frozen=True)
class Flavor:
    """The hardware of one replica; `memory` and `gpu_memory` are in GiB, the latter of each GPU."""

    name: str
    description: str
    cpu: int
    memory: int
    gpu: int
    gpu_model: str
    gpu_memory: int
    gpu_compute_capability: str
    price_per_hour: Decimal
    provenance: str

    def price(self, currency: str) -> Money:
        """The price of one replica per hour; the account's currency does not change the number."""
        return Money(self.price_per_hour, currency)


@dataclass(frozen=True)
class Region:
    """One region; `slug` is its name for people."""

    id: int
    slug: str
    display_name: str
    country: str
    zone: str
    provenance: str


@dataclass(frozen=True)
class ModelCard:
    """A model of the catalogue, with the image that serves it."""

    id: str
    name: str
    description: str
    image_url: str
    port: int
    has_eula: bool
    provenance: str
    model_id: str | None = None
    default_flavor_name: str | None = None
    category: str | None = None
    developer: str | None = None
    documentation_page: str | None = None
    eula_url: str | None = None
    example_curl_request: str | None = None
    image_registry_id: str | None = None
    inference_backend: str | None = None
    inference_frontend: str | None = None
    openai_compatibility: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class Project:
    """A project of the account."""

    id: int
    name: str
    description: str
    is_default: bool
    provenance: str


class GcoreMarket:
    """What can be rented now; `flavors` and `capacities` (by region and flavor) are kept, the rest never changes."""

    def __init__(self, flavors: MutableMapping[str, Flavor], capacities: MutableMapping[str, int]) -> None:
        self.flavors = flavors
        self._capacities = capacities
        self.regions = {row["id"]: Region(**_without(row, "capacity")) for row in _rows("regions")}
        self.models = {row["id"]: ModelCard(**row) for row in _rows("models")}
        self.projects = {row["id"]: Project(**row) for row in _rows("projects")}

    def restock(self) -> None:
        """Restore the original market."""
        self.flavors.clear()
        self.flavors.update({flavor.name: flavor for flavor in _flavors()})
        self._capacities.clear()
        for region in _rows("regions"):
            room = region["capacity"]
            for name in self.flavors:
                self.set_capacity(region["id"], name, room.get(name, room["default"]))

    def capacity(self, region_id: int, flavor_name: str) -> int:
        """The number of replicas of a flavor for which a region has room."""
        return self._capacities.get(_place(region_id, flavor_name), 0)

    def set_capacity(self, region_id: int, flavor_name: str, capacity: int) -> None:
        """Set the room of a region for one flavor."""
        self._capacities[_place(region_id, flavor_name)] = capacity

    def reprice(self, flavor_name: str, price_per_hour: Decimal) -> None:
        """Set a new price of a replica, for containers that start from now on."""
        flavor = self.flavors[flavor_name]
        self.flavors[flavor_name] = replace(
            flavor, price_per_hour=price_per_hour, provenance="invented: set while running"
        )

    def model_of(self, image: str) -> ModelCard | None:
        """The model of the catalogue that an image serves, or None."""
        return next((card for card in self.models.values() if card.image_url == image), None)


def _place(region_id: int, flavor_name: str) -> str:
    return f"{region_id}/{flavor_name}"


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Any]:
    text = (files("pulumi_cortecs.simulator.gcore") / "market.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Any] = yaml.safe_load(text)
    return data


def _rows(name: str) -> list[dict[str, Any]]:
    sources = _data()["sources"]
    return [{**row, "provenance": sources[row["provenance"]]} for row in _data()[name]]


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


@lru_cache(maxsize=1)
def _flavors() -> tuple[Flavor, ...]:
    return tuple(Flavor(**{**row, "price_per_hour": Decimal(row["price_per_hour"])}) for row in _rows("flavors"))

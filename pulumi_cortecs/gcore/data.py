"""Data sources: flavors, regions, capacity, models, quotas and deployments (resources/data_lookup.py has what all have
in common). Each needs the account's key. A region is named by its id or its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import pulumi

from pulumi_cortecs.gcore.client import VENDOR, ApiRegion, GcoreClient
from pulumi_cortecs.gcore.kind import CREDENTIALS, INSTANCE
from pulumi_cortecs.gcore.market import price_of
from pulumi_cortecs.gcore.quota import room_by_region
from pulumi_cortecs.gcore.resources import Provider
from pulumi_cortecs.http.credentials import resolve_credentials
from pulumi_cortecs.http.errors import none_if_unknown
from pulumi_cortecs.http.wire import Id
from pulumi_cortecs.resources.data_lookup import Config, DataSources, row_of
from pulumi_cortecs.resources.errors import DataSourceError, UnknownIdError

_SOURCES: Final = DataSources(CREDENTIALS, INSTANCE.token, Provider, "pulumi_cortecs.gcore.Provider")
_PRICE_PARTS: Final = ("price_per_month", "price_without_discount_per_month", "discount_percent", "tax_percent")


@dataclass(frozen=True)
class Region:
    """A region with inference. `name` is what programs, policies and limits call it, "luxembourg-2"."""

    id: int
    name: Id = field(metadata={"told_as": "slug"})
    display_name: str | None
    country: str | None
    state: str | None
    access_level: str | None
    created_at: str | None
    has_ai: bool | None
    has_ai_gpu: bool | None
    keystone_name: str | None
    zone: str | None
    coordinates: dict[str, Any] | None = field(hash=False)


@dataclass(frozen=True)
class Flavor:
    """A flavor in one region: memory is in GiB, `gpu_memory` that of each GPU. `hourly_price` is that of one replica
    after discount, without tax, a decimal string in `currency`; both are None where Gcore hides prices. The prices of a
    month and the percents are decimal strings as Gcore reports them. `capacity` is the number of replicas that the
    region has room for. None for values that Gcore does not report."""

    name: str
    region: str
    description: str | None
    cpu: float | None
    memory: float | None
    gpu: int | None
    gpu_model: str | None
    gpu_memory: float | None
    gpu_compute_capability: str | None
    is_gpu_shared: bool | None
    hourly_price: str | None
    currency: str | None
    price_status: str
    price_per_month: str | None
    price_without_discount_per_month: str | None
    discount_percent: str | None
    tax_percent: str | None
    capacity: int | None


@dataclass(frozen=True)
class Capacity:
    """The number of replicas of a flavor that a region has room for."""

    region: str
    region_id: int
    flavor_name: str
    capacity: int


@dataclass(frozen=True)
class Model:
    """A model of the catalogue, and the image and port of a deployment that serves it. `model_id` is its name in
    requests. None for values that Gcore does not report."""

    id: Id
    name: str
    image_url: str | None
    port: int | None
    model_id: str | None
    default_flavor_name: str | None
    openai_compatibility: str | None
    category: str | None
    developer: str | None
    description: str | None
    version: str | None
    has_eula: bool | None
    eula_url: str | None
    documentation_page: str | None
    example_curl_request: str | None
    image_registry_id: str | None
    inference_backend: str | None
    inference_frontend: str | None


@dataclass(frozen=True)
class Quota:
    """One quota of the project: its `limit`, what is in `usage`, and what is `requested` for the replicas in
    question."""

    name: str
    limit: int
    usage: int
    requested: int


@dataclass(frozen=True)
class DeploymentInfo:
    """A deployment of the project, whoever created it. `containers` are as Gcore reports them. Its variables, command
    and probes are left out, because they may have secrets. None for values that Gcore does not report (yet)."""

    name: str
    status: str
    flavor_name: str
    image: str | None
    listening_port: int | None
    project_id: int | None
    address: str | None
    created_at: str | None
    auth_enabled: bool | None
    credentials_name: str | None
    description: str | None
    timeout: int | None
    api_keys: tuple[str, ...]
    containers: tuple[dict[str, Any], ...] = field(hash=False)
    object_references: tuple[dict[str, Any], ...] = field(hash=False)
    ingress_opts: dict[str, Any] | None = field(hash=False)
    logging: dict[str, Any] | None = field(hash=False)


@_SOURCES.source
def get_regions(config: Config, opts: pulumi.InvokeOptions | None = None) -> list[Region]:
    """The regions with inference, by id."""
    return sorted(_client(config).regions_as(Region), key=lambda region: region.id)


@_SOURCES.source
def get_flavors(config: Config, region: int | str, opts: pulumi.InvokeOptions | None = None) -> list[Flavor]:
    """The flavors with price and capacity in a region, the cheapest first. Asks for the price of each one."""
    client = _client(config)
    place = _region(client.regions(), region)
    room = room_by_region(client).get(place.id, {})
    containers = [{"region_id": place.id, "scale": {"max": 1}}]
    rows = [
        row_of(
            Flavor,
            flavor,
            price,
            region=place.slug,
            **{key: _read(float, getattr(flavor, key)) for key in ("cpu", "memory", "gpu_memory")},
            **{key: _read("{:f}".format, getattr(price, key)) for key in _PRICE_PARTS},
            hourly_price=hour and hour.decimal_string(),
            currency=hour and hour.currency,
            capacity=room.get(flavor.name),
        )
        for flavor in client.flavors()
        for price in (client.price(flavor.name, containers),)
        for hour in (price_of(price),)
    ]
    return sorted(rows, key=lambda row: (row.hourly_price is None, Decimal(row.hourly_price or 0), row.name))


@_SOURCES.source
def get_capacity(
    config: Config, region: int | str = "", flavor_name: str = "", opts: pulumi.InvokeOptions | None = None
) -> list[Capacity]:
    """The capacity, the most room first: of all regions and flavors, or only of a region or a flavor."""
    client = _client(config)
    regions = client.regions()
    wanted = None if region == "" else _region(regions, region).id
    names = {one.id: one.slug for one in regions}
    rows = [
        Capacity(names.get(row.region_id, str(row.region_id)), row.region_id, cell.flavor_name, cell.capacity)
        for row in client.capacity()
        for cell in row.capacity
        if wanted in (None, row.region_id) and flavor_name in ("", cell.flavor_name)
    ]
    return sorted(rows, key=lambda row: (-row.capacity, row.flavor_name, row.region))


@_SOURCES.source
def get_models(config: Config, opts: pulumi.InvokeOptions | None = None) -> list[Model]:
    """The models of the catalogue, by name."""
    return sorted(_client(config).models(Model), key=lambda model: model.name)


@_SOURCES.source
def get_quota(
    config: Config, flavor_name: str, region: int | str, replicas: int = 1, opts: pulumi.InvokeOptions | None = None
) -> list[Quota]:
    """The quotas of the project, and what so many further replicas of a flavor would need of them."""
    client = _client(config)
    container = {"region_id": _region(client.regions(), region).id, "scale": {"min": 0, "max": replicas}}
    rows = client.check_limits(flavor_name, [container]).rows
    return [Quota(name, *row) for name, row in rows.items()]


@_SOURCES.source
def get_deployment(config: Config, name: str, opts: pulumi.InvokeOptions | None = None) -> DeploymentInfo:
    """A deployment as it is now, whoever created it. Raises UnknownIdError."""
    deployment = none_if_unknown(lambda: _client(config).deployment(name))
    if deployment is None:
        raise UnknownIdError(f"{VENDOR} has no deployment {name!r} in this project")
    lists = {
        key: tuple(row.model_dump() for row in getattr(deployment, key)) for key in ("containers", "object_references")
    }
    return row_of(DeploymentInfo, deployment, api_keys=tuple(deployment.api_keys or ()), **lists)


get_regions_output = _SOURCES.for_inputs(get_regions)
get_flavors_output = _SOURCES.for_inputs(get_flavors)
get_capacity_output = _SOURCES.for_inputs(get_capacity)
get_models_output = _SOURCES.for_inputs(get_models)
get_quota_output = _SOURCES.for_inputs(get_quota)
get_deployment_output = _SOURCES.for_inputs(get_deployment)


def _client(config: Config) -> GcoreClient:
    return GcoreClient(resolve_credentials(CREDENTIALS, os.environ, config))


def _region(regions: list[ApiRegion], region: int | str) -> ApiRegion:
    match = next((one for one in regions if region in (one.id, one.slug, str(one.id))), None)
    if match is None:
        names = ", ".join(f"{one.slug} ({one.id})" for one in sorted(regions, key=lambda one: one.id))
        raise DataSourceError(f"{VENDOR} has no inference in region {region!r}; its regions: {names}")
    return match


def _read(read: Callable[[Decimal], float | str], value: Decimal | None) -> float | str | None:
    return None if value is None else read(value)

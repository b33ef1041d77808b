"""The routes of what can be rented, where, for how much and how much of it (docs/apis/gcore.md#endpoints)."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Annotated, TypeVar

from pydantic import Field
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.gcore.cloud import BASE, PROJECT, SimulatedGcore
from pulumi_cortecs.simulator.gcore.errors import invalid, not_found
from pulumi_cortecs.simulator.gcore.market import Flavor, ModelCard, Project, Region
from pulumi_cortecs.simulator.gcore.objects import Json
from pulumi_cortecs.simulator.gcore.paging import page
from pulumi_cortecs.simulator.gcore.quota import quota_json
from pulumi_cortecs.simulator.gcore.requests import Container
from pulumi_cortecs.simulator.gcore.settings import GcoreSettings
from pulumi_cortecs.simulator.request_model import Integer, RequestModel
from pulumi_cortecs.simulator.routing import RouteDecorator

_Row = TypeVar("_Row", ModelCard, Project, Region)
HOURS_PER_MONTH = 720
_INFERENCE = f"{BASE}/v3/inference"
_LONG_AGO = "2019-12-31T23:59:59Z"
"""The creation of regions and projects: the example of the vendor's description."""
_BY_NAME = ("name.asc", "name.desc")
_BY_TITLE = ("display_name.asc", "display_name.desc")
_BY_AGE = ("created_at.desc", "created_at.asc")
"""The orders of lists; everything has the same age."""
_DEFAULT_PAGE = 100
"""The page of the lists outside inference."""
_ABILITIES = ("ai", "ai_gpu", "baremetal", "basic_vm", "dbaas", "ddos", "k8s", "kvm", "sfs")
_HIDDEN: Json = dict.fromkeys(
    ("currency_code", "discount_percent", "price_per_hour", "price_per_month", "price_without_discount_per_month")
)


class PricedScale(RequestModel):
    """The scale of a price preview, which has the maximum only: the price is that of the worst case."""

    max: Annotated[Integer, Field(ge=1, le=10**16)]


class PricedContainer(RequestModel):
    """A region of a price preview."""

    region_id: Integer
    scale: PricedScale


class PriceRequest(RequestModel):
    """POST pricing/inference/deployments."""

    flavor_name: str
    containers: Annotated[list[PricedContainer], Field(min_length=1)]


class LimitsRequest(RequestModel):
    """POST deployments/check_limits: the part of an order that quotas are about."""

    flavor_name: str
    containers: Annotated[list[Container], Field(min_length=1)]


def add_catalogue_routes(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    """The routes of the catalogue, of prices and quotas, and of the account's projects."""
    _flavors_and_models(route, cloud)
    _prices_and_quotas(route, cloud)
    _projects_and_regions(route, cloud)


def _flavors_and_models(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    market = cloud.market

    def listed(request: Request, rows: Iterable[Json]) -> Response:
        return JSONResponse(page(request.query_params, list(rows), cloud.settings.gcore_page_size))

    @route("GET", f"{_INFERENCE}/flavors")
    async def flavors(request: Request) -> Response:
        return listed(request, map(_flavor_json, market.flavors.values()))

    @route("GET", f"{_INFERENCE}/flavors/{{name}}")
    async def flavor(name: str) -> Response:
        if name not in market.flavors:
            raise not_found("flavor", name)
        return JSONResponse(_flavor_json(market.flavors[name]))

    @route("GET", f"{_INFERENCE}/models")
    async def models(request: Request) -> Response:
        return listed(request, map(_shown, _ordered(request.query_params, market.models.values(), _BY_NAME)))

    @route("GET", f"{_INFERENCE}/models/{{model_id}}")
    async def model(model_id: str) -> Response:
        if model_id not in market.models:
            raise not_found("model", model_id)
        return JSONResponse(_shown(market.models[model_id]))

    @route("GET", f"{_INFERENCE}/capacity")
    async def capacity() -> Response:
        cloud.world.now()
        rows = [_capacity_json(cloud, region) for region in market.regions]
        return JSONResponse({"count": len(rows), "results": rows})


def _prices_and_quotas(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    @route("POST", f"{BASE}/v2/pricing/inference/deployments")
    async def preview(body: PriceRequest) -> Response:
        cloud.world.now()
        flavor = cloud.market.flavors.get(body.flavor_name)
        if flavor is None:
            raise invalid(f"flavor_name: got {body.flavor_name!r}; allowed: {', '.join(cloud.market.flavors)}")
        for container in body.containers:
            if container.region_id not in cloud.market.regions:
                allowed = ", ".join(map(str, cloud.market.regions))
                raise invalid(f"region_id: got {container.region_id}; allowed: {allowed}")
        return JSONResponse(price_json(flavor, sum(part.scale.max for part in body.containers), cloud.settings))

    @route("POST", f"{PROJECT}/deployments/check_limits")
    async def check_limits(project_id: int, body: LimitsRequest) -> Response:  # quotas are the account's
        cloud.world.now()
        replicas = sum(container.scale.max for container in body.containers)
        return JSONResponse(quota_json(cloud.quotas(body.flavor_name, replicas)))


def _projects_and_regions(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    market = cloud.market

    def listed(request: Request, rows: Iterable[Json]) -> Response:
        largest = cloud.settings.gcore_page_size
        return JSONResponse(page(request.query_params, list(rows), largest, default=_DEFAULT_PAGE))

    @route("GET", f"{BASE}/v1/projects")
    async def projects(request: Request) -> Response:
        query = request.query_params
        rows = [project for project in market.projects.values() if query.get("name", project.name) == project.name]
        return listed(request, map(_project_json, _ordered(query, rows, (*_BY_AGE, *_BY_NAME))))

    @route("GET", f"{BASE}/v1/regions")
    async def regions(request: Request) -> Response:  # all of them have inference
        query = request.query_params
        wanted = query.get("display_name", "").lower()
        rows = [region for region in market.regions.values() if wanted in ("", region.display_name.lower())]
        return listed(request, map(_region_json, _ordered(query, rows, (*_BY_AGE, *_BY_TITLE))))


def _flavor_json(flavor: Flavor) -> Json:
    return {**_shown(flavor), "is_gpu_shared": False}


def _capacity_json(cloud: SimulatedGcore, region_id: int) -> Json:
    market = cloud.market
    rows = [{"flavor_name": name, "capacity": market.capacity(region_id, name)} for name in market.flavors]
    return {"region_id": region_id, "capacity": rows}


def price_json(flavor: Flavor, replicas: int, settings: GcoreSettings) -> Json:
    """The price of so many replicas. As in the vendor's own example, a price "without discount" is what is left of the
    month's after the discount."""
    status = {"price_status": settings.gcore_price_status, "tax_percent": float(settings.gcore_tax_percent)}
    if settings.gcore_price_status != "show":
        return {**_HIDDEN, **status}
    per_hour = flavor.price_per_hour * replicas
    per_month, discount = per_hour * HOURS_PER_MONTH, settings.gcore_discount_percent / 100
    amounts = {
        "price_per_hour": per_hour,
        "price_per_month": per_month,
        "discount_percent": discount,
        "price_without_discount_per_month": per_month * (1 - discount),
    }
    shown = {name: float(amount) for name, amount in amounts.items()}
    return {"currency_code": settings.gcore_currency, **shown, **status}


def _project_json(project: Project) -> Json:
    none = dict.fromkeys(("deleted_at", "task_id"))
    return {**_shown(project), **none, "client_id": 1, "created_at": _LONG_AGO, "state": "ACTIVE"}


def _region_json(region: Region) -> Json:
    """A region with inference on machines of the vendor's edge; all other fields are invented."""
    none = ("available_volume_types", "coordinates", "ddos_endpoint_id", "external_network_id", "file_share_types")
    return {
        **_shown(region),
        **dict.fromkeys((*none, "metrics_database_id", "task_id")),
        **{f"has_{ability}": ability in ("ai", "ai_gpu") for ability in _ABILITIES},
        "access_level": "edge",
        "created_at": _LONG_AGO,
        "created_on": _LONG_AGO,
        "endpoint_type": "public",
        "keystone_id": region.id,
        "keystone_name": region.slug,
        "state": "ACTIVE",
        "vlan_physical_network": "none",
    }


def _shown(row: Flavor | ModelCard | Project | Region) -> Json:
    """The fields of a row of the market, but for where it is from."""
    return {name: value for name, value in asdict(row).items() if name not in ("provenance", "price_per_hour")}


def _ordered(query: QueryParams, rows: Iterable[_Row], allowed: Sequence[str]) -> list[_Row]:
    """The rows in the order that a query wants, the first allowed one by default."""
    wanted = query.get("order_by", allowed[0])
    if wanted not in allowed:
        raise invalid(f"order_by: got {wanted!r}; allowed: {', '.join(allowed)}")
    by, direction = wanted.split(".")
    if by == "created_at":
        return list(rows)
    return sorted(rows, key=lambda row: str(getattr(row, by)), reverse=direction == "desc")

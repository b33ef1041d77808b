"""The routes of docs/apis/shadeform.md#endpoints, literal ones before those with an id."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.routing import RouteDecorator, both_forms, simulated_route
from pulumi_cortecs.simulator.shadeform import serializers
from pulumi_cortecs.simulator.shadeform.cloud import BASE, SimulatedShadeform
from pulumi_cortecs.simulator.shadeform.errors import error_json, not_found
from pulumi_cortecs.simulator.shadeform.instances import matched_by
from pulumi_cortecs.simulator.shadeform.market import InstanceOffer
from pulumi_cortecs.simulator.shadeform.requests import (
    AddSshKeyRequest,
    CreateRequest,
    CreateVolumeRequest,
    UpdateRequest,
)

KEY = "sim"
_FILTERS: Mapping[str, Callable[[InstanceOffer, str], bool]] = {
    "cloud": lambda offer, value: offer.cloud == value,
    "region": lambda offer, value: value in offer.regions,
    "num_gpus": lambda offer, value: str(offer.num_gpus) == value,
    "gpu_type": lambda offer, value: offer.gpu_type == value,
    "shade_instance_type": lambda offer, value: offer.shade_instance_type == value,
}
_TYPES_QUERY = (*_FILTERS, "available", "sort")


class ShadeformApi:
    """The properties of the vendor's API: the shape of its errors, and the arguments by which faults match."""

    base = BASE
    by_path_only = False
    lists = frozenset(
        f"{BASE}/{name}"
        for name in (
            "instances",
            "instances/types",
            "sshkeys",
            "volumes",
            "volumes/types",
            "templates",
            "templates/featured",
        )
    )

    def __init__(self, cloud: SimulatedShadeform):
        self._cloud = cloud

    def error_body(self, error: ApiError) -> dict[str, Any]:
        return dict(error_json(error))

    def known_query(self, template: str) -> Iterable[str]:
        return _TYPES_QUERY if template == f"{BASE}/instances/types" else ()

    def subject(self, path: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[str | None, Mapping[str, str]]:
        instance = self._cloud.get(path.get("instance_id", ""))
        resource_id = next(iter(path.values()), None)
        return resource_id, instance.matched_by if instance else matched_by(body)

    def expire_tokens(self) -> None:
        """Does nothing, because a key has no end."""


def shadeform_router(cloud: SimulatedShadeform) -> APIRouter:
    """All routes below `/v1`."""
    route_class = simulated_route(ShadeformApi(cloud), cloud.world)
    router = APIRouter(prefix=BASE, route_class=route_class, redirect_slashes=False)

    @both_forms(router)("GET", "/instances/types")
    async def instance_types(request: Request) -> Response:  # without a key
        offers = _filtered(cloud.market, request.query_params)
        return JSONResponse({"instance_types": [serializers.type_json(offer) for offer in offers]})

    for add_routes in (_instances, _ssh_keys, _volumes, _templates):
        add_routes(both_forms(router, Depends(_check_key)), cloud)
    return router


async def _check_key(request: Request) -> None:
    if not secrets.compare_digest(request.headers.get("x-api-key", "").encode(), KEY.encode()):
        raise ApiError(401, "The key in X-API-KEY is missing or not valid.")


def _instances(route: RouteDecorator, cloud: SimulatedShadeform) -> None:
    @route("GET", "/instances")
    async def all_instances() -> Response:
        return _listed(cloud, instances=[cloud.list_json(view) for view in cloud.list_visible()])

    @route("POST", "/instances/create")
    async def create(body: CreateRequest) -> Response:
        instance = cloud.create(body)
        return JSONResponse({"id": instance.instance_id, "cloud_assigned_id": instance.cloud_assigned_id})

    @route("GET", "/instances/{instance_id}/info")
    async def one_instance(instance_id: str) -> Response:
        return JSONResponse(cloud.info_json(cloud.find_visible(instance_id)))

    @route("POST", "/instances/{instance_id}/update")
    async def update(instance_id: str, body: UpdateRequest) -> Response:
        cloud.update(instance_id, body.changes)
        return Response()

    @route("POST", "/instances/{instance_id}/restart")
    async def restart(instance_id: str) -> Response:
        cloud.restart(instance_id)
        return Response()

    @route("POST", "/instances/{instance_id}/delete")
    async def delete(instance_id: str) -> Response:
        cloud.delete(instance_id)
        return Response()


def _ssh_keys(route: RouteDecorator, cloud: SimulatedShadeform) -> None:
    keys = cloud.ssh_keys

    @route("GET", "/sshkeys")
    async def all_keys() -> Response:
        return _listed(cloud, ssh_keys=[serializers.ssh_key_json(key) for key in keys])

    @route("POST", "/sshkeys/add")
    async def add(body: AddSshKeyRequest) -> Response:
        key_id = cloud.world.new_id()
        keys.add(key_id, body.name, body.public_key)
        return JSONResponse({"id": key_id})

    @route("GET", "/sshkeys/{ssh_key_id}/info")
    async def one_key(ssh_key_id: str) -> Response:
        return JSONResponse(serializers.ssh_key_json(keys.require(ssh_key_id)))

    @route("POST", "/sshkeys/{ssh_key_id}/delete")
    async def delete(ssh_key_id: str) -> Response:
        cloud.delete_ssh_key(ssh_key_id)
        return Response()

    @route("POST", "/sshkeys/{ssh_key_id}/setdefault")
    async def set_default(ssh_key_id: str) -> Response:
        keys.set_default(ssh_key_id)
        return Response()


def _volumes(route: RouteDecorator, cloud: SimulatedShadeform) -> None:
    volumes = cloud.volumes

    @route("GET", "/volumes")
    async def all_volumes() -> Response:
        cloud.world.now()
        return _listed(cloud, volumes=[cloud.volume_json(volume) for volume in volumes])

    @route("GET", "/volumes/types")
    async def volume_types() -> Response:
        rows = [serializers.volume_type_json(kind) for kind in cloud.market.volume_types]
        return JSONResponse({"volume_types": rows})

    @route("POST", "/volumes/create")
    async def create(body: CreateVolumeRequest) -> Response:
        return JSONResponse({"id": cloud.create_volume(body)})

    @route("GET", "/volumes/{volume_id}/info")
    async def one_volume(volume_id: str) -> Response:
        cloud.world.now()
        return JSONResponse(cloud.volume_json(volumes.require(volume_id)))

    @route("POST", "/volumes/{volume_id}/delete")
    async def delete(volume_id: str) -> Response:
        cloud.delete_volume(volume_id)
        return Response()


def _templates(route: RouteDecorator, cloud: SimulatedShadeform) -> None:
    templates = cloud.market.templates

    @route("GET", "/templates")
    async def all_templates() -> Response:
        rows = [serializers.template_json(template) for template in templates.values()]
        return JSONResponse({"templates": rows})

    @route("GET", "/templates/featured")
    async def featured() -> Response:
        rows = [serializers.template_json(template) for template in templates.values() if template.featured]
        return JSONResponse({"templates": rows})

    @route("GET", "/templates/{template_id}/info")
    async def one_template(template_id: str) -> Response:
        if template_id not in templates:
            raise not_found("template", template_id)
        return JSONResponse(serializers.template_json(templates[template_id]))


def _listed(cloud: SimulatedShadeform, **rows: list[dict[str, Any]]) -> Response:
    """The answer of a list of the account's."""
    is_null = cloud.settings.null_lists
    return JSONResponse({name: None if is_null and not listed else listed for name, listed in rows.items()})


def _filtered(offers: Iterable[InstanceOffer], query: Mapping[str, str]) -> list[InstanceOffer]:
    """The offers that a query asks for, sorted by price if it says so."""
    filtered = [
        offer for offer in offers if all(fits(offer, query[name]) for name, fits in _FILTERS.items() if name in query)
    ]
    if "available" in query:
        if query["available"] not in ("true", "false"):
            raise ApiError(400, f"available {query['available']!r}: expected true or false")
        wanted, region = query["available"] == "true", query.get("region")
        filtered = [offer for offer in filtered if _is_available(offer, region) == wanted]
    if query.get("sort", "price") != "price":
        raise ApiError(400, f"sort {query['sort']!r}: expected price")
    return sorted(filtered, key=lambda offer: offer.hourly_price) if "sort" in query else filtered


def _is_available(offer: InstanceOffer, region: str | None) -> bool:
    return any(offer.regions.values()) if region is None else offer.regions[region]

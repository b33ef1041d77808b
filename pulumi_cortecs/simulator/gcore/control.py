"""The part of `/_sim` for the simulated Gcore: its keys, its market, and the load of its deployments."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.gcore.changes import Changes
from pulumi_cortecs.simulator.gcore.cloud import SimulatedGcore
from pulumi_cortecs.simulator.gcore.deployments import DEFAULT_PROJECT
from pulumi_cortecs.simulator.gcore.objects import PlainObject
from pulumi_cortecs.simulator.gcore.requests import CreateRequest
from pulumi_cortecs.simulator.request_model import Amount, Integer, RequestModel
from pulumi_cortecs.simulator.routing import CONTROL, control_route


class KeyRequest(RequestModel):
    """POST /_sim/gcore/keys: one more valid key of the account."""

    key: str = Field(min_length=1)


class FlavorRequest(RequestModel):
    """POST /_sim/gcore/flavors/{name}: a new price of a replica per hour, and the room of a region or of all."""

    price_per_hour: Amount | None = Field(None, ge=0)
    capacity: Integer | None = Field(None, ge=0)
    region_id: Integer | None = None


class LoadRequest(RequestModel):
    """POST /_sim/gcore/load/{instance_id}: the replicas that each region is to have; null leaves it to requests."""

    replicas: Integer | None = Field(ge=0)


class ApplicationRequest(RequestModel):
    """POST /_sim/gcore/application/{instance_id}: the application of which the deployment is a part; "" is none."""

    name: str


class NamedObject(RequestModel):
    """A plain object of a seed: an API key has a `secret`, the others a `body`."""

    name: str = Field(min_length=1)
    secret: str = ""
    body: dict[str, Any] = Field(default_factory=dict)


class SeedRequest(RequestModel):
    """POST /_sim/gcore/seed: what the cloud has after it, and nothing else; deployments are ready at once."""

    project_id: Integer = DEFAULT_PROJECT
    keys: list[str] = Field(default_factory=list)
    api_keys: list[NamedObject] = Field(default_factory=list)
    registry_credentials: list[NamedObject] = Field(default_factory=list)
    secrets: list[NamedObject] = Field(default_factory=list)
    deployments: list[CreateRequest] = Field(default_factory=list)


def gcore_control_router(cloud: SimulatedGcore) -> APIRouter:
    """The routes below `/_sim/gcore`."""
    changes = Changes(cloud)
    prefix = f"{CONTROL}/{cloud.name}"
    router = APIRouter(prefix=prefix, route_class=control_route(cloud.world), redirect_slashes=False)

    @router.post("/keys", response_model=None)
    async def accept_key(body: KeyRequest) -> Response:
        cloud.accept_key(body.key)
        return JSONResponse({})

    @router.post("/flavors/{name}", response_model=None)
    async def change_flavor(name: str, body: FlavorRequest) -> Response:
        market = cloud.market
        if name not in market.flavors:
            raise ApiError(404, f"flavor {name!r}: no such flavor.")
        if body.region_id is not None and body.region_id not in market.regions:
            raise ApiError(400, f"region_id {body.region_id}: expected {' or '.join(map(str, market.regions))}.")
        cloud.world.now()
        if body.price_per_hour is not None:
            market.reprice(name, body.price_per_hour)
        if body.capacity is not None:
            for region_id in market.regions if body.region_id is None else (body.region_id,):
                market.set_capacity(region_id, name, body.capacity)
        return JSONResponse({"name": name})

    @router.post("/load/{instance_id}", response_model=None)
    async def set_load(instance_id: str, body: LoadRequest) -> Response:
        cloud.set_load(instance_id, body.replicas)
        return JSONResponse({"instance_id": instance_id})

    @router.post("/application/{instance_id}", response_model=None)
    async def set_application(instance_id: str, body: ApplicationRequest) -> Response:
        cloud.set_application(instance_id, body.name)
        return JSONResponse({"instance_id": instance_id})

    @router.post("/seed", response_model=None)
    async def seed(body: SeedRequest) -> Response:
        cloud.reset()
        for key in body.keys:
            cloud.accept_key(key)
        now = cloud.world.now()
        kinds = (
            (cloud.api_keys, body.api_keys),
            (cloud.credentials, body.registry_credentials),
            (cloud.secrets, body.secrets),
        )
        for objects, rows in kinds:
            for row in rows:
                objects.add(PlainObject(body.project_id, row.name, now, row.body, row.secret))
        for order in body.deployments:
            changes.seed(body.project_id, order)
        return JSONResponse({})

    return router

"""The part of `/_sim` for the simulated Gcore: its keys and its market."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.gcore.cloud import SimulatedGcore
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


def gcore_control_router(cloud: SimulatedGcore) -> APIRouter:
    """The routes below `/_sim/gcore`."""
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

    return router

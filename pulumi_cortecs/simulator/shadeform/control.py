"""The part of `/_sim` for the simulated Shadeform: its market."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.request_model import Integer, RequestModel
from pulumi_cortecs.simulator.routing import CONTROL, control_route
from pulumi_cortecs.simulator.shadeform.cloud import SimulatedShadeform
from pulumi_cortecs.simulator.shadeform.market import InstanceOffer
from pulumi_cortecs.simulator.shadeform.serializers import type_json


class OfferRequest(RequestModel):
    """POST /_sim/shadeform/market/{cloud}/{type}: a new price in cents per hour, the stock of a region or of all."""

    hourly_price: Integer | None = Field(None, ge=0)
    available: bool | None = None
    region: str | None = None


def shadeform_control_router(cloud: SimulatedShadeform) -> APIRouter:
    """The routes below `/_sim/shadeform`."""
    prefix = f"{CONTROL}/{cloud.name}/market"
    router = APIRouter(prefix=prefix, route_class=control_route(cloud.world), redirect_slashes=False)

    def require(of: str, shade_instance_type: str) -> InstanceOffer:
        offer = cloud.market.find(of, shade_instance_type)
        if offer is None:
            raise ApiError(404, f"{of}/{shade_instance_type}: no such instance type.")
        return offer

    @router.get("", response_model=None)
    async def market() -> Response:
        return JSONResponse({"instance_types": [_offer_json(offer) for offer in cloud.market]})

    @router.post("/{of}/{shade_instance_type}", response_model=None)
    async def change(of: str, shade_instance_type: str, body: OfferRequest) -> Response:
        offer = require(of, shade_instance_type)
        if body.region is not None and body.region not in offer.regions:
            raise ApiError(400, f"region {body.region!r}: expected {' or '.join(offer.regions)}.")
        if body.hourly_price is not None:
            offer = cloud.market.reprice(offer, body.hourly_price)
        if body.available is not None:
            offer = cloud.market.set_available(offer, body.available, body.region)
        return JSONResponse(_offer_json(offer))

    @router.delete("/{of}/{shade_instance_type}", response_model=None)
    async def withdraw(of: str, shade_instance_type: str) -> Response:
        offer = require(of, shade_instance_type)
        cloud.market.withdraw(offer)
        return JSONResponse({"cloud": offer.cloud, "shade_instance_type": offer.shade_instance_type})

    return router


def _offer_json(offer: InstanceOffer) -> dict[str, Any]:
    return {**type_json(offer), "provenance": offer.provenance}

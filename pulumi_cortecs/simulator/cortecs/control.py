"""The part of `/_sim` for the simulated Cortecs: its market, its clients, and instances with given ids."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from decimal import Decimal
from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.cost import Money, MoneyError
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.cortecs.cloud import SimulatedCortecs
from pulumi_cortecs.simulator.cortecs.market import MINUTES_PER_HOUR, HardwareOffer, ModelOffer
from pulumi_cortecs.simulator.cortecs.orders import StartOrder
from pulumi_cortecs.simulator.cortecs.serializers import hardware_json, model_json
from pulumi_cortecs.simulator.cortecs.tokens import DEFAULT_CLIENT
from pulumi_cortecs.simulator.request_model import Amount, Integer, RequestModel
from pulumi_cortecs.simulator.routing import CONTROL, control_route

_SMALLEST = Decimal("0.000001")


class PlaceInstanceRequest(RequestModel):
    """POST /_sim/instances/{id}: the arguments of an instance that was bought `age` virtual seconds ago, and whether it
    was stopped since."""

    model_id: str
    hardware_type_id: str | None = None
    context_length: Integer | None = None
    billing_interval: str | None = None
    num_workers: Integer | None = None
    account: str = DEFAULT_CLIENT
    age: float = Field(0.0, ge=0, le=1e9)
    stopped: bool = False

    @property
    def order(self) -> StartOrder:
        """The start request that would have bought the instance."""
        return StartOrder(
            self.model_id, self.hardware_type_id, self.context_length, self.billing_interval, self.num_workers
        )


class HardwareRequest(RequestModel):
    """POST /_sim/market/hardware-types/{id}: a new price, or whether new workers are available."""

    price_per_hour: Amount | None = None
    price_per_minute: Amount | None = None
    available: bool | None = None


class ModelRequest(RequestModel):
    """POST /_sim/market/models/{id}."""

    recommended_config: str


class CredentialRequest(RequestModel):
    """POST /_sim/credentials: a client of a new account, or a second one of an account."""

    client_id: str
    client_secret: str
    account: str | None = None

    def __repr__(self) -> str:
        return "CredentialRequest(...)"


def cortecs_control_router(cloud: SimulatedCortecs) -> APIRouter:
    """The routes below `/_sim` that only Cortecs has."""
    router = APIRouter(prefix=CONTROL, route_class=control_route(cloud.world), redirect_slashes=False)

    @router.post("/instances/{instance_id}", response_model=None)
    async def place_instance(instance_id: str, body: PlaceInstanceRequest) -> Response:
        instance = cloud.place(body.account, instance_id, body.order, age=body.age, stopped=body.stopped)
        return JSONResponse(cloud.true_state(instance))

    @router.post("/credentials", response_model=None)
    async def register(body: CredentialRequest) -> Response:
        account = body.account or body.client_id
        cloud.tokens.register(body.client_id, body.client_secret, account)
        return JSONResponse({"client_id": body.client_id, "account": account})

    @router.get("/market", response_model=None)
    async def market() -> Response:
        return JSONResponse(
            {
                "hardware_types": [_offer_json(offer) for offer in cloud.market.offers.values()],
                "models": [_model_row_json(model) for model in cloud.market.models.values()],
            }
        )

    @router.post("/market/hardware-types/{hardware_type_id}", response_model=None)
    async def change_hardware(hardware_type_id: str, body: HardwareRequest) -> Response:
        offer = cloud.market.offers.get(hardware_type_id)
        if offer is None:
            raise ApiError(404, f"hardware_type_id {hardware_type_id!r}: no such hardware type.")
        per_minute = _per_minute(body, offer.hardware.currency)
        try:
            if per_minute is not None:
                cloud.market.reprice(hardware_type_id, per_minute)
        except MoneyError as error:
            raise ApiError(400, str(error)) from None
        if body.available is not None:
            cloud.market.set_available(hardware_type_id, body.available)
        return JSONResponse(_offer_json(cloud.market.offers[hardware_type_id]))

    @router.delete("/market/hardware-types/{hardware_type_id}", response_model=None)
    async def withdraw_hardware(hardware_type_id: str) -> Response:
        if hardware_type_id not in cloud.market.offers:
            raise ApiError(404, f"hardware_type_id {hardware_type_id!r}: no such hardware type.")
        cloud.market.withdraw_hardware(hardware_type_id)
        return JSONResponse({"hardware_type_id": hardware_type_id})

    @router.post("/market/models/{model_id}", response_model=None)
    async def change_model(model_id: str, body: ModelRequest) -> Response:
        model = cloud.market.models.get(model_id)
        if model is None:
            raise ApiError(404, f"model_id {model_id!r}: no such model.")
        if body.recommended_config not in model.max_context:
            raise ApiError(400, f"{model_id} does not run on {body.recommended_config!r}.")
        cloud.market.recommend(model_id, body.recommended_config)
        return JSONResponse(_model_row_json(cloud.market.models[model_id]))

    @router.delete("/market/models/{model_id}", response_model=None)
    async def withdraw_model(model_id: str) -> Response:
        if model_id not in cloud.market.models:
            raise ApiError(404, f"model_id {model_id!r}: no such model.")
        cloud.market.withdraw_model(model_id)
        return JSONResponse({"model_id": model_id})

    return router


def _per_minute(body: HardwareRequest, currency: str) -> Money | None:
    """The new price per minute, a sixtieth of the hourly one, as in the vendor's example."""
    minute, hour = body.price_per_minute, body.price_per_hour
    if minute is None:
        if hour is None:
            return None
        minute = (hour / MINUTES_PER_HOUR).quantize(_SMALLEST)
    if hour is not None and minute * MINUTES_PER_HOUR != hour:
        raise ApiError(400, f"price_per_hour {hour}: an hour is sixty minutes of at most six decimals each.")
    return Money.of(minute, currency)


def _offer_json(offer: HardwareOffer) -> dict[str, Any]:
    return {
        **hardware_json(offer),
        "price_per_hour": offer.hardware.price_per_hour.decimal_string(),
        "price_per_minute": offer.hardware.price_per_minute.decimal_string(),
        "available": offer.available,
        "provenance": offer.provenance,
    }


def _model_row_json(model: ModelOffer) -> dict[str, Any]:
    return {**model_json(model), "provenance": model.provenance}

"""The routes of docs/apis/cortecs.md#endpoints, literal ones before `{instance_id}`."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.cortecs import serializers
from pulumi_cortecs.simulator.cortecs.cloud import BASE, SimulatedCortecs, matched_by
from pulumi_cortecs.simulator.cortecs.instances import VirtualInstance
from pulumi_cortecs.simulator.cortecs.orders import StartOrder
from pulumi_cortecs.simulator.request_model import Integer, RequestModel
from pulumi_cortecs.simulator.routing import both_forms, simulated_route

_FORCE = {"true": True, "1": True, "false": False, "0": False}


class TokenRequest(RequestModel):
    """POST /oauth2/token. It contains a secret, so it is never printed."""

    client_id: str
    client_secret: str
    grant_type: str

    def __repr__(self) -> str:
        return "TokenRequest(...)"


class StartRequest(RequestModel):
    """POST /instances/start: arguments that are not set arrive as null."""

    model_id: str
    hardware_type_id: str | None = None
    context_length: Integer | None = None
    billing_interval: str | None = None
    num_workers: Integer | None = None


class InstanceRequest(RequestModel):
    """POST /instances/stop and /instances/restart."""

    instance_id: str


class CortecsApi:
    """The properties of the vendor's API: the shape of its errors, and the arguments by which faults match."""

    base = BASE
    by_path_only = False
    lists = frozenset(
        {f"{BASE}/{name}" for name in ("instances", "models", "hardware-types", "hardware-types/available")}
    )

    def __init__(self, cloud: SimulatedCortecs):
        self._cloud = cloud

    def error_body(self, error: ApiError) -> dict[str, Any]:
        return {self._cloud.settings.error_key: error.message}

    def known_query(self, template: str) -> Iterable[str]:
        return ("force_deletion",) if template.endswith("/delete-all") else ()

    def subject(self, path: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[str | None, Mapping[str, str]]:
        instance_id, model_id = path.get("instance_id") or body.get("instance_id"), body.get("model_id")
        if isinstance(instance_id, str):
            instance = self._cloud.get_any(instance_id)
            return instance_id, matched_by(instance.args) if instance else {}
        return None, {"model_id": model_id} if isinstance(model_id, str) else {}

    def expire_tokens(self) -> None:
        self._cloud.expire_tokens()


def cortecs_router(cloud: SimulatedCortecs) -> APIRouter:
    """All routes below `/api/v1`."""
    world = cloud.world
    router = APIRouter(prefix=BASE, route_class=simulated_route(CortecsApi(cloud), world), redirect_slashes=False)

    route = both_forms(router)

    def view_json(instance: VirtualInstance, as_of: datetime) -> serializers.Json:
        ahead = cloud.settings.instance_clock_ahead_seconds
        return serializers.instance_json(instance, as_of, world.serving.origin_of(instance.instance_id), ahead)

    def started(instance: VirtualInstance) -> Response:
        row = serializers.started_json(instance, world.origin, cloud.settings.instance_clock_ahead_seconds)
        return JSONResponse({"message": "Instance is starting.", "instance": row})

    async def account_of_token(request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        account = cloud.tokens.account_of(token.strip()) if scheme.lower() == "bearer" else None
        if account is None:
            raise ApiError(401, "The access token is missing, unknown or expired.")
        return account

    Account = Annotated[str, Depends(account_of_token)]

    @route("POST", "/oauth2/token")
    async def token(body: TokenRequest) -> Response:
        if body.grant_type != "client_credentials":
            raise ApiError(400, "grant_type: it must be client_credentials.")
        lifetime = world.settings.token_ttl_real_seconds
        access_token = cloud.tokens.grant(body.client_id, body.client_secret, lifetime)
        if access_token is None:
            raise ApiError(401, "The client credentials are not valid.")
        expires_in = int(lifetime) if float(lifetime).is_integer() else lifetime
        return JSONResponse({"access_token": access_token, "token_type": "Bearer", "expires_in": expires_in})

    @route("GET", "/user/balance")
    async def balance(account: Account) -> Response:
        rest = cloud.balance(account)
        return JSONResponse({"current_balance": float(rest.amount), "currency": rest.currency})

    @route("GET", "/instances")
    async def all_instances(account: Account) -> Response:
        rows = [view_json(instance.instance, instance.as_of) for instance in cloud.list_visible(account)]
        return JSONResponse({"instances": rows})

    @route("POST", "/instances/start")
    async def start(account: Account, body: StartRequest) -> Response:
        return started(cloud.start(account, StartOrder(**body.model_dump())))

    @route("POST", "/instances/restart")
    async def restart(account: Account, body: InstanceRequest) -> Response:
        return started(cloud.restart(account, body.instance_id))

    @route("POST", "/instances/stop")
    async def stop(account: Account, body: InstanceRequest) -> Response:
        instance = cloud.stop(account, body.instance_id)
        return JSONResponse({"message": "Instance is stopped.", "instance": view_json(instance, world.now())})

    @route("POST", "/instances/stop-all")
    async def stop_all(account: Account) -> Response:
        stopped = cloud.stop_all(account)
        if not stopped:
            return JSONResponse({"message": "No instance was running."})
        return JSONResponse({"message": "All instances are stopped.", "instance_ids": stopped})

    @route("DELETE", "/instances/delete-all")
    async def delete_all(account: Account, request: Request) -> Response:
        text = request.query_params.get("force_deletion", "false")
        force = _FORCE.get(text.lower())
        if force is None:
            raise ApiError(400, f"force_deletion {text!r}: expected true or false.")
        return JSONResponse({"instance_ids": cloud.delete_all(account, force=force)})

    @route("GET", "/instances/{instance_id}")
    async def one_instance(account: Account, instance_id: str) -> Response:
        view = cloud.find_visible(account, instance_id)
        return JSONResponse({"instance": view_json(view.instance, view.as_of)})

    @route("DELETE", "/instances/{instance_id}")
    async def delete(account: Account, instance_id: str) -> Response:
        cloud.delete(account, instance_id)
        return JSONResponse({"instance_id": instance_id})

    @route("GET", "/models")
    async def all_models() -> Response:
        return JSONResponse(
            {"models": [serializers.model_preview_json(model) for model in cloud.market.models.values()]}
        )

    @route("GET", "/models/{model_id}")
    async def one_model(model_id: str) -> Response:
        model = cloud.market.models.get(model_id)
        if model is None:
            raise ApiError(cloud.settings.unknown_id_status, f"model_id {model_id!r}: no such model.")
        return JSONResponse({"model": serializers.model_json(model)})

    @route("GET", "/hardware-types")
    async def all_hardware() -> Response:
        return JSONResponse(
            {"hardware_types": [serializers.hardware_json(offer) for offer in cloud.market.offers.values()]}
        )

    @route("GET", "/hardware-types/available")
    async def available_hardware() -> Response:
        in_stock = [offer for offer in cloud.market.offers.values() if offer.available]
        return JSONResponse({"hardware_types": [serializers.hardware_json(offer) for offer in in_stock]})

    return router

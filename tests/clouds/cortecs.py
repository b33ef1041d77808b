"""Cortecs as the suites that are the same for every cloud know it.

Its simulator's web framework takes some ten times as long as everything else in `tests/stateful`; what it adds (routes,
schemas, status codes) is repeated in `StagedCortecs.answered`, and `tests/stateful/test_wire.py` compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pulumi_cortecs.cortecs.cloud import ORDER_FIELDS
from pulumi_cortecs.cortecs.kind import INSTANCE
from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.cortecs import CORTECS as SIMULATED
from pulumi_cortecs.simulator.cortecs import SimulatedCortecs, serializers
from pulumi_cortecs.simulator.cortecs.cloud import BASE
from pulumi_cortecs.simulator.cortecs.instances import Status, VirtualInstance
from pulumi_cortecs.simulator.cortecs.orders import StartOrder
from pulumi_cortecs.simulator.cortecs.tokens import DEFAULT_CLIENT
from pulumi_cortecs.simulator.faults import SERVING_FAULTS, FaultKind
from pulumi_cortecs.simulator.world import World
from tests.clouds.case import (
    BALANCE,
    BY_ID,
    DELETE,
    LIST,
    MARKET,
    RESTART,
    START,
    STOP,
    TOKEN,
    UPDATE,
    Arguments,
    CloudCase,
    Json,
    Real,
    Staged,
)

QWEN: Final = "Qwen--Qwen2-7B-Instruct"


class StagedCortecs(Staged):
    """The simulator's own cloud, reached by a function call."""

    base = BASE
    lists = frozenset({"/instances", "/models", "/hardware-types"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.cloud = SimulatedCortecs(world)

    def operation(self, method: str, path: str) -> str:
        parts = path.strip("/").split("/")
        if parts[0] == "oauth2":
            return TOKEN
        if parts[0] == "user":
            return BALANCE
        if parts[0] != "instances":
            return MARKET
        if len(parts) == 1:
            return LIST
        if method == "POST":
            return {"start": START, "stop": STOP, "restart": RESTART}[parts[1]]
        return BY_ID if method == "GET" else DELETE

    def subject(self, path: str, body: Json) -> str:
        parts = path.strip("/").split("/")
        by_id = parts[0] == "instances" and len(parts) == 2 and parts[1] not in ("start", "stop", "restart")
        return str(body.get("instance_id", "")) or (parts[1] if by_id else "")

    def answered(self, method: str, path: str, headers: Mapping[str, str], body: Json) -> Json:
        cloud, asked, parts = self.cloud, self.operation(method, path), path.strip("/").split("/")
        if asked == TOKEN:
            granted = cloud.tokens.grant(body["client_id"], body["client_secret"], 3600.0)
            if granted is None:
                raise ApiError(401, "The client credentials are not valid.")
            return {"access_token": granted, "token_type": "Bearer", "expires_in": 3600}
        if asked == MARKET:
            return self._market(parts)
        account = cloud.tokens.account_of(headers.get("Authorization", "").removeprefix("Bearer "))
        if account is None:
            raise ApiError(401, "The access token is missing, unknown or expired.")
        now, origin, ahead = self.world.now, self.world.origin, cloud.settings.instance_clock_ahead_seconds
        if asked == BALANCE:
            left = cloud.balance(account)
            return {"current_balance": float(left.amount), "currency": left.currency}
        if asked == LIST:
            seen_ones = cloud.list_visible(account)
            return {
                "instances": [serializers.instance_json(one.instance, one.as_of, origin, ahead) for one in seen_ones]
            }
        if asked == BY_ID:
            view = cloud.find_visible(account, parts[1])
            return {"instance": serializers.instance_json(view.instance, view.as_of, origin, ahead)}
        if asked == DELETE:
            cloud.delete(account, parts[1])
            return {"instance_id": parts[1]}
        if asked == STOP:
            stopped = cloud.stop(account, body["instance_id"])
            return {
                "message": "Instance is stopped.",
                "instance": serializers.instance_json(stopped, now(), origin, ahead),
            }
        begun = (
            cloud.start(account, StartOrder(**body)) if asked == START else cloud.restart(account, body["instance_id"])
        )
        return {"message": "Instance is starting.", "instance": serializers.started_json(begun, origin, ahead)}

    def _market(self, parts: list[str]) -> Json:
        market = self.cloud.market
        if parts == ["models"]:
            return {"models": [serializers.model_preview_json(model) for model in market.models.values()]}
        if parts[0] == "models":
            model = market.models.get(parts[1])
            if model is None:
                raise ApiError(404, f"model_id {parts[1]!r}: no such model.")
            return {"model": serializers.model_json(model)}
        offers = [offer for offer in market.offers.values() if len(parts) == 1 or offer.available]
        return {"hardware_types": [serializers.hardware_json(offer) for offer in offers]}

    def every(self) -> Mapping[str, Real]:
        now = self.world.now()
        return {instance.instance_id: _real(instance, now) for instance in self.cloud.all_instances()}

    def order(self, arguments: Arguments) -> str:
        order: dict[str, Any] = {**dict.fromkeys(ORDER_FIELDS), **arguments}
        return self.cloud.start(DEFAULT_CLIENT, StartOrder(**order)).instance_id

    def vanish(self, instance_id: str) -> None:
        self.cloud.vanish(instance_id)

    def reprice(self, cents: int) -> None:
        self.cloud.market.reprice("NVIDIA_L4_1", Money(Decimal(cents) / 6000, "EUR"))

    def stop_from_outside(self, instance_id: str) -> None:
        self.cloud.stop_from_outside(instance_id)

    def expire_tokens(self) -> None:
        self.cloud.expire_tokens()


def _real(instance: VirtualInstance, now: datetime) -> Real:
    args = instance.args
    arguments = (
        args.model_id,
        args.hardware_type_id,
        args.context_length,
        args.billing_interval.value,
        args.num_workers,
    )
    stuck = bool(instance.boot.stuck_at_step) and instance.stopped_at is None
    return Real(dict(zip(ORDER_FIELDS, arguments, strict=True)), instance.status(now) is Status.STOPPED, stuck)


CORTECS: Final = CloudCase(
    instance="cortecs.Instance",
    endpoint="cortecs.Endpoint",
    kind=lambda: INSTANCE,
    simulated=SIMULATED,
    staged=StagedCortecs,
    programs=(
        {"model_id": QWEN, "hardware_type_id": "NVIDIA_L4_1"},
        {"model_id": QWEN, "hardware_type_id": "NVIDIA_L4_2", "billing_interval": "per_hour"},
        {"model_id": QWEN, "hardware_type_id": "NVIDIA_L4_1", "num_workers": 2},
    ),
    adopting={"model_id": QWEN},
    updated={"restart_trigger": "again"},
    order=f"POST {BASE}/instances/start",
    list=f"GET {BASE}/instances",
    one=f"GET {BASE}/instances/{{instance_id}}",
    delete=f"DELETE {BASE}/instances/{{instance_id}}",
    never=frozenset({UPDATE}),
    faults=tuple(kind for kind in FaultKind if kind not in SERVING_FAULTS),
    fields=("", "instance_id", "instance_status"),
)

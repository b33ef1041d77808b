"""The simulated Acme: machines with a label and tags. There is no stop, and an order is answered with an id alone."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Depends, Header
from fastapi.routing import APIRoute
from pydantic import Field

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.clock import timestamp
from pulumi_cortecs.simulator.faults import SERVING_FAULTS, FaultKind, FaultTarget
from pulumi_cortecs.simulator.ledger import Run
from pulumi_cortecs.simulator.openai_api import ServedModel
from pulumi_cortecs.simulator.request_model import RequestModel
from pulumi_cortecs.simulator.world import SimulatedCloud, World

BASE, KEY, ZONES = "/acme/v2", "acme-key", ("north", "south")
PLANS = {"small": 60, "large": 240}  # cents per hour
Json = dict[str, Any]


class Changed(RequestModel):
    label: str = ""
    tags: dict[str, str] = Field(default_factory=dict)


class Order(Changed):
    plan: str
    zone: str


@dataclass(frozen=True)
class AcmeRun(Run):
    cloud: ClassVar[str] = "acme"
    cents: int

    def cost(self, ran_for: timedelta) -> Money:
        return Money(Decimal(self.cents * int(ran_for.total_seconds())) / 360_000, "EUR")

    def tariff(self) -> Mapping[str, Any]:
        return {"cents_per_hour": self.cents}


class Acme(SimulatedCloud):
    """Its one account, and what the simulator asks of a cloud and of its API."""

    name = AcmeRun.cloud
    base, by_path_only, lists = BASE, False, frozenset({f"{BASE}/machines", f"{BASE}/plans"})

    def __init__(self, world: World) -> None:
        self.world, self.machines = world, world.table("acme machines", dict)
        world.ledger.keep(self.name, world.table("acme runs", AcmeRun))
        world.join(self)

    def order(self, order: Order) -> str:
        now, call = self.world.now(), FaultTarget("POST", f"{BASE}/machines", BASE, new_instance=True)
        late = sum(fault.number("seconds") for fault in self.world.faults.take_matching(call, [FaultKind.LIST_LAG]))
        made = {"id": self.world.new_id(), **order.model_dump(), "at": now, "listed": now + timedelta(seconds=late)}
        self.machines[made["id"]] = made
        self.world.serving.begin(made["id"], self.world.faults.take_matching(call, SERVING_FAULTS), now)
        self.world.ledger.begin(AcmeRun("sim", made["id"], PLANS[order.plan], started_at=now, billed_from=now))
        return made["id"]

    def require(self, id: str) -> Json:
        if id not in self.machines:
            raise ApiError(404, f"There is no machine {id!r}.")
        return self.machines[id]

    def ready_at(self, machine: Json) -> datetime:
        return machine["at"] + timedelta(seconds=self.world.settings.boot_seconds)

    def served(self, id: str) -> ServedModel | None:
        if (machine := self.machines.get(id)) is None:
            return None
        status = "running" if self.world.now() >= self.ready_at(machine) else "provisioning"
        return ServedModel(id, status, machine["plan"], machine["plan"], 8192, machine["at"], self.ready_at(machine))

    def shown(self, machine: Json) -> Json:
        active = self.world.now() >= self.ready_at(machine)
        return {
            **{key: value for key, value in machine.items() if isinstance(value, (str, dict))},
            "status": "active" if active else "provisioning",
            "created_at": timestamp(machine["at"]),
            "address": f"{self.world.serving.origin_of(machine['id'])}/serve/{machine['id']}/v1" if active else None,
        }

    def true_states(self) -> Mapping[str, Json]:
        return {id: {**self.shown(machine), "cloud": self.name} for id, machine in self.machines.items()}

    def vanish(self, instance_id: str) -> None:
        del self.machines[instance_id]
        self.world.ledger.end(instance_id, self.world.now())

    def reset(self) -> None:
        self.machines.clear()

    def error_body(self, error: ApiError) -> Json:
        return {"message": error.message}

    def known_query(self, template: str) -> list[str]:
        return []

    def subject(self, path: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[str | None, Mapping[str, str]]:
        return path.get("id"), {}


def routes(acme: Acme, route_class: type[APIRoute]) -> APIRouter:
    async def key(x_api_key: Annotated[str, Header()] = "") -> None:
        if x_api_key != KEY:
            raise ApiError(401, "The key is not valid.")

    router = APIRouter(prefix=BASE, route_class=route_class, redirect_slashes=False)
    signed: Json = {"response_model": None, "dependencies": [Depends(key)]}

    @router.get("/plans", response_model=None)
    async def plans() -> Json:
        return {"plans": [{"plan": plan, "cents_per_hour": cents, "zones": ZONES} for plan, cents in PLANS.items()]}

    @router.get("/machines", **signed)
    async def every() -> Json:
        now = acme.world.now()
        return {"machines": [acme.shown(machine) for machine in acme.machines.values() if machine["listed"] <= now]}

    @router.post("/machines", **signed)
    async def order(sent: Order) -> Json:
        if sent.plan not in PLANS or sent.zone not in ZONES:
            raise ApiError(422, f"There is no {sent.plan} in {sent.zone}.")
        return {"id": acme.order(sent)}

    @router.get("/machines/{id}", **signed)
    async def one(id: str) -> Json:
        return acme.shown(acme.require(id))

    @router.patch("/machines/{id}", **signed)
    async def change(id: str, sent: Changed) -> Json:
        acme.machines[id] = {**acme.require(id), **sent.model_dump(exclude_unset=True)}
        return {}

    @router.delete("/machines/{id}", **signed)
    async def delete(id: str) -> Json:
        acme.vanish(acme.require(id)["id"])
        return {}

    return router

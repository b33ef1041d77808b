"""The simulated Acme: machines with a label and tags. There is no stop, and an order is answered with an id alone.

Beside them keys, whose secret is told once, and disks, which cost money. Both have unique names; a machine with the
label "uses ID" uses one of them.
"""

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
CENTS_PER_GB = 2  # per hour
Json = dict[str, Any]


class Changed(RequestModel):
    label: str = ""
    tags: dict[str, str] = Field(default_factory=dict)


class Order(Changed):
    plan: str
    zone: str


class Scope(RequestModel):
    scope: str


class NewKey(Scope):
    name: str
    passphrase: str


class NewDisk(RequestModel):
    name: str
    zone: str
    size: int


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
    base, by_path_only = BASE, False
    lists = frozenset(f"{BASE}/{path}" for path in ("machines", "plans", "keys", "disks"))

    def __init__(self, world: World) -> None:
        self.world, self.machines = world, world.table("acme machines", dict)
        self.keys, self.disks = world.table("acme keys", dict), world.table("acme disks", dict)
        world.ledger.keep(self.name, world.table("acme runs", AcmeRun))
        world.join(self)

    def order(self, order: Order) -> str:
        now, call = self.world.now(), FaultTarget("POST", f"{BASE}/machines", BASE, new_instance=True)
        made = {"id": self.world.new_id(), **order.model_dump(), "at": now, "listed": self.listed_at(call)}
        self.machines[made["id"]] = made
        self.world.serving.begin(made["id"], self.world.faults.take_matching(call, SERVING_FAULTS), now)
        self.world.ledger.begin(AcmeRun("sim", made["id"], PLANS[order.plan], started_at=now, billed_from=now))
        return made["id"]

    def listed_at(self, call: FaultTarget) -> datetime:
        late = sum(fault.number("seconds") for fault in self.world.faults.take_matching(call, [FaultKind.LIST_LAG]))
        return self.world.now() + timedelta(seconds=late)

    def add(self, kind: str, sent: RequestModel, **more: str) -> Json:
        table = self.table(kind)
        if any(row["name"] == sent.model_dump()["name"] for row in table.values()):
            raise ApiError(409, "The name is taken.")
        listed = self.listed_at(FaultTarget("POST", f"{BASE}/{kind}", BASE, new_instance=True))
        made = {"id": self.world.new_id(), **sent.model_dump(), **more, "listed": listed}
        table[made["id"]] = made
        if kind == "disks":
            now, cents = self.world.now(), CENTS_PER_GB * made["size"]
            self.world.ledger.begin(AcmeRun("sim", made["id"], cents, started_at=now, billed_from=now))
        return made

    def table(self, kind: str) -> dict[str, Json]:
        return {"machines": self.machines, "keys": self.keys, "disks": self.disks}[kind]

    def row(self, kind: str, id: str) -> Json:
        if id not in self.table(kind):
            raise ApiError(404, f"There is none of the {kind} {id!r}.")
        return self.table(kind)[id]

    def user_of(self, id: str) -> str:
        return next((key for key, machine in self.machines.items() if machine["label"] == f"uses {id}"), "")

    def drop(self, kind: str, id: str) -> None:
        self.row(kind, id)
        if self.user_of(id):
            raise ApiError(409, f"It is in use by {self.user_of(id)}.")
        del self.table(kind)[id]
        if kind == "disks":
            self.world.ledger.end(id, self.world.now())

    def told(self, kind: str, row: Json) -> Json:
        told = {key: value for key, value in row.items() if key not in ("listed", "secret", "passphrase")}
        return {**told, "used_by": self.user_of(row["id"])} if kind == "disks" else told

    def require(self, id: str) -> Json:
        return self.row("machines", id)

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
        for table in (self.machines, self.keys, self.disks):
            table.clear()

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

    @router.get("/disks/price", **signed)
    async def price() -> Json:
        return {"cents_per_gb": CENTS_PER_GB}

    @router.post("/keys", **signed)
    async def add_key(sent: NewKey) -> Json:
        made = acme.add("keys", sent, secret=f"secret of {sent.name} {len(acme.keys)}")
        return {**acme.told("keys", made), "secret": made["secret"]}

    @router.patch("/keys/{id}", **signed)
    async def change_key(id: str, sent: Scope) -> Json:
        acme.keys[id] = {**acme.row("keys", id), **sent.model_dump()}
        return {}

    @router.post("/disks", **signed)
    async def add_disk(sent: NewDisk) -> Json:
        return {"id": acme.add("disks", sent)["id"]}

    def serve(kind: str) -> None:
        @router.get(f"/{kind}", **signed)
        async def every_one() -> Json:
            now = acme.world.now()
            return {kind: [acme.told(kind, row) for row in acme.table(kind).values() if row["listed"] <= now]}

        @router.get(f"/{kind}/{{id}}", **signed)
        async def one_of(id: str) -> Json:
            return acme.told(kind, acme.row(kind, id))

        @router.delete(f"/{kind}/{{id}}", **signed)
        async def drop(id: str) -> Json:
            acme.drop(kind, id)
            return {}

    for kind in ("keys", "disks"):
        serve(kind)

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

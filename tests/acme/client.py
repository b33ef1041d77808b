"""Acme's API, typed. Threads may share a client."""

import httpx

from pulumi_cortecs.http.api_client import ApiClient, Retry, WireModel, shared_client
from pulumi_cortecs.http.authentication import ApiKey
from pulumi_cortecs.http.credentials import Credentials


class Plan(WireModel):
    plan: str
    cents_per_hour: int
    zones: list[str]


class Machine(WireModel):
    id: str
    plan: str
    zone: str
    label: str
    tags: dict[str, str]
    status: str
    created_at: str
    address: str | None = None


class _Plans(WireModel):
    plans: list[Plan]


class _Machines(WireModel):
    machines: list[Machine]


class _Ordered(WireModel):
    id: str


def plans(base_url: str, client: httpx.Client | None = None) -> dict[str, Plan]:
    core = ApiClient("Acme", base_url, client or shared_client())
    return {plan.plan: plan for plan in core.call("GET", "/plans", _Plans, retry=Retry.IDEMPOTENT).plans}


class AcmeClient:
    def __init__(self, credentials: Credentials) -> None:
        self.core = ApiClient("Acme", credentials.base_url, shared_client())
        self.core.auth = ApiKey("X-Api-Key", *credentials.parts)

    def machines(self) -> dict[str, Machine]:
        machines = self.core.call("GET", "/machines", _Machines, retry=Retry.IDEMPOTENT).machines
        return {machine.id: machine for machine in machines}

    def machine(self, id: str) -> Machine:
        return self.core.call("GET", f"/machines/{id}", Machine, retry=Retry.IDEMPOTENT)

    def order(self, **order: object) -> str:
        return self.core.call("POST", "/machines", _Ordered, retry=Retry.IF_NEVER_SENT, body=order).id

    def change(self, id: str, **wanted: object) -> None:
        self.core.call("PATCH", f"/machines/{id}", WireModel, retry=Retry.IDEMPOTENT, body=wanted)

    def delete(self, id: str) -> None:
        self.core.call("DELETE", f"/machines/{id}", WireModel, retry=Retry.IDEMPOTENT)

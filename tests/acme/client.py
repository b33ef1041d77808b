"""Acme's API, typed. Threads may share a client."""

from pulumi_cortecs.http.api_key import ApiKey
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.http import HttpCore, Resend, WireModel, shared_client


class Plan(WireModel):
    plan: str
    cents_per_hour: int
    zones: list[str]


class Machine(WireModel):
    id: str
    plan: str
    zone: str
    label: str
    tag: str
    status: str
    created_at: str
    address: str | None = None


class _Plans(WireModel):
    plans: list[Plan]


class _Machines(WireModel):
    machines: list[Machine]


class _Ordered(WireModel):
    id: str


def plans(base_url: str) -> dict[str, Plan]:
    core = HttpCore("Acme", base_url, shared_client())
    return {plan.plan: plan for plan in core.call("GET", "/plans", _Plans, resend=Resend.SAFE).plans}


class AcmeClient:
    def __init__(self, credentials: Credentials) -> None:
        self.core = HttpCore("Acme", credentials.base_url, shared_client())
        self.core.auth = ApiKey("X-Api-Key", *credentials.parts)

    def machines(self) -> dict[str, Machine]:
        machines = self.core.call("GET", "/machines", _Machines, resend=Resend.SAFE).machines
        return {machine.id: machine for machine in machines}

    def machine(self, id: str) -> Machine:
        return self.core.call("GET", f"/machines/{id}", Machine, resend=Resend.SAFE)

    def order(self, **order: str) -> str:
        return self.core.call("POST", "/machines", _Ordered, resend=Resend.NEVER, body=order).id

    def change(self, id: str, **wanted: str) -> None:
        self.core.call("PATCH", f"/machines/{id}", WireModel, resend=Resend.SAFE, body=wanted)

    def delete(self, id: str) -> None:
        self.core.call("DELETE", f"/machines/{id}", WireModel, resend=Resend.SAFE)

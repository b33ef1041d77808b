"""Acme's API, typed. Threads may share a client."""

from collections.abc import Mapping
from typing import Any

import httpx

from pulumi_cortecs.http.api_client import WireModel
from pulumi_cortecs.http.authentication import ApiKey
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.vendor_api import VendorApi
from pulumi_cortecs.lifecycle.cloud import OrderAnswer


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


class Key(WireModel):
    id: str
    name: str
    scope: str
    secret: str | None = None


class Disk(WireModel):
    id: str
    name: str
    zone: str
    size: int
    used_by: str


class _DiskPrice(WireModel):
    cents_per_gb: int


class _Plans(WireModel):
    plans: list[Plan]


class _Machines(WireModel):
    machines: list[Machine]


class _Ordered(WireModel):
    id: str


class _PublicClient(VendorApi):
    vendor = "Acme"

    def plans(self) -> dict[str, Plan]:
        return {plan.plan: plan for plan in self._get("/plans", _Plans).plans}


def plans(base_url: str, client: httpx.Client | None = None) -> dict[str, Plan]:
    return _PublicClient(base_url, client).plans()


PLAIN: Mapping[str, type[Any]] = {"keys": Key, "disks": Disk}


class AcmeClient(VendorApi):
    vendor = "Acme"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials.base_url)
        self._core.auth = ApiKey("X-Api-Key", *credentials.parts)

    def all_of(self, path: str) -> dict[str, Any]:
        return {row.id: row for row in self._rows(f"/{path}", path, PLAIN[path])}

    def one_of(self, path: str, id: str) -> Any:
        return self._get(f"/{path}/{id}", PLAIN[path])

    def create(self, path: str, inputs: Mapping[str, Any]) -> OrderAnswer[Any]:
        if path == "keys":
            key = self._order("/keys", Key, dict(inputs))
            return OrderAnswer(key.id, key)
        return OrderAnswer(self._order(f"/{path}", _Ordered, dict(inputs)).id)

    def change_key(self, id: str, scope: str) -> None:
        self._act("PATCH", f"/keys/{id}", {"scope": scope})

    def delete(self, path: str, id: str) -> None:
        self._act("DELETE", f"/{path}/{id}")

    def disk_price(self) -> int:
        return self._get("/disks/price", _DiskPrice).cents_per_gb

    def machines(self) -> dict[str, Machine]:
        machines = self._get("/machines", _Machines).machines
        return {machine.id: machine for machine in machines}

    def machine(self, id: str) -> Machine:
        return self._get(f"/machines/{id}", Machine)

    def order(self, **order: object) -> str:
        return self._order("/machines", _Ordered, order).id

    def change(self, id: str, **wanted: object) -> None:
        self._act("PATCH", f"/machines/{id}", wanted)

"""Acme's API, typed. Threads may share a client."""

import httpx

from pulumi_cortecs.http.api_client import WireModel
from pulumi_cortecs.http.authentication import ApiKey
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.vendor_api import VendorApi


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


class _Keys(WireModel):
    keys: list[Key]


class _Disks(WireModel):
    disks: list[Disk]


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


class AcmeClient(VendorApi):
    vendor = "Acme"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials.base_url)
        self._core.auth = ApiKey("X-Api-Key", *credentials.parts)

    def keys(self) -> dict[str, Key]:
        return {key.id: key for key in self._get("/keys", _Keys).keys}

    def key(self, id: str) -> Key:
        return self._get(f"/keys/{id}", Key)

    def add_key(self, name: str, scope: str, passphrase: str) -> Key:
        body = {"name": name, "scope": scope, "passphrase": passphrase}
        return self._order("/keys", Key, body)

    def change_key(self, id: str, scope: str) -> None:
        self._act("PATCH", f"/keys/{id}", {"scope": scope})

    def delete_key(self, id: str) -> None:
        self._act("DELETE", f"/keys/{id}")

    def disks(self) -> dict[str, Disk]:
        return {disk.id: disk for disk in self._get("/disks", _Disks).disks}

    def disk(self, id: str) -> Disk:
        return self._get(f"/disks/{id}", Disk)

    def disk_price(self) -> int:
        return self._get("/disks/price", _DiskPrice).cents_per_gb

    def add_disk(self, name: str, zone: str, size: int) -> str:
        body = {"name": name, "zone": zone, "size": size}
        return self._order("/disks", _Ordered, body).id

    def delete_disk(self, id: str) -> None:
        self._act("DELETE", f"/disks/{id}")

    def machines(self) -> dict[str, Machine]:
        machines = self._get("/machines", _Machines).machines
        return {machine.id: machine for machine in machines}

    def machine(self, id: str) -> Machine:
        return self._get(f"/machines/{id}", Machine)

    def order(self, **order: object) -> str:
        return self._order("/machines", _Ordered, order).id

    def change(self, id: str, **wanted: object) -> None:
        self._act("PATCH", f"/machines/{id}", wanted)

    def delete(self, id: str) -> None:
        self._act("DELETE", f"/machines/{id}")

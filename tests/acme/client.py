"""Acme's API, typed. Threads may share a client."""

import httpx

from pulumi_cortecs.http.api_client import ApiClient, Retry, WireModel, shared_client
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


def plans(base_url: str, client: httpx.Client | None = None) -> dict[str, Plan]:
    core = ApiClient("Acme", base_url, client or shared_client())
    return {plan.plan: plan for plan in core.call("GET", "/plans", _Plans, retry=Retry.IDEMPOTENT).plans}


class AcmeClient(VendorApi):
    vendor = "Acme"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials.base_url)
        self._core.auth = ApiKey("X-Api-Key", *credentials.parts)

    def keys(self) -> dict[str, Key]:
        return {key.id: key for key in self._core.call("GET", "/keys", _Keys, retry=Retry.IDEMPOTENT).keys}

    def key(self, id: str) -> Key:
        return self._core.call("GET", f"/keys/{id}", Key, retry=Retry.IDEMPOTENT)

    def add_key(self, name: str, scope: str, passphrase: str) -> Key:
        body = {"name": name, "scope": scope, "passphrase": passphrase}
        return self._core.call("POST", "/keys", Key, retry=Retry.IF_NEVER_SENT, body=body)

    def change_key(self, id: str, scope: str) -> None:
        self._core.call("PATCH", f"/keys/{id}", WireModel, retry=Retry.IDEMPOTENT, body={"scope": scope})

    def delete_key(self, id: str) -> None:
        self._core.call("DELETE", f"/keys/{id}", WireModel, retry=Retry.IDEMPOTENT)

    def disks(self) -> dict[str, Disk]:
        return {disk.id: disk for disk in self._core.call("GET", "/disks", _Disks, retry=Retry.IDEMPOTENT).disks}

    def disk(self, id: str) -> Disk:
        return self._core.call("GET", f"/disks/{id}", Disk, retry=Retry.IDEMPOTENT)

    def disk_price(self) -> int:
        return self._core.call("GET", "/disks/price", _DiskPrice, retry=Retry.IDEMPOTENT).cents_per_gb

    def add_disk(self, name: str, zone: str, size: int) -> str:
        body = {"name": name, "zone": zone, "size": size}
        return self._core.call("POST", "/disks", _Ordered, retry=Retry.IF_NEVER_SENT, body=body).id

    def delete_disk(self, id: str) -> None:
        self._core.call("DELETE", f"/disks/{id}", WireModel, retry=Retry.IDEMPOTENT)

    def machines(self) -> dict[str, Machine]:
        machines = self._core.call("GET", "/machines", _Machines, retry=Retry.IDEMPOTENT).machines
        return {machine.id: machine for machine in machines}

    def machine(self, id: str) -> Machine:
        return self._core.call("GET", f"/machines/{id}", Machine, retry=Retry.IDEMPOTENT)

    def order(self, **order: object) -> str:
        return self._core.call("POST", "/machines", _Ordered, retry=Retry.IF_NEVER_SENT, body=order).id

    def change(self, id: str, **wanted: object) -> None:
        self._core.call("PATCH", f"/machines/{id}", WireModel, retry=Retry.IDEMPOTENT, body=wanted)

    def delete(self, id: str) -> None:
        self._core.call("DELETE", f"/machines/{id}", WireModel, retry=Retry.IDEMPOTENT)

"""A typed client of the control of the simulated Shadeform, and the environment of the API's clients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import httpx

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.control_client import (
    ControlClient,
    LedgerEntry,
    Row,
    RowReaders,
    SimulatedInstance,
    entry_fields,
    loopback_client,
)
from pulumi_cortecs.simulator.shadeform.cloud import BASE
from pulumi_cortecs.simulator.shadeform.routes import KEY


@dataclass(frozen=True, kw_only=True)
class ShadeformLedgerEntry(LedgerEntry):
    """The run of an instance or of a volume (`resource`) with its tariff; a volume's id is its `instance_id`."""

    resource: str
    product: str
    price_per_hour: Money
    rounding: str


@dataclass(frozen=True, kw_only=True)
class SimulatedShadeformInstance(SimulatedInstance):
    """An instance with the arguments of its order. `cloud` is the simulated vendor, `provider` its cloud."""

    provider: str
    region: str
    shade_instance_type: str
    name: str
    tags: tuple[str, ...]


class ShadeformControl(ControlClient):
    """The control of the simulated Shadeform: its market of instance types."""

    def set_shadeform_price(self, cloud: str, shade_instance_type: str, cents: int) -> None:
        """Set a new price per hour, in cents, for later orders."""
        self._change_offer(cloud, shade_instance_type, hourly_price=cents)

    def set_shadeform_stock(
        self, cloud: str, shade_instance_type: str, available: bool, region: str | None = None
    ) -> None:
        """Set whether a type is in stock, in one region or in all."""
        self._change_offer(cloud, shade_instance_type, available=available, region=region)

    def withdraw_shadeform_type(self, cloud: str, shade_instance_type: str) -> None:
        """Withdraw an instance type from the market."""
        self._ask("DELETE", f"/shadeform/market/{cloud}/{shade_instance_type}")

    def _change_offer(self, cloud: str, shade_instance_type: str, **changed: object) -> None:
        self._ask("POST", f"/shadeform/market/{cloud}/{shade_instance_type}", changed)


class ShadeformAccess(ABC):
    """The access of clients to the simulated API."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL of the simulator, without a path."""

    @property
    def shadeform_url(self) -> str:
        """The base of the simulated Shadeform API."""
        return f"{self.url}{BASE}"

    def shadeform_client(self, key: str = KEY) -> httpx.Client:
        """A plain HTTP client of the simulated Shadeform API; paths are relative to `shadeform_url`."""
        client = loopback_client(self.shadeform_url)
        client.headers["X-API-KEY"] = key
        return client


def environment(url: str) -> dict[str, str]:
    """The variables that point clients at a simulator; the key is not valid elsewhere."""
    return {"SHADEFORM_BASE_URL": f"{url}{BASE}", "SHADEFORM_API_KEY": KEY}


def _read_entry(row: Row) -> ShadeformLedgerEntry:
    fields = entry_fields(row)
    return ShadeformLedgerEntry(
        **fields,
        resource=row["resource"],
        product=row["product"],
        price_per_hour=Money.of(row["price_per_hour"], row["currency"]),
        rounding=row["rounding"],
    )


def _read_instance(row: Row) -> SimulatedShadeformInstance:
    return SimulatedShadeformInstance(
        cloud=row["cloud"],
        instance_id=row["instance_id"],
        account=row["account"],
        status=row["status"],
        provider=row["provider"],
        region=row["region"],
        shade_instance_type=row["shade_instance_type"],
        name=row["name"],
        tags=tuple(row["tags"]),
        answer=row,
    )


ROWS = RowReaders(_read_entry, _read_instance)

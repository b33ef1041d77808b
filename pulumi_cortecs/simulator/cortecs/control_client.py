"""A typed client of the control of the simulated Cortecs, and the environment of the API's clients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.simulator.control_client import (
    ControlClient,
    LedgerEntry,
    Row,
    RowReaders,
    SimulatedInstance,
    entry_fields,
    loopback_client,
)
from pulumi_cortecs.simulator.cortecs.cloud import BASE


@dataclass(frozen=True, kw_only=True)
class CortecsLedgerEntry(LedgerEntry):
    """A run with its tariff."""

    hardware_type_id: str
    billing_interval: BillingInterval
    num_workers: int


@dataclass(frozen=True, kw_only=True)
class SimulatedCortecsInstance(SimulatedInstance):
    """An instance with the arguments of its order."""

    model_id: str
    hardware_type_id: str
    context_length: int
    billing_interval: BillingInterval
    num_workers: int


class CortecsControl(ControlClient):
    """The control of the simulated Cortecs: clients with secrets, and a market of hardware types and models."""

    def put(self, instance_id: str, model_id: str, **arguments: Any) -> SimulatedInstance:
        """Place an instance with a given id, for example from a kept state. `arguments` are the other arguments of its
        start, `account`, `age` (virtual seconds since its start) and `stopped`."""
        return self._read_instance(self._ask("POST", f"/instances/{instance_id}", {"model_id": model_id, **arguments}))

    def register(self, client_id: str, client_secret: str, account: str | None = None) -> None:
        """Register a further client: of a new account, or of an existing one (a rotated key)."""
        body = {"client_id": client_id, "client_secret": client_secret, "account": account}
        self._ask("POST", "/credentials", body)

    def reprice(self, hardware_type_id: str, price_per_hour: str | Decimal) -> None:
        """Set a new price per worker and hour, in EUR, for later runs."""
        self._ask("POST", f"/market/hardware-types/{hardware_type_id}", {"price_per_hour": str(price_per_hour)})

    def set_available(self, hardware_type_id: str, available: bool) -> None:
        """Set whether new workers of a hardware type are available."""
        self._ask("POST", f"/market/hardware-types/{hardware_type_id}", {"available": available})

    def withdraw_hardware(self, hardware_type_id: str) -> None:
        """Withdraw a hardware type from the market."""
        self._ask("DELETE", f"/market/hardware-types/{hardware_type_id}")

    def withdraw_model(self, model_id: str) -> None:
        """Withdraw a model from the market."""
        self._ask("DELETE", f"/market/models/{model_id}")

    def recommend(self, model_id: str, hardware_type_id: str) -> None:
        """Change the recommended hardware of a model."""
        self._ask("POST", f"/market/models/{model_id}", {"recommended_config": hardware_type_id})


class CortecsAccess(ABC):
    """The access of clients to the simulated API."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL of the simulator, without a path."""

    @property
    def base_url(self) -> str:
        """The base of the simulated Cortecs API."""
        return f"{self.url}{BASE}"

    @contextmanager
    def client(self, client_id: str = "sim", client_secret: str = "sim") -> Iterator[httpx.Client]:
        """A plain HTTP client of the simulated Cortecs API, with a token; paths are relative to `base_url`."""
        body = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
        with loopback_client(self.base_url) as client:
            answer = client.post("/oauth2/token", json=body).raise_for_status().json()
            client.headers["Authorization"] = f"Bearer {answer['access_token']}"
            yield client


def environment(url: str) -> dict[str, str]:
    """The variables that point clients at a simulator; the credentials are not valid elsewhere."""
    return {
        "CORTECS_API_BASE_URL": f"{url}{BASE}",
        "CORTECS_CLIENT_ID": "sim",
        "CORTECS_CLIENT_SECRET": "sim",
    }


def _read_entry(row: Row) -> CortecsLedgerEntry:
    return CortecsLedgerEntry(
        **entry_fields(row),
        hardware_type_id=row["hardware_type_id"],
        billing_interval=BillingInterval(row["billing_interval"]),
        num_workers=row["num_workers"],
    )


def _read_instance(row: Row) -> SimulatedCortecsInstance:
    args = row["instance_args"]
    return SimulatedCortecsInstance(
        cloud=row["cloud"],
        instance_id=row["instance_id"],
        account=row["account"],
        status=row["instance_status"]["status"],
        model_id=args["model_id"],
        hardware_type_id=args["hardware_type_id"],
        context_length=args["context_length"],
        billing_interval=BillingInterval(args["billing_interval"]),
        num_workers=args["num_workers"],
        answer=row,
    )


ROWS = RowReaders(_read_entry, _read_instance)

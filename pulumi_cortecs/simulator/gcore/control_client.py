"""A typed client of the control of the simulated Gcore, and the environment of the API's clients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal

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
from pulumi_cortecs.simulator.gcore.cloud import KEY
from pulumi_cortecs.simulator.gcore.deployments import DEFAULT_PROJECT


@dataclass(frozen=True, kw_only=True)
class GcoreLedgerEntry(LedgerEntry):
    """The run of one replica of a deployment."""

    region_id: int
    replica: int
    flavor_name: str
    price_per_hour: Money


@dataclass(frozen=True, kw_only=True)
class SimulatedGcoreInstance(SimulatedInstance):
    """A deployment; its name is its id, in projects other than the default one after the project's id and a dot."""

    name: str
    project_id: int
    flavor_name: str
    region_ids: tuple[int, ...]


class GcoreControl(ControlClient):
    """The control of the simulated Gcore: its keys, its market, and the load of its deployments."""

    def accept_gcore_key(self, key: str) -> None:
        """Make one more key of the account valid, beside that of `environment`."""
        self._ask("POST", "/gcore/keys", {"key": key})

    def set_gcore_price(self, flavor_name: str, price_per_hour: Decimal | str) -> None:
        """Set a new price of a replica per hour, for containers that start from now on."""
        self._ask("POST", f"/gcore/flavors/{flavor_name}", {"price_per_hour": str(price_per_hour)})

    def set_gcore_capacity(self, flavor_name: str, capacity: int, region_id: int | None = None) -> None:
        """Set the number of replicas of a flavor for which a region, or each of all, has room."""
        self._ask("POST", f"/gcore/flavors/{flavor_name}", {"capacity": capacity, "region_id": region_id})

    def gcore_set_load(self, instance_id: str, replicas: int | None) -> None:
        """Scale each region of a deployment to so many replicas, between minimum and maximum, until None leaves it to
        requests again."""
        self._ask("POST", f"/gcore/load/{instance_id}", {"replicas": replicas})

    def gcore_set_application(self, instance_id: str, name: str) -> None:
        """Make a deployment a part of the application of this name, or ("") of none."""
        self._ask("POST", f"/gcore/application/{instance_id}", {"name": name})

    def seed_gcore(self, project_id: int = DEFAULT_PROJECT, **objects: object) -> None:
        """Replace all that the cloud has by `keys`, `api_keys`, `registry_credentials`, `secrets` and `deployments`,
        which are ready at once; see `control.SeedRequest`."""
        self._ask("POST", "/gcore/seed", {"project_id": project_id, **objects})


class GcoreAccess(ABC):
    """The access of clients to the simulated API."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL of the simulator, without a path."""

    @property
    def gcore_url(self) -> str:
        """The base of the simulated Gcore API; its paths begin with /cloud."""
        return self.url

    def gcore_client(self, key: str = KEY) -> httpx.Client:
        """A plain HTTP client of the simulated Gcore API; paths are relative to `gcore_url`."""
        client = loopback_client(self.gcore_url)
        client.headers["Authorization"] = f"APIKey {key}"
        return client


def environment(url: str) -> dict[str, str]:
    """The variables that point clients at a simulator; the key is not valid elsewhere."""
    return {"GCORE_BASE_URL": url, "GCORE_API_KEY": KEY, "GCORE_CLOUD_PROJECT_ID": str(DEFAULT_PROJECT)}


def _read_entry(row: Row) -> GcoreLedgerEntry:
    return GcoreLedgerEntry(
        **entry_fields(row),
        **{name: row[name] for name in ("region_id", "replica", "flavor_name")},
        price_per_hour=Money.of(row["price_per_hour"], row["currency"]),
    )


def _read_instance(row: Row) -> SimulatedGcoreInstance:
    return SimulatedGcoreInstance(
        **{name: row[name] for name in ("cloud", "instance_id", "account", "status", "name", "project_id")},
        flavor_name=row["flavor_name"],
        region_ids=tuple(container["region_id"] for container in row["containers"]),
        answer=row,
    )


ROWS = RowReaders(_read_entry, _read_instance)

"""The bill of a replica (docs/apis/gcore.md#billing): started minutes x the price of its flavor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.hourly import started_units_cost
from pulumi_cortecs.simulator.ledger import Run

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class GcoreRun(Run):
    """One replica of a deployment, `replica` of its region, at the price of its start."""

    cloud: ClassVar[str] = "gcore"

    region_id: int
    replica: int
    flavor_name: str
    price_per_hour: Money

    @property
    def key(self) -> str:
        return run_key(self.instance_id, replica_name(str(self.region_id), self.replica))

    def cost(self, ran_for: timedelta) -> Money:
        return started_units_cost(self.price_per_hour, ran_for, _MINUTE)

    def tariff(self) -> Mapping[str, Any]:
        return {
            "region_id": self.region_id,
            "replica": self.replica,
            "flavor_name": self.flavor_name,
            "price_per_hour": self.price_per_hour.decimal_string(),
        }


def replica_name(region: str, replica: int) -> str:
    """The name of a replica in its deployment."""
    return f"{region}/{replica}"


def run_key(instance_id: str, name: str) -> str:
    """The key of a replica's runs in the ledger."""
    return f"{instance_id}/{name}"

"""The bill of a deployment (docs/apis/gcore.md#billing): one run for each number of replicas, by started minutes."""

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
    """The time in which a deployment has the same billed `replicas` (by region id) at the same price of each."""

    cloud: ClassVar[str] = "gcore"

    flavor_name: str
    replicas: dict[str, int]
    replica_price_per_hour: Money

    @property
    def price_per_hour(self) -> Money:
        """The price of all replicas."""
        price = self.replica_price_per_hour
        return Money(price.amount * sum(self.replicas.values()), price.currency)

    def cost(self, ran_for: timedelta) -> Money:
        return started_units_cost(self.price_per_hour, ran_for, _MINUTE)

    def tariff(self) -> Mapping[str, Any]:
        return {
            "flavor_name": self.flavor_name,
            "replicas": self.replicas,
            "price_per_hour": self.price_per_hour.decimal_string(),
        }

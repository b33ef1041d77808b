"""What a run of a simulated Cortecs instance costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, billed_amount
from pulumi_cortecs.simulator.ledger import Run


@dataclass(frozen=True)
class CortecsRun(Run):
    """A run by the minute or the hour of so many workers; `hardware` has the prices of its start."""

    cloud: ClassVar[str] = "cortecs"

    hardware: PricedHardware
    billing_interval: BillingInterval
    num_workers: int

    def cost(self, ran_for: timedelta) -> Money:
        return billed_amount(self.hardware, self.billing_interval, self.num_workers, ran_for)

    def tariff(self) -> Mapping[str, Any]:
        return {
            "hardware_type_id": self.hardware.hardware_type_id,
            "billing_interval": self.billing_interval.value,
            "num_workers": self.num_workers,
        }

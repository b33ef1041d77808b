"""The bill of an instance or a volume (docs/apis/shadeform.md#billing): started units x price, in exact decimals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Any, ClassVar

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.hourly import EXACT, HOUR, started_units_cost
from pulumi_cortecs.simulator.ledger import Run
from pulumi_cortecs.simulator.shadeform.settings import Rounding

_UNITS: Mapping[Rounding, timedelta] = {"minute": timedelta(minutes=1), "second": timedelta(seconds=1)}


@dataclass(frozen=True)
class ShadeformRun(Run):
    """One instance or volume at the price of its order; what a linked cloud bills has a price of zero."""

    cloud: ClassVar[str] = "shadeform"

    resource: str
    product: str
    price_per_hour: Money
    rounding: Rounding

    def cost(self, ran_for: timedelta) -> Money:
        return started_units_cost(self.price_per_hour, ran_for, self._unit)

    def tariff(self) -> Mapping[str, Any]:
        return {
            "resource": self.resource,
            "product": self.product,
            "price_per_hour": self.price_per_hour.decimal_string(),
            "rounding": self.rounding,
        }

    def ended(self, at: datetime | None) -> ShadeformRun:
        """The same with this end."""
        return replace(self, ended_at=at)

    def spent_at(self, dollars: Decimal) -> datetime | None:
        """The moment at which whole units cost so much; None if that never comes."""
        if self.billed_from is None or not self.price_per_hour.amount:
            return None
        with localcontext(EXACT):
            units = dollars * self._units_per_hour / self.price_per_hour.amount
            whole = int(units.to_integral_value(ROUND_CEILING))
        try:
            return self.billed_from + whole * self._unit
        except OverflowError:
            return None

    @property
    def _unit(self) -> timedelta:
        return _UNITS[self.rounding]

    @property
    def _units_per_hour(self) -> int:
        return HOUR // self._unit

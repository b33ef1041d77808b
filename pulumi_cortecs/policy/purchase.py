"""The purchase of one resource, in terms that all clouds share. Rules see nothing else of a resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, quote
from pulumi_cortecs.policy.field import Field, Known, Missing, NotKnownError, Unknown, malformed

_NO_LABELS: Final = Missing("labels")
_NO_SERVICE: Final = Missing("key", "is not needed: it opens no service of its own")


@dataclass(frozen=True)
class LiveQuote:
    """The price of the vendor when the resource was checked: `hourly_total` for all workers. `source`: see
    `cost.quote.Quote`."""

    hourly_total: Money
    source: str


@dataclass(frozen=True)
class Purchase:
    """One purchase. `urn` and `name` are the resource's; `cloud` is the vendor's short name, "cortecs".

    `hardware` is the row of the pinned catalogue for `hardware_type_id`. Workers run side by side, and each is billed;
    without automatic scaling the least and the most number of workers are equal. The instance runs in all of its
    `regions`. `context_length` is in tokens. `size_gb` is the size of a volume, which is billed by the GB; None for an
    instance, which has none. `has_key`: whether the service that the instance opens to the world asks for a key;
    Missing where it opens none, or where the vendor's gateway asks. `worker` is the vendor's own word for one.
    """

    urn: str
    name: str
    cloud: str
    model_id: Field[str]
    hardware_type_id: Field[str]
    hardware: Field[PricedHardware]
    regions: Field[tuple[str, ...]]
    workers_min: Field[int]
    workers_max: Field[int]
    context_length: Field[int]
    billing_interval: Field[BillingInterval]
    state: Field[str]
    ttl: Field[timedelta]
    adopt_id: Field[str]
    live: Field[LiveQuote]
    labels: Field[Mapping[str, Field[str]]] = _NO_LABELS
    size_gb: Field[int] | None = None
    has_key: Field[bool] = _NO_SERVICE
    worker: str = "worker"

    @property
    def is_volume(self) -> bool:
        """True for storage: it has no model, no workers and no GPUs, and no rule about these holds."""
        return self.size_gb is not None

    @property
    def region(self) -> Field[str]:
        """The only one of its regions; unknown if it has several."""
        if not isinstance(self.regions, Known):
            return self.regions
        if len(self.regions.value) != 1:
            return malformed("region", f"is not one: {', '.join(self.regions.value)}")
        return Known(self.regions.value[0])

    @property
    def hourly(self) -> Field[Money]:
        """The hourly price of all workers, or of all GB of a volume, by the pinned catalogue. A stopped instance has
        the price of a running one, because it can be started at any time."""
        count = self.workers_max if self.size_gb is None else self.size_gb
        try:
            priced = quote(self.hardware.get(), self.billing_interval.get(), count.get(), source="catalogue")
        except NotKnownError as unpriced:
            if unpriced.later:
                return Unknown("the price", f"is not known: {unpriced}")
            return Missing("the price", f"is not known: {unpriced}")
        except ValueError as impossible:
            return Missing("the price", f"is not known: {impossible}")
        return Known(priced.hourly_total)

    def describe(self) -> str:
        """The amount and the hardware: "2 x NVIDIA_L4_1", "100 GB of ID". Raises NotKnownError."""
        amount = f"{self.workers_max.get()} x" if self.size_gb is None else f"{self.size_gb.get()} GB of"
        return f"{amount} {self.hardware_type_id.get()}"

    def workers_text(self, count: int) -> str:
        """So many workers in the vendor's word: "2 workers", "1 replica"."""
        return f"{count} {self.worker}{'' if count == 1 else 's'}"

    def on(self, hardware: PricedHardware, workers: int) -> Purchase:
        """The same purchase on other hardware, in the region of that, with so many workers."""
        return replace(
            self,
            hardware_type_id=Known(hardware.hardware_type_id),
            hardware=Known(hardware),
            regions=Known((hardware.region,)) if hardware.region else self.regions,
            workers_max=Known(workers),
        )

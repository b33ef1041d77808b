"""All that one account is billed for, as one list: its instances, and its other resources that cost money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_cortecs.cost import Money
from pulumi_cortecs.lifecycle.cloud import Cloud, OrderMatch, OrderSpec


@dataclass(frozen=True)
class BilledResource:
    """A resource, and the Cloud that knows its type."""

    cloud: Cloud[Any]
    resource: Any


class AccountBill:
    """One account, by a Cloud for each of its types. An id belongs to one of them. Each method sends the requests of
    its Clouds and raises their errors; see lifecycle/cloud.py."""

    def __init__(self, clouds: Sequence[Cloud[Any]]) -> None:
        self._clouds = tuple(clouds)
        self.list_lag = max(cloud.list_lag for cloud in clouds)

    def list_instances(self) -> Mapping[str, BilledResource]:
        """All resources of all types by id."""
        return {
            resource_id: BilledResource(cloud, resource)
            for cloud in self._clouds
            for resource_id, resource in cloud.list_instances().items()
        }

    def get_instance(self, instance_id: str) -> BilledResource | None:
        """The resource of this id, of whichever type."""
        for cloud in self._clouds:
            if (resource := cloud.get_instance(instance_id)) is not None:
                return BilledResource(cloud, resource)
        return None

    def vendor_date(self) -> float | None:
        """The date of the vendor's last answer to any of them."""
        dates = [date for cloud in self._clouds if (date := cloud.vendor_date()) is not None]
        return max(dates, default=None)

    def hourly_price(self, instance: BilledResource) -> Money | None:
        """The hourly cost of a resource."""
        return instance.cloud.hourly_price(instance.resource)

    def is_billed(self, instance: BilledResource) -> bool:
        """Returns whether the resource costs anything now."""
        return instance.cloud.is_billed(instance.resource)

    def match(self, instance: BilledResource, ordered: OrderSpec) -> OrderMatch:
        """Compares a resource with an order of any type: each Cloud answers NO for those of other types."""
        return instance.cloud.match(instance.resource, ordered)

"""The common part of clouds: one account, by a typed client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from pulumi_cortecs.cost import Money
from pulumi_cortecs.lifecycle.cloud import Cloud


class VendorClient(Protocol):
    """A client of a vendor's API, as far as it is the same for every cloud (http/vendor_api.py)."""

    @property
    def base_url(self) -> str:
        """The base URL of its requests."""

    def vendor_time(self) -> float | None:
        """The time by the vendor's clock, as in lifecycle/cloud.py."""

    def vendor_date(self) -> float | None:
        """The date of the vendor's last answer, as in lifecycle/cloud.py."""


C = TypeVar("C", bound=VendorClient)
T = TypeVar("T")


class AccountCloud(Cloud[T], Generic[C, T]):
    """The base of every cloud, `class AcmeCloud(AccountCloud[AcmeClient, Machine], ...)`."""

    def __init__(
        self, client: C, fingerprint: str, list_lag: float, price: Callable[[Mapping[str, Any]], Money | None]
    ) -> None:
        """`price` returns the hourly price of given inputs, None if it is unknown; it may raise CloudError."""
        self.client = client
        self.fingerprint = fingerprint
        self.base_url = client.base_url
        self.list_lag = list_lag
        self._price = price

    def vendor_time(self) -> float | None:
        return self.client.vendor_time()

    def vendor_date(self) -> float | None:
        return self.client.vendor_date()

    def hourly_price(self, instance: T) -> Money | None:
        return self.billed_price(instance) or self._price(self.reported_inputs(instance))

"""The memory of a pack during one operation: whose code serves a resource, and which purchases were judged."""

from __future__ import annotations

from threading import Lock

from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.resource_types import ProviderOrigin


class ObservedResources:
    """The observations of one operation. Threads may share it. A provider once observed as foreign stays so, because a
    program can reach the pack's port, and must not change that."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._providers: dict[str, ProviderOrigin] = {}
        self._empty: set[str] = set()
        self._purchases: dict[str, list[Purchase]] = {}

    def record_provider(self, urn: str, provider: ProviderOrigin) -> None:
        """Records whose code serves a resource."""
        with self._lock:
            if self._providers.get(urn) is not ProviderOrigin.FOREIGN:
                self._providers[urn] = provider

    def record_empty(self, urn: str) -> None:
        """Records that a resource came without any property, `__provider` included."""
        with self._lock:
            self._empty.add(urn)

    def provider_of(self, urn: str) -> ProviderOrigin:
        """The origin of the code that serves a resource, as far as it was observed."""
        return self._providers.get(urn, ProviderOrigin.NOT_SHOWN)

    def is_empty(self, urn: str) -> bool:
        """Returns whether every registration of a resource was empty: with `--target`, the engine shows untouched
        resources like that."""
        return urn in self._empty and urn not in self._providers

    def record_judged(self, purchase: Purchase) -> None:
        """Records that a purchase has been judged, and that the caller knows the outcome."""
        with self._lock:
            purchases = self._purchases.setdefault(purchase.urn, [])
            if purchase not in purchases:
                purchases.append(purchase)

    def is_already_judged(self, purchase: Purchase) -> bool:
        """Returns whether this purchase, and never another, was judged under its URN: then the engine knows all
        findings, because it asks at least once itself."""
        return self._purchases.get(purchase.urn) == [purchase]

"""The cost of all instances of a stack: of the whole stack in a preview, and as it grows during an `up`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Lock

from pulumi_cortecs.cost import Money
from pulumi_cortecs.policy.field import Field, Known, NotKnownError
from pulumi_cortecs.policy.purchase import Purchase


@dataclass(frozen=True)
class HeldPrices:
    """The hourly prices of the instances in the stack's state when the run began. `problem`: the reason why it could
    not be read, "" for none; `is_reported`: this run has reported it before."""

    prices: tuple[Field[Money], ...] = ()
    problem: str = ""
    is_reported: bool = False


@dataclass(frozen=True)
class Sum:
    """The hourly prices of several instances. `of_what`: "3 instances of this stack". `added` are the prices of those
    that are not in the stack's state; `held` are the prices of the state."""

    of_what: str
    prices: tuple[Field[Money], ...]
    added: tuple[Field[Money], ...] = ()
    held: HeldPrices = HeldPrices()

    @property
    def with_state(self) -> Sum | None:
        """The sum of the state and the added instances; None if none are added."""
        if not self.added or not self.held.prices:
            return None
        held = f"{_instances(len(self.held.prices))} in the stack's state, and {len(self.added)} that this run adds"
        return Sum(held, self.held.prices + self.added)

    def plus(self, price: Field[Money]) -> Sum:
        """The sum with one price more."""
        return replace(self, prices=(*self.prices, price))

    def hourly(self) -> list[Money]:
        """One amount per currency; two currencies are never added. Raises NotKnownError if an instance has no price: an
        unknown price never counts as zero."""
        unpriced = [price for price in self.prices if not isinstance(price, Known)]
        for price in unpriced:
            try:
                price.get()
            except NotKnownError as unknown:
                text = f"{len(unpriced)} of {self.of_what} cannot be summed: {unknown}"
                raise NotKnownError(text, later=unknown.later) from None
        by_currency: dict[str, Money] = {}
        for priced in self.prices:
            money = priced.get()
            by_currency[money.currency] = by_currency.get(money.currency, Money.zero(money.currency)) + money
        return list(by_currency.values())


def sum_of(purchases: Iterable[Purchase], added: Iterable[Purchase] = (), held: HeldPrices = HeldPrices()) -> Sum:
    """The sum of a whole stack. `added` are those of the purchases that are not in its state."""
    prices = tuple(purchase.hourly for purchase in purchases)
    return Sum(f"{_instances(len(prices))} of this stack", prices, tuple(purchase.hourly for purchase in added), held)


class RunningSum:
    """The sum of the resources that were registered so far. Threads may share it.

    A resource counts once, with its highest price so far: a program can reach the pack's port, and must not lower the
    sum, nor hide instances that it adds to the state.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._prices: dict[tuple[str, str], Field[Money]] = {}
        self._urns: set[str] = set()
        self._added: set[tuple[str, str]] = set()

    def add(self, purchase: Purchase, *, adds: bool = True, held: HeldPrices = HeldPrices()) -> Sum:
        """Adds a purchase, and returns the sum with it. `adds`: it is not in the state; `held`: the prices of the
        state."""
        price = purchase.hourly
        key = (purchase.urn, price.value.currency if isinstance(price, Known) else "")
        with self._lock:
            before = self._prices.get(key)
            if isinstance(price, Known) and isinstance(before, Known) and before.value > price.value:
                price = before
            self._prices[key] = price
            self._urns.add(purchase.urn)
            if adds:
                self._added.add(key)
            added = tuple(self._prices[key] for key in self._added) if adds and held.prices else ()
            return Sum(f"{_instances(len(self._urns))} of this stack so far", tuple(self._prices.values()), added, held)

    def without(self, urn: str) -> Sum:
        """The sum of all resources so far but this one."""
        with self._lock:
            prices = tuple(price for key, price in self._prices.items() if key[0] != urn)
        return Sum(f"{_instances(len(prices))} of this stack so far", prices)


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"

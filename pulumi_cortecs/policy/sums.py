"""What all instances of a stack cost together: of the whole stack in a preview, and as it grows during an `up`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from pulumi_cortecs.cost import Money
from pulumi_cortecs.policy.field import Field, Known, NotKnownError
from pulumi_cortecs.policy.unit import Unit


@dataclass(frozen=True)
class Sum:
    """The hourly prices of several instances. `of_what`: "3 instances of this stack"."""

    of_what: str
    prices: tuple[Field[Money], ...]

    def hourly(self) -> list[Money]:
        """One amount per currency; two currencies are never added. Raises NotKnownError where one has no price:
        nothing is ever summed as if it cost nothing."""
        unpriced = [price for price in self.prices if not isinstance(price, Known)]
        for price in unpriced:
            try:
                price.get()
            except NotKnownError as unknown:
                text = f"{len(unpriced)} of {self.of_what} cannot be summed: {unknown}"
                raise NotKnownError(text, later=unknown.later) from None
        by_currency: dict[str, Money] = {}
        for known in self.prices:
            money = known.get()
            by_currency[money.currency] = by_currency.get(money.currency, Money.zero(money.currency)) + money
        return list(by_currency.values())


def sum_of(units: Iterable[Unit]) -> Sum:
    """The sum of a whole stack."""
    prices = tuple(unit.hourly for unit in units)
    return Sum(f"{_instances(len(prices))} of this stack", prices)


class RunningSum:
    """The sum of what has been registered so far; safe to be used by several threads.

    A resource counts once, with the highest price it was ever seen with: a program can reach the pack's port, and may
    not talk the sum down.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._prices: dict[tuple[str, str], Field[Money]] = {}
        self._urns: set[str] = set()

    def with_(self, unit: Unit) -> Sum:
        """Adds a purchase, and returns the sum with it."""
        price = unit.hourly
        key = (unit.urn, price.value.currency if isinstance(price, Known) else "")
        with self._lock:
            before = self._prices.get(key)
            if isinstance(price, Known) and isinstance(before, Known) and before.value > price.value:
                price = before
            self._prices[key] = price
            self._urns.add(unit.urn)
            return Sum(f"{_instances(len(self._urns))} of this stack so far", tuple(self._prices.values()))


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"

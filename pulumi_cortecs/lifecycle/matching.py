"""Assignment of instances to orders whose answer was lost. Pure.

Equal orders are interchangeable: any instance will do, as long as each is taken once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True)
class Assignment(Generic[O]):
    """Instances, and the orders that may have bought them. `takers` are by instance; `orders` are those that may have
    bought any of them, each once and in their original order."""

    orders: tuple[O, ...]
    takers: Mapping[str, tuple[O, ...]]

    @property
    def is_crowded(self) -> bool:
        """True if there are more instances than orders: at least one is not theirs, and it is unknown which."""
        return len(self.takers) > len(self.orders)

    @property
    def least_wanted(self) -> str:
        """The instance that the fewest orders may have bought: taking it leaves the most for the others. Of equals the
        first by id. Raises ValueError where there is none."""
        return min(self.takers, key=lambda key: (len(self.takers[key]), key))

    @property
    def unexplained(self) -> frozenset[str]:
        """The instances that no order may have bought; all of them, if there are more instances than orders."""
        explained = {key for key, takers in self.takers.items() if takers}
        return frozenset(self.takers if len(explained) > len(self.orders) else self.takers.keys() - explained)

    def without(self, instance_ids: Set[str]) -> Assignment[O]:
        """The assignment without instances that turned out to be owned; its orders stay as they are."""
        return replace(self, takers={key: takers for key, takers in self.takers.items() if key not in instance_ids})


def assign(instances: Mapping[str, T], orders: Iterable[O], may_be: Callable[[O, str, T], bool]) -> Assignment[O]:
    """The orders that may have bought each instance; `may_be` decides for one order and one instance."""
    all_orders = tuple(orders)
    takers = {
        key: tuple(order for order in all_orders if may_be(order, key, instance)) for key, instance in instances.items()
    }
    taking = {id(order) for taking_orders in takers.values() for order in taking_orders}
    return Assignment(tuple(order for order in all_orders if id(order) in taking), takers)


def assign_in_turn(
    instances: Mapping[str, T], orders: Iterable[O], may_be: Callable[[O, str, T], bool]
) -> list[tuple[O, str]]:
    """One instance for each order, as far as possible: each order in turn takes the first remaining instance, by id,
    that it may have bought."""
    free_ids, pairs = sorted(instances), []
    for order in orders:
        key = next((key for key in free_ids if may_be(order, key, instances[key])), None)
        if key is not None:
            free_ids.remove(key)
            pairs.append((order, key))
    return pairs

"""The instances in the stack's state when a run begins: a budget counts them beside those that the run announces.

A row stays until its instance is gone: what waits for its deletion and what is protected is billed like the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.sums import HeldPrices


class _Hidden:
    """The type of HIDDEN."""

    def __repr__(self) -> str:
        return "a secret of the state that cannot be read"


HIDDEN: Final = _Hidden()
"""Stands for a secret that cannot be decrypted."""


@dataclass(frozen=True)
class HeldInstance:
    """An instance in the state, or one whose purchase was begun. `arguments` are what it was bought with, HIDDEN where
    the state has a secret that cannot be read. `ends`: it waits for its deletion, and another one has its place, or the
    next run replaces it whatever the program says."""

    urn: str
    resource_type: str
    arguments: Mapping[str, Any]
    ends: bool = False


@dataclass(frozen=True)
class Holdings:
    """All our instances in a stack's state. `problem` says why it could not be read, "" where it was. `replaces`:
    the command of this run replaces some of it, whatever the program says."""

    instances: tuple[HeldInstance, ...] = ()
    problem: str = ""
    replaces: bool = False


class Stock:
    """Holdings with their prices. `purchases` are those of the instances, in the same order."""

    def __init__(self, holdings: Holdings, purchases: Iterable[Purchase]) -> None:
        self.held = HeldPrices(tuple(purchase.hourly for purchase in purchases), holdings.problem)
        self._stays = [] if holdings.replaces else [instance for instance in holdings.instances if not instance.ends]

    def has(self, urn: str, names: Iterable[str], registered: Callable[[], Mapping[str, Any]]) -> bool:
        """Returns whether what a program has `registered` under a URN is what the state holds there, and stays: no
        argument of these names differs. A program chooses by its options which change makes a new instance, so any
        change may."""
        there = [instance.arguments for instance in self._stays if instance.urn == urn]
        return there != [] and any(map(partial(have_equal_arguments, registered(), names=tuple(names)), there))


def have_equal_arguments(one: Mapping[str, Any], other: Mapping[str, Any], *, names: Iterable[str]) -> bool:
    """Returns whether no argument of these names differs. What is left out, null and empty are one thing; what is
    hidden differs from everything."""
    values = ((_value(one, name), _value(other, name)) for name in names)
    return all(first == second and HIDDEN not in (first, second) for first, second in values)


def _value(arguments: Mapping[str, Any], name: str) -> Any:
    value = arguments.get(name)
    return None if value == "" else value

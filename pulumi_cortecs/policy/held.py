"""The instances in the stack's state when a run begins: a budget counts them in addition to those of the run.

A row stays until its instance is gone: instances that are protected or wait for their deletion are billed like the
others.
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
        return "a secret of the state that cannot be decrypted"


HIDDEN: Final = _Hidden()
"""The place of a secret that cannot be decrypted."""


@dataclass(frozen=True)
class HeldInstance:
    """An instance in the state, or a pending purchase. `arguments` are those of its purchase, HIDDEN for a secret that
    cannot be decrypted. `ends`: it waits for its deletion because another one has its place, or the next run replaces
    it whatever the program says."""

    urn: str
    resource_type: str
    arguments: Mapping[str, Any]
    ends: bool = False


@dataclass(frozen=True)
class Holdings:
    """All instances in a stack's state. `problem`: the reason why it could not be read, "" for none. `replaces`: the
    command of this run replaces some of them, whatever the program says."""

    instances: tuple[HeldInstance, ...] = ()
    problem: str = ""
    replaces: bool = False


class Stock:
    """Holdings with their prices. `purchases` are those of the instances, in the same order."""

    def __init__(self, holdings: Holdings, purchases: Iterable[Purchase]) -> None:
        self.held = HeldPrices(tuple(purchase.hourly for purchase in purchases), holdings.problem)
        self._stays = [] if holdings.replaces else [instance for instance in holdings.instances if not instance.ends]

    def has(self, urn: str, names: Iterable[str], registered: Callable[[], Mapping[str, Any]]) -> bool:
        """Returns whether the resource that a program has `registered` is the unchanged instance of the state under
        that URN: no argument of these names differs. The program's options choose which change replaces an instance, so
        any change counts."""
        there = [instance.arguments for instance in self._stays if instance.urn == urn]
        return there != [] and any(map(partial(have_equal_arguments, registered(), names=tuple(names)), there))


def have_equal_arguments(one: Mapping[str, Any], other: Mapping[str, Any], *, names: Iterable[str]) -> bool:
    """Returns whether no argument of these names differs. A missing, a null and an empty value are equal; a hidden one
    differs from every value."""
    values = ((_value(one, name), _value(other, name)) for name in names)
    return all(first == second and HIDDEN not in (first, second) for first, second in values)


def _value(arguments: Mapping[str, Any], name: str) -> Any:
    value = arguments.get(name)
    return None if value == "" else value

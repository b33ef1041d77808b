"""What the stack's state holds when a run begins, so that a budget counts what exists and not only what is announced.

A row stays until its instance is gone: what waits for its deletion and what is protected is billed like the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_cortecs.policy.sums import Held
from pulumi_cortecs.policy.unit import Unit


@dataclass(frozen=True)
class HeldInstance:
    """An instance in the state, or one whose purchase was begun. `arguments` are what it was bought with; what is
    secret in the state is None. `replaced`: it waits for its deletion, and another one has its place."""

    urn: str
    resource_type: str
    arguments: Mapping[str, Any]
    replaced: bool = False


@dataclass(frozen=True)
class Holdings:
    """All that a stack's state holds of ours. `problem` says why it could not be read, "" where it was."""

    instances: tuple[HeldInstance, ...] = ()
    problem: str = ""


class Stock:
    """Holdings with their prices. `units` are what each of the instances is, in the same order."""

    def __init__(self, holdings: Holdings, units: Iterable[Unit]) -> None:
        self.held = Held(tuple(unit.hourly for unit in units), holdings.problem)
        self._in_place = {each.urn: each for each in holdings.instances if not each.replaced}

    def has(self, urn: str, names: Iterable[str], registered: Callable[[], Mapping[str, Any]]) -> bool:
        """Whether what a program has `registered` under a URN is what the state holds there: no argument of these names
        differs. A program chooses by its options which change makes a new instance, so any change may."""
        held = self._in_place.get(urn)
        if held is None:
            return False
        arguments = registered()
        return all(_value(arguments, name) == _value(held.arguments, name) for name in names)


def _value(arguments: Mapping[str, Any], name: str) -> Any:
    """What is left out, null and empty are one thing."""
    value = arguments.get(name)
    return None if value == "" else value

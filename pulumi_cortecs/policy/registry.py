"""All rules, and the packs that contain them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from pulumi_cortecs.policy.rule import Rule
from pulumi_cortecs.policy.rules import (
    budgets,
    catalogue,
    duration,
    exemptions,
    guard,
    hardware,
    labels,
    models,
    placement,
    prices,
    workers,
)

COMMON: Final = (*guard.RULES, catalogue.CATALOGUE_DIGEST, *exemptions.RULES)
"""The rules of every pack: they keep the others from being circumvented, and check the catalogue that those use."""

HARDWARE: Final = (*hardware.RULES, *models.RULES, *placement.RULES, workers.WORKERS_MAX)

COST: Final = (
    *prices.RULES,
    *budgets.RULES,
    *duration.RULES,
    *labels.RULES,
    workers.SCALE_TO_ZERO_REQUIRED,
    catalogue.CATALOGUE_FRESH,
)

PACKS: Final[Mapping[str, tuple[Rule, ...]]] = MappingProxyType(
    {"hardware": (*COMMON, *HARDWARE), "cost": (*COMMON, *COST), "guard": (*COMMON, *HARDWARE, *COST)}
)


def rules_of(pack: str, more: Iterable[Rule] = ()) -> tuple[Rule, ...]:
    """The rules of a pack, and a user's own. Raises ValueError for a duplicate name, and for "all", which means every
    rule in a limits file."""
    rules = (*PACKS[pack], *more)
    names = [rule.name for rule in rules]
    if double := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"duplicate rule name: {', '.join(double)}")
    if "all" in names:
        raise ValueError("a rule cannot have the name 'all'")
    return rules

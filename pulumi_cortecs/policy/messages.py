"""What a refusal says beside its reason: what it would cost, and what could be taken instead."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from pulumi_cortecs.policy.field import Known
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.rule import Level, Rule
from pulumi_cortecs.policy.unit import Unit

_MOST_NAMED: Final = 3
_MOST_WORKERS: Final = 64
"""From where on down fewer workers are tried."""


def no_limits_at_all() -> str:
    """Why a pack without limits refuses everything."""
    return (
        "this pack was given no limits, and without limits nothing is bought. Hand them over with "
        "`--policy-pack-config`, once for each `--policy-pack`; the folder `limits` of a pack has some to start from."
    )


def no_limits(rule: Rule, level: Level) -> str:
    """Why a rule that the limits say nothing about has something to say."""
    keys = " or ".join(rule.settings.model_fields)
    otherwise = ', or {"not_limited": "the reason"}' if rule.optional else ""
    consequence = "nothing is bought without" if level is Level.MANDATORY else "it cannot tell"
    return f"the limits say nothing about {rule.name}, and {consequence}: it takes {keys}{otherwise}."


def the_cost(unit: Unit, prices: PinnedPrices) -> str:
    """The price of what is refused, by the catalogue."""
    hourly = unit.hourly
    if not isinstance(hourly, Known):
        return "What it would cost: nobody knows."
    count = _workers(unit.workers_max.get())
    return f"What it would cost: {hourly.value} an hour for {count}, by the catalogue of {prices.day}."


def way_out_of(unit: Unit, prices: PinnedPrices, allows: Callable[[Unit], bool]) -> str:
    """The cheapest hardware that fits the model and is allowed, the cheapest first: each with as many workers as are
    wanted, else with as many as there can be."""
    if not isinstance(unit.model_id, Known) or not isinstance(unit.workers_max, Known) or prices.catalogue is None:
        return "What could be taken instead cannot be told."
    model_id, wanted = unit.model_id.value, unit.workers_max.value
    counts = (wanted, *range(min(wanted - 1, _MOST_WORKERS), 0, -1))
    fitting = prices.catalogue.fitting(unit.cloud, model_id)
    most = (next((candidate for count in counts if allows(candidate := unit.on(row, count))), None) for row in fitting)
    named = ", ".join(_named(candidate) for candidate in islice(filter(None, most), _MOST_NAMED))
    return (
        f"What could be taken for {model_id}: {named}." if named else f"No hardware that {model_id} runs on is allowed."
    )


def _named(unit: Unit) -> str:
    hourly = unit.hourly
    price = f" ({hourly.value} an hour)" if isinstance(hourly, Known) else ""
    return f"{unit.workers_max.get()} x {unit.hardware_type_id.get()}{price}"


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"

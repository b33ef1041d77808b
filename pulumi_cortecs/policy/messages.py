"""The parts of a refusal's text after its reason: the cost, and the alternatives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Final

from pulumi_cortecs.cost import PricedHardware
from pulumi_cortecs.cost.catalogue import Catalogue
from pulumi_cortecs.cost.pricelist import by_price
from pulumi_cortecs.policy.field import Known, Missing
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Level, Rule
from pulumi_cortecs.policy.rules.formatting import model_text

_MAX_NAMES: Final = 3
_MAX_WORKERS: Final = 64
"""The number of workers from which alternatives count down."""


def no_limits_text() -> str:
    """The refusal of a pack that has no limits."""
    return (
        "this pack was given no limits, and without limits nothing is bought. Hand them over with "
        "`--policy-pack-config`, once for each `--policy-pack`: beside the `run` of a pack is `limits.json`, or a "
        "folder `limits` that has some to start from."
    )


def missing_limits_text(rules: Sequence[Rule], level: Level) -> str:
    """The finding of rules that have no limits of their own."""
    names = ", ".join(rule.name for rule in rules)
    keys = "; ".join(f"{rule.name} takes {' or '.join(rule.settings.model_fields)}" for rule in rules)
    otherwise = ', or {"not_limited": "the reason"}' if all(rule.optional for rule in rules) else ""
    consequence = "nothing is bought without them" if level is Level.MANDATORY else "it cannot tell"
    return f"the limits say nothing about {names}, and {consequence}: {keys}{otherwise}."


def missing_again_text() -> str:
    """The refusal of a further purchase for the reason of an earlier one."""
    return "nothing is bought without the limits that are missing, as said of the first resource."


def cost_text(purchase: Purchase, prices: PinnedPrices) -> str:
    """The price of the refused purchase, by the catalogue; "" where it is unknown."""
    hourly = purchase.hourly
    if not isinstance(hourly, Known):
        return ""
    count = f"{purchase.size_gb.get()} GB" if purchase.size_gb else purchase.workers_text(purchase.workers_max.get())
    return f"What it would cost: {hourly.value}/h for {count}, by the catalogue of {prices.day}."


def alternatives_text(
    purchase: Purchase, prices: PinnedPrices, allows: Callable[[Purchase], bool], *, about: Collection[str]
) -> str:
    """The cheapest allowed hardware that fits the model, the cheapest first: each with the wanted number of workers, or
    else with the highest allowed one. On a cloud without models any hardware with a GPU fits. `about`: the tags of the
    rules that refuse; only if they are about hardware, and not about the place, the text says that none is allowed."""
    fitting = None if prices.catalogue is None else _fitting(purchase, prices.catalogue)
    if fitting is None or not isinstance(purchase.workers_max, Known):
        return ""
    wanted = purchase.workers_max.value
    counts = (wanted, *range(min(wanted - 1, _MAX_WORKERS), 0, -1))
    most = (
        next((candidate for count in counts if allows(candidate := purchase.on(row, count))), None) for row in fitting
    )
    named = ", ".join(_alternative_text(candidate) for candidate in islice(filter(None, most), _MAX_NAMES))
    if not named and ("hardware" not in about or "placement" in about):
        return ""
    if isinstance(purchase.model_id, Known):
        model_id = model_text(purchase.model_id.value)
        nothing = f"No hardware that {model_id} runs on is allowed."
        return f"What could be taken for {model_id}: {named}." if named else nothing
    return f"What could be taken: {named}." if named else f"No hardware of {purchase.cloud} is allowed."


def _fitting(purchase: Purchase, catalogue: Catalogue) -> tuple[PricedHardware, ...] | None:
    """The hardware that could take the place of the purchase's, the cheapest first; None where that is unknown."""
    if isinstance(purchase.model_id, Known):
        return catalogue.fitting(purchase.cloud, purchase.model_id.value)
    if purchase.is_volume or not isinstance(purchase.model_id, Missing) or catalogue.models(purchase.cloud):
        return None
    with_gpus = (row for row in catalogue.hardware_types(purchase.cloud) if row.gpu_type is not None)
    return tuple(sorted(with_gpus, key=by_price))


def _alternative_text(purchase: Purchase) -> str:
    hourly = purchase.hourly
    return purchase.describe() + (f" ({hourly.value}/h)" if isinstance(hourly, Known) else "")

"""What limits allow and their catalogue does not have, or prices in a currency without a limit: a pack refuses it,
whatever its rules allow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.catalogue import Catalogue
from pulumi_cortecs.cost.hardware import VOLUME
from pulumi_cortecs.cost.suggestions import closest_match
from pulumi_cortecs.policy.limits import Limits
from pulumi_cortecs.policy.rule import Level
from pulumi_cortecs.policy.rules.formatting import join_names
from pulumi_cortecs.policy.rules.hardware import GPU_TYPE_ALLOWED, HARDWARE_ALLOWED, AllowedGpus, AllowedHardware

DID_YOU_MEAN: Final = "did you mean"
"""The words before the closest name on offer."""


def absent_texts(limits: Limits, catalogue: Catalogue) -> Iterator[tuple[Level, str]]:
    """The names on lists of hardware and of GPUs that the catalogue does not have; mandatory where a list has no other
    name, so that it allows nothing. An empty list is one that shall allow nothing."""
    hardware = limits.of(HARDWARE_ALLOWED, AllowedHardware)
    allowed = {cloud: ids for cloud, ids in hardware.allowed.items() if ids} if hardware else {}
    is_priced = any(cloud in catalogue.clouds for cloud in allowed)
    for cloud, ids in allowed.items():
        if cloud in catalogue.clouds:
            on_offer = [row.hardware_type_id for row in catalogue.hardware_types(cloud)]
            yield from _absent(HARDWARE_ALLOWED.name, f" at {cloud}", ids, on_offer, catalogue)
        else:  # the catalogue of a project need not have every cloud of limits that several projects share
            yield Level.ADVISORY if is_priced else Level.MANDATORY, _no_prices_text(cloud, catalogue)
    if gpus := limits.of(GPU_TYPE_ALLOWED, AllowedGpus):
        rows = (row for cloud in catalogue.clouds for row in catalogue.hardware_types(cloud))
        types = sorted({row.gpu_type for row in rows if row.gpu_type is not None})
        yield from _absent(GPU_TYPE_ALLOWED.name, "", gpus.allowed, types, catalogue)
    yield from _unlimited_texts(limits, catalogue, [cloud for cloud in allowed if cloud in catalogue.clouds])


def _unlimited_texts(limits: Limits, catalogue: Catalogue, clouds: Sequence[str]) -> Iterator[tuple[Level, str]]:
    """The clouds whose currency has no amount: of these, or, without any, those of a catalogue of which none has."""
    unlimited = {cloud: _without_amount(limits, catalogue.price_lists[cloud].currency) for cloud in catalogue.clouds}
    if clouds or all(unlimited.values()):
        for cloud in clouds or catalogue.clouds:
            if names := unlimited[cloud]:
                currency = catalogue.price_lists[cloud].currency
                text = f"{', '.join(names)}: nothing can be bought at {cloud}: its prices are in {currency}"
                yield Level.MANDATORY, f'{text}, and there is no amount in {currency}; add one: ["5.00 {currency}"]'


def _without_amount(limits: Limits, currency: str) -> list[str]:
    """The mandatory rules that have amounts, and none in this currency."""
    return [
        name
        for name, active_rule in limits.active_rules.items()
        if active_rule.level is Level.MANDATORY and active_rule.settings is not None
        for _, value in active_rule.settings
        if isinstance(value, dict) and value and all(isinstance(amount, Money) for amount in value.values())
        if currency not in value
    ]


def _absent(
    rule: str, where: str, names: Collection[str], on_offer: Collection[str], catalogue: Catalogue
) -> Iterator[tuple[Level, str]]:
    absent = [name for name in names if name not in on_offer]
    if not absent:
        return
    listed = join_names(name + _remark(name, on_offer, catalogue) for name in absent)
    way_out = "`pulumi-cortecs catalogue show` lists what it has"
    day = f"the catalogue of {catalogue.as_of:%Y-%m-%d}"
    if len(absent) == len(names):
        text = f"{rule}: nothing can be bought{where}, because {day} has none of what is allowed: {listed}; {way_out}"
        yield Level.MANDATORY, text
    else:
        yield Level.ADVISORY, f"{rule}: {day} has no {listed}{where}; {way_out}"


def _remark(name: str, on_offer: Collection[str], catalogue: Catalogue) -> str:
    """The cloud whose hardware an id is, or the closest name on offer, in brackets; "" for neither."""
    if owner := next((cloud for cloud in catalogue.clouds if catalogue.hardware(cloud, name)), None):
        return f" (an id of {owner})"
    volumes = [other for other in on_offer if other.endswith(f"/{VOLUME}")]
    near = closest_match(name, volumes if name.endswith(f"/{VOLUME}") else on_offer)  # no machine is like a volume
    return f" ({DID_YOU_MEAN} {near}?)" if near else ""


def _no_prices_text(cloud: str, catalogue: Catalogue) -> str:
    return (
        f"{HARDWARE_ALLOWED.name}: nothing can be bought at {cloud}: the catalogue of {catalogue.as_of:%Y-%m-%d} has "
        f"prices of {join_names(catalogue.clouds)} only; `pulumi-cortecs catalogue pull --cloud NAME` adds a cloud's"
    )

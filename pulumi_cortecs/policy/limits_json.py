"""A pack's limits, read from their file for a review: duplicate keys are refused, while the engine's reader would take
the last, and what the pack would refuse every purchase for is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pulumi_cortecs.cost.strict_reader import invalid, parse_json
from pulumi_cortecs.policy.limits import ALL, Limits, LimitsError, RuleConfig
from pulumi_cortecs.policy.messages import missing_limits_text
from pulumi_cortecs.policy.on_offer import absent_texts
from pulumi_cortecs.policy.pinned import PinnedPrices, load_pinned
from pulumi_cortecs.policy.rule import Level
from pulumi_cortecs.policy.rules.catalogue import CATALOGUE_DIGEST, Pin

_LEVEL: Final = "enforcementLevel"


def read_config_file(content: bytes, rules: Iterable[str]) -> dict[str, RuleConfig]:
    """The configuration of each rule in a limits file, as a pack with these rules gets it. Raises LimitsError."""
    file = parse_json(content, LimitsError, parse_float=float)
    if not isinstance(file, dict):
        raise LimitsError(str(invalid(file, "an object with a key for each rule")))
    configs = {name: _rule_config(name, value) for name, value in file.items()}
    level = configs.get(ALL, RuleConfig()).level
    all_configs = {**dict.fromkeys(rules, RuleConfig()), **configs} if level is not None else configs
    return {
        name: config if config.level is not None else replace(config, level=level)
        for name, config in all_configs.items()
    }


def prices_of(file: Path, limits: Limits) -> PinnedPrices:
    """The catalogue that a pack judges by if this limits file is in its folder, or in a folder of that."""
    pin = limits.of(CATALOGUE_DIGEST, Pin) or Pin()
    return load_pinned(file.parent, pin.file, pin.sha256)


def flaws(limits: Limits, prices: PinnedPrices) -> list[tuple[Level, str]]:
    """What the limits lack, and what they allow and the catalogue does not have. For a mandatory flaw, of which the
    first are, the pack refuses every purchase, or every one at a cloud."""
    absent = () if prices.catalogue is None else absent_texts(limits, prices.catalogue)
    return sorted([*_lacking(limits), *absent], key=lambda flaw: flaw[0] is not Level.MANDATORY)


def _lacking(limits: Limits) -> Iterator[tuple[Level, str]]:
    for level in (Level.MANDATORY, Level.ADVISORY):
        if rules := [active_rule.rule for active_rule in limits.lacking if active_rule.level is level]:
            yield level, missing_limits_text(rules, level)


def _rule_config(name: str, value: Any) -> RuleConfig:
    if isinstance(value, str):
        return RuleConfig(value)
    if not isinstance(value, dict):
        raise LimitsError(f"{name}: {invalid(value, 'an object or a level')}")
    return RuleConfig(value.get(_LEVEL), {key: setting for key, setting in value.items() if key != _LEVEL})

"""A pack's limits, read from their file for a review: duplicate keys are refused, while the engine's reader would take
the last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from pulumi_cortecs.cost.strict_reader import invalid, parse_json
from pulumi_cortecs.policy.limits import ALL, LimitsError, RuleConfig

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


def _rule_config(name: str, value: Any) -> RuleConfig:
    if isinstance(value, str):
        return RuleConfig(value)
    if not isinstance(value, dict):
        raise LimitsError(f"{name}: {invalid(value, 'an object or a level')}")
    return RuleConfig(value.get(_LEVEL), {key: setting for key, setting in value.items() if key != _LEVEL})

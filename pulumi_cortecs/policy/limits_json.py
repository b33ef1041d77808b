"""A pack's limits as they lie in a file, for who reviews it: of two equal keys, the engine's reader takes the last."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from pulumi_cortecs.cost.strict_json import DuplicateKeyError, reject_duplicate_keys
from pulumi_cortecs.policy.limits import ALL, LimitsError, RuleConfig

_LEVEL: Final = "enforcementLevel"


def read_config_file(content: bytes, rules: Iterable[str]) -> dict[str, RuleConfig]:
    """The configuration of each rule in a limits file, as a pack with these rules gets it. Raises LimitsError."""
    try:
        file = json.loads(content.decode(), object_pairs_hook=reject_duplicate_keys, parse_constant=_no_number)
    except DuplicateKeyError as error:
        raise LimitsError(
            f"{error}; the engine would take the last one, and a reader the first: leave one of them"
        ) from None
    except (ValueError, RecursionError) as error:
        raise LimitsError(f"it is not valid JSON: {error}") from None
    if not isinstance(file, dict):
        raise LimitsError("it must be an object with a key for each rule")
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
        raise LimitsError(f"{name}: must be an object or a level, not {value!r}")
    return RuleConfig(value.get(_LEVEL), {key: setting for key, setting in value.items() if key != _LEVEL})


def _no_number(text: str) -> Any:
    raise ValueError(f"not a number: {text}")

"""The limits file as a pack gets it, read strictly: unknown keys, and settings that would weaken a rule, are
refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

from pulumi_cortecs.cost.strict_reader import read_model
from pulumi_cortecs.cost.suggestions import closest_match
from pulumi_cortecs.policy.exemptions import Exemption
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.rule import Level, Rule
from pulumi_cortecs.policy.rules.exemptions import EXEMPTIONS_VALID, GrantedExemptions
from pulumi_cortecs.policy.settings import Settings

S = TypeVar("S", bound=Settings)

NOT_LIMITED: Final = "not_limited"
UNKNOWN_IN_PREVIEW: Final = "unknown_in_preview"
OF_EVERY_RULE: Final[Mapping[str, Mapping[str, Any]]] = {
    NOT_LIMITED: {"type": "string"},
    UNKNOWN_IN_PREVIEW: {"type": "string", "enum": ["advisory"]},
}
"""The keys of every optional rule: the reason why it does not apply; and whether a preview only advises about values
that only `up` will know."""

ALL: Final = "all"
"""The key of a limits file for every rule without a level of its own."""


class LimitsError(ValueError):
    """The limits cannot be used. The text names all problems."""


@dataclass(frozen=True)
class RuleConfig:
    """The section of a limits file for one rule: a level ("mandatory") or None, and settings."""

    level: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ActiveRule:
    """A rule with its settings. `settings` is None if it is `not_limited` (the reason), or if it has no limits and
    refuses everything."""

    rule: Rule
    level: Level
    settings: Settings | None
    not_limited: str = ""
    unknown_in_preview: Level = Level.MANDATORY
    config: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        """One line for the log."""
        if self.not_limited:
            return f"{self.rule.name}: not limited, {self.not_limited}"
        if self.settings is None:
            return f"{self.rule.name}: {self.level.value}, no limits given"
        return f"{self.rule.name}: {self.level.value} {json.dumps(self.config, sort_keys=True)}"


@dataclass(frozen=True)
class Limits:
    """The active rules by name. Made by `read_limits`."""

    active_rules: Mapping[str, ActiveRule]

    @cached_property
    def first_unlimited_rule(self) -> Rule | None:
        """The first rule that needs limits, if the file is empty; else None."""
        if any(active_rule.config for active_rule in self.active_rules.values()):
            return None
        return next(
            (active_rule.rule for active_rule in self.active_rules.values() if active_rule.rule.needs_limits), None
        )

    @cached_property
    def exemptions(self) -> tuple[Exemption, ...]:
        """All exemptions, the expired among them."""
        active_rule = self.active_rules.get(EXEMPTIONS_VALID.name)
        return (
            active_rule.settings.exemptions
            if active_rule is not None and isinstance(active_rule.settings, GrantedExemptions)
            else ()
        )

    def of(self, rule: Rule, kind: type[S]) -> S | None:
        """The settings of a rule, or None."""
        active_rule = self.active_rules.get(rule.name)
        return active_rule.settings if active_rule is not None and isinstance(active_rule.settings, kind) else None

    @cached_property
    def lacking(self) -> tuple[ActiveRule, ...]:
        """The rules that the file should limit, and does not; the mandatory ones refuse every purchase."""
        return tuple(rule for rule in self.active_rules.values() if rule.settings is None and not rule.not_limited)

    def describe(self) -> list[str]:
        """The rules and their limits, a line each."""
        return [active_rule.describe() for active_rule in self.active_rules.values()]

    def summary(self) -> str:
        """The same as a sentence."""
        if self.first_unlimited_rule is not None:
            return "no limits given, so it refuses everything"
        off = [name for name, active_rule in self.active_rules.items() if active_rule.not_limited]
        lacking = [active_rule.rule.name for active_rule in self.lacking]
        short = f"{len(self.active_rules) - len(off) - len(lacking)} rules apply"
        short += f", not limited: {', '.join(off)}" if off else ""
        short += f", without their limits: {', '.join(lacking)}" if lacking else ""
        return short + (f", {len(self.exemptions)} exemptions" if self.exemptions else "")


def read_limits(rules: Iterable[Rule], configs: Mapping[str, RuleConfig]) -> Limits:
    """The limits in a configuration. Raises LimitsError, naming all problems at once."""
    rules_by_name = {rule.name: rule for rule in rules}
    problems = [
        (name, _unknown_rule_text(name, rules_by_name)) for name in configs if name not in rules_by_name and name != ALL
    ]
    if configs.get(ALL, RuleConfig()).settings:
        problems.append((ALL, "takes a level, and no settings"))
    active_rules: dict[str, ActiveRule] = {}
    for name, rule in rules_by_name.items():
        try:
            active_rules[name] = _active_rule(rule, configs.get(name, RuleConfig()))
        except LimitsError as error:
            problems.append((name, str(error)))
    limits = Limits(active_rules)
    problems += [(EXEMPTIONS_VALID.name, text) for text in _invalid_exemptions(limits, rules_by_name)]
    if problems:
        raise LimitsError(f"these limits cannot be used: {_group_by_text(problems)}")
    return limits


def _group_by_text(problems: Iterable[tuple[str, str]]) -> str:
    names: dict[str, list[str]] = {}
    for name, text in problems:
        names.setdefault(text, []).append(name)
    return "; ".join(f"{', '.join(all_)}: {text}" for text, all_ in names.items())


def _active_rule(rule: Rule, config: RuleConfig) -> ActiveRule:
    level = _level(rule, config.level)
    settings = dict(config.settings)
    if NOT_LIMITED in settings:
        return ActiveRule(rule, level, None, not_limited=_not_limited(rule, settings), config=config.settings)
    later = Level.MANDATORY
    if UNKNOWN_IN_PREVIEW in settings:
        if not rule.optional or settings.pop(UNKNOWN_IN_PREVIEW) != Level.ADVISORY.value:
            raise LimitsError(
                f"{UNKNOWN_IN_PREVIEW} must be 'advisory', and rules that guard the others do not take it"
            )
        later = Level.ADVISORY
    if rule.needs_limits and not settings:
        return ActiveRule(rule, level, None, unknown_in_preview=later, config=config.settings)
    validated = read_model(rule.settings, settings, LimitsError)
    return ActiveRule(rule, level, validated, unknown_in_preview=later, config=config.settings)


def _level(rule: Rule, text: str | None) -> Level:
    if text is None:
        return rule.level
    try:
        level = Level(text)
    except ValueError:
        raise LimitsError(f"the level must be {_allowed_levels(rule)}, not {text}") from None
    if rule.level is Level.MANDATORY and level is not Level.MANDATORY:
        raise LimitsError(
            f"the level must be {_allowed_levels(rule)}, not {text}; what shall not hold is said with "
            f'{{"{NOT_LIMITED}": "the reason"}}'
            if rule.optional
            else f"the level must be {_allowed_levels(rule)}, not {text}"
        )
    return level


def _allowed_levels(rule: Rule) -> str:
    return "mandatory" if rule.level is Level.MANDATORY else "advisory or mandatory"


def _not_limited(rule: Rule, settings: Mapping[str, Any]) -> str:
    reason = settings[NOT_LIMITED]
    if not rule.optional:
        raise LimitsError(f"it guards the other rules, and does not take {NOT_LIMITED}")
    if len(settings) > 1:
        raise LimitsError(f"it cannot be both {NOT_LIMITED} and limited")
    if not isinstance(reason, str) or not reason.strip() or not reason.strip().isprintable():
        raise LimitsError(f"{NOT_LIMITED} must be the reason, not {reason!r}")
    return reason.strip()


def _invalid_exemptions(limits: Limits, rules_by_name: Mapping[str, Rule]) -> list[str]:
    # both packs can share one list, so it may name another pack's rules
    rules = {**{rule.name: rule for rule in PACKS["guard"]}, **rules_by_name}
    names = [exemption.rule for exemption in limits.exemptions]
    return [
        f"{name} allows no exemption" if name in rules else f"exempts from {name}: {_unknown_rule_text(name, rules)}"
        for name in names
        if name not in rules or not rules[name].exemptible
    ]


def _unknown_rule_text(name: str, names: Mapping[str, Rule]) -> str:
    near = closest_match(name, names)
    return "unknown rule" + (f"; did you mean {near}?" if near else "")

"""Rules, limits and prices brought together: what is wrong with one purchase, one resource, or a sum.

Every rule is asked for every purchase, and none can keep another from being asked: what a rule cannot know, and what it
stumbles over, is a finding of that rule about that resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from pulumi_cortecs.policy.exemptions import Exemption
from pulumi_cortecs.policy.field import Known, NotKnownError
from pulumi_cortecs.policy.limits import Entry, Limits
from pulumi_cortecs.policy.messages import no_limits, no_limits_at_all, the_cost, way_out_of
from pulumi_cortecs.policy.registered import Registered
from pulumi_cortecs.policy.rule import Advice, Given, Level, Rule, Severity, Subject
from pulumi_cortecs.policy.sums import Sum
from pulumi_cortecs.policy.unit import Unit

_BY_SEVERITY: Final = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)


@dataclass(frozen=True)
class Finding:
    """What one rule says about one resource (`urn`), or about the stack (`urn` empty)."""

    rule: Rule
    level: Level
    text: str
    urn: str


@dataclass(frozen=True)
class Judge:
    """Judges by `limits`. `previews`: nothing is bought by what is judged now, and what cannot be known yet will be
    judged again."""

    limits: Limits
    given: Given
    previews: bool = False

    def purchase(self, unit: Unit) -> list[Finding]:
        """What the rules say about one purchase, exemptions applied."""
        if (rule := self.limits.silent) is not None:
            return [Finding(rule, Level.MANDATORY, no_limits_at_all(), unit.urn)]
        findings = [
            self._exempted(finding, unit)
            for entry in self._entries(Subject.PURCHASE)
            for finding in self._asked(entry, unit, unit.urn)
        ]
        return self._with_a_way_out(findings, unit)

    def resource(self, resource: Registered) -> list[Finding]:
        """What the rules say about any resource, whatever it buys."""
        return [
            finding
            for entry in self._entries(Subject.RESOURCE)
            for finding in self._asked(entry, resource, resource.urn)
        ]

    def sum(self, total: Sum, urn: str = "") -> list[Finding]:
        """What the rules say about a sum; `urn`: of the resource that it was reached with."""
        if self.limits.silent is not None:
            return []
        return [finding for entry in self._entries(Subject.SUM) for finding in self._asked(entry, total, urn)]

    def allows(self, unit: Unit) -> bool:
        """Whether no rule about hardware, its number and its price refuses this, whatever else may be wrong with it."""
        entries = [entry for entry in self._entries(Subject.PURCHASE) if entry.rule.way_out]
        return not any(
            finding.level is Level.MANDATORY for entry in entries for finding in self._asked(entry, unit, unit.urn)
        )

    def _entries(self, subject: Subject) -> Iterable[Entry]:
        return self._by_subject.get(subject, ())

    @cached_property
    def _by_subject(self) -> dict[Subject, list[Entry]]:
        by_subject: dict[Subject, list[Entry]] = {}
        for entry in self.limits.entries.values():
            if not entry.not_limited:
                by_subject.setdefault(entry.rule.subject, []).append(entry)
        return by_subject

    def _asked(self, entry: Entry, subject: object, urn: str) -> Iterator[Finding]:
        rule = entry.rule
        if entry.settings is None:
            yield Finding(rule, entry.level, no_limits(rule, entry.level), urn)
            return
        try:
            for message in rule.check(subject, entry.settings, self.given):
                if isinstance(message, Advice):
                    yield Finding(rule, Level.ADVISORY, message.text, urn)
                else:
                    yield Finding(rule, entry.level, message, urn)
        except NotKnownError as unknown:
            later = unknown.later and self.previews and entry.unknown_in_preview is Level.ADVISORY
            if later:
                yield Finding(rule, Level.ADVISORY, f"{unknown}; `pulumi up` will judge it.", urn)
            else:
                yield Finding(rule, entry.level, f"{unknown}; what is not known is not allowed.", urn)
        except Exception as error:  # a rule that breaks must stop the purchase, and no other rule
            yield Finding(rule, entry.level, f"this rule failed: {type(error).__name__}: {error}", urn)

    def _exempted(self, finding: Finding, unit: Unit) -> Finding:
        if finding.level is not Level.MANDATORY or not finding.rule.exemptible:
            return finding
        for exemption in self.limits.exemptions:
            if exemption.rule != finding.rule.name or not exemption.concerns(unit.urn):
                continue
            if exemption.expired(self.given.now):
                continue  # exemptions-valid says so
            if not _covers(exemption, unit):
                return replace(finding, text=f"{finding.text} It is {exemption}, and costs more, or nobody knows what.")
            return replace(finding, level=Level.ADVISORY, text=f"{finding.text} It is {exemption}.")
        return finding

    def _with_a_way_out(self, findings: list[Finding], unit: Unit) -> list[Finding]:
        """One refusal that other hardware could satisfy says what could be taken: the one that is shown first."""
        refusals = [finding for finding in findings if finding.level is Level.MANDATORY and finding.rule.way_out]
        if not refusals:
            return findings
        first = min(refusals, key=lambda finding: (_BY_SEVERITY.index(finding.rule.severity), finding.rule.name))
        way_out = way_out_of(unit, self.given.prices, self.allows)
        text = f"{first.text}\n{the_cost(unit, self.given.prices)}\n{way_out}"
        return [replace(finding, text=text) if finding is first else finding for finding in findings]


def _covers(exemption: Exemption, unit: Unit) -> bool:
    price = unit.hourly
    return isinstance(price, Known) and exemption.covers(price.value)

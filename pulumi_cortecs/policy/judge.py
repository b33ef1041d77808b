"""The judgement of one purchase, one resource or a sum by rules, limits and prices.

Every rule judges every purchase, and none can prevent another from judging: an unknown value, and an exception in a
rule, is a finding of that rule about that resource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Final

from pulumi_cortecs.policy.exemptions import Exemption
from pulumi_cortecs.policy.field import Known, Missing, NotKnownError
from pulumi_cortecs.policy.finding import Finding, fold, unjudged_text
from pulumi_cortecs.policy.limits import ActiveRule, Limits
from pulumi_cortecs.policy.messages import (
    alternatives_text,
    cost_text,
    missing_again_text,
    missing_limits_text,
    no_limits_text,
)
from pulumi_cortecs.policy.on_offer import DID_YOU_MEAN, absent_texts
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.resource_types import ObservedResource
from pulumi_cortecs.policy.rule import Advice, Level, Rule, RuleContext, Severity, Subject
from pulumi_cortecs.policy.rules.hardware import HARDWARE_ALLOWED
from pulumi_cortecs.policy.sums import Sum

_BY_SEVERITY: Final = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)


@dataclass(frozen=True)
class Judge:
    """Judges by `limits`. `previews`: this run buys nothing, and `up` will judge unknown values again.

    What the limits lack is reported in full about the first purchase that it concerns.
    """

    limits: Limits
    context: RuleContext
    previews: bool = False
    _reported: set[str] = field(default_factory=set, compare=False, repr=False)

    def judge_purchase(self, purchase: Purchase, others: Callable[[], Sum] | None = None) -> list[Finding]:
        """The findings about one purchase, exemptions applied. A refusal names what could be bought instead, within the
        stack's budgets beside the `others` of this run."""
        if (rule := self.limits.first_unlimited_rule) is not None:
            return list(self._report_missing((rule,), Level.MANDATORY, no_limits_text(), purchase.urn))
        findings = [
            self._apply_exemptions(finding, purchase)
            for active_rule in self._purchase_rules(purchase)
            if active_rule.settings is not None
            for finding in self._evaluate(active_rule, purchase, purchase.urn)
        ]
        folded = fold(findings, is_quoted=not isinstance(purchase.live, Missing))
        return [*self._with_alternatives(folded, purchase, others), *self._missing_limits(purchase)]

    def judge_resource(self, resource: ObservedResource) -> list[Finding]:
        """The findings about any resource, whether it buys something or not."""
        return [
            finding
            for active_rule in self._active_rules(Subject.RESOURCE)
            for finding in self._evaluate(active_rule, resource, resource.urn)
        ]

    def judge_sum(self, total: Sum, urn: str = "") -> list[Finding]:
        """The findings about a sum; `urn`: of the resource that it was reached with."""
        if self.limits.first_unlimited_rule is not None:
            return []
        return fold(
            finding
            for active_rule in self._active_rules(Subject.SUM)
            if active_rule.settings is not None  # judge_purchase reports it
            for finding in self._evaluate(active_rule, total, urn)
        )

    def allows(self, purchase: Purchase, others: Sum | None = None) -> bool:
        """Returns whether no rule refuses this purchase, and no budget the sum of it and the `others`."""
        refused = any(
            self._apply_exemptions(finding, purchase).level is Level.MANDATORY
            for active_rule in self._purchase_rules(purchase)
            for finding in self._evaluate(active_rule, purchase, purchase.urn)
        )
        if refused or others is None:
            return not refused
        total = others.plus(purchase.hourly)
        return all(finding.level is not Level.MANDATORY for finding in self.judge_sum(total))

    def _missing_limits(self, purchase: Purchase) -> Iterator[Finding]:
        """The findings of the rules, about purchases or their sum, that have no limits."""
        active_rules = (*self._purchase_rules(purchase), *self._active_rules(Subject.SUM))
        for level in (Level.MANDATORY, Level.ADVISORY):
            rules = [rule.rule for rule in active_rules if rule.settings is None and rule.level is level]
            if rules:
                yield from self._report_missing(rules, level, missing_limits_text(rules, level), purchase.urn)

    def _report_missing(self, rules: Sequence[Rule], level: Level, text: str, urn: str) -> Iterator[Finding]:
        """One finding for all these rules. A preview, which buys nothing, needs it only once; `up` refuses each
        purchase."""
        names = {rule.name for rule in rules}
        is_new = not names <= self._reported
        self._reported.update(names)
        if is_new:
            yield Finding(rules[0], level, text, urn)
        elif level is Level.MANDATORY and not self.previews:
            yield Finding(rules[0], level, missing_again_text(), urn)

    def _purchase_rules(self, purchase: Purchase) -> Iterable[ActiveRule]:
        active_rules = self._active_rules(Subject.PURCHASE)
        return [rule for rule in active_rules if rule.rule.volumes] if purchase.is_volume else active_rules

    def _active_rules(self, subject: Subject) -> Iterable[ActiveRule]:
        return self._by_subject.get(subject, ())

    @cached_property
    def _by_subject(self) -> dict[Subject, list[ActiveRule]]:
        by_subject: dict[Subject, list[ActiveRule]] = {}
        for active_rule in self.limits.active_rules.values():
            if not active_rule.not_limited:
                by_subject.setdefault(active_rule.rule.subject, []).append(active_rule)
        return by_subject

    def _evaluate(self, active_rule: ActiveRule, subject: object, urn: str) -> Iterator[Finding]:
        rule = active_rule.rule
        if active_rule.settings is None:
            yield Finding(rule, active_rule.level, missing_limits_text((rule,), active_rule.level), urn)
            return
        try:
            for message in rule.check(subject, active_rule.settings, self.context):
                if isinstance(message, Advice):
                    yield Finding(rule, Level.ADVISORY, message.text, urn)
                else:
                    yield Finding(rule, active_rule.level, message, urn)
        except NotKnownError as unknown:
            later = unknown.later and self.previews and active_rule.unknown_in_preview is Level.ADVISORY
            if later:
                yield Finding(rule, Level.ADVISORY, f"{unknown}; `pulumi up` will judge it.", urn)
            else:
                yield Finding(rule, active_rule.level, unjudged_text(unknown), urn, unknown)
        except Exception as error:  # a failing rule must stop the purchase, but not the other rules
            yield Finding(rule, active_rule.level, f"this rule failed: {type(error).__name__}: {error}", urn)

    def _apply_exemptions(self, finding: Finding, purchase: Purchase) -> Finding:
        if finding.level is not Level.MANDATORY or not finding.rule.exemptible:
            return finding
        for exemption in self.limits.exemptions:
            if exemption.rule != finding.rule.name or not exemption.applies_to(purchase.urn):
                continue
            if exemption.is_expired(self.context.now):
                continue  # exemptions-valid reports it
            if not _is_covered(exemption, purchase):
                text = f"{finding.text} It is {exemption}, and costs more, or its price is unknown."
                return replace(finding, text=text, lacks=None)
            return replace(finding, level=Level.ADVISORY, text=f"{finding.text} It is {exemption}.", lacks=None)
        return finding

    @cached_property
    def _misspelt(self) -> list[str]:
        """What `policy check` says of hardware in the limits that the catalogue has by another name."""
        catalogue = self.context.prices.catalogue
        texts = () if catalogue is None else (text for _, text in absent_texts(self.limits, catalogue))
        return [f"{text}." for text in texts if text.startswith(HARDWARE_ALLOWED.name) and DID_YOU_MEAN in text]

    def _with_alternatives(
        self, findings: list[Finding], purchase: Purchase, others: Callable[[], Sum] | None
    ) -> list[Finding]:
        """The findings, with alternatives in the first refusal that other hardware could satisfy. There are none where
        another rule refuses the purchase on any hardware."""
        mandatory = [finding for finding in findings if finding.level is Level.MANDATORY]
        refusals = [finding for finding in mandatory if all(rule.way_out for rule in finding.rules)]
        if not refusals:
            return findings
        first = min(refusals, key=lambda finding: (_BY_SEVERITY.index(finding.rule.severity), finding.rule.name))
        lines = [first.text, cost_text(purchase, self.context.prices)]
        if len(refusals) == len(mandatory):
            total = None if others is None else others()
            allows = partial(self.allows, others=total)
            about = {tag for finding in refusals for rule in finding.rules for tag in rule.tags}
            lines.append(alternatives_text(purchase, self.context.prices, allows, about=about))
        if any(finding.rule.name == HARDWARE_ALLOWED.name for finding in refusals):
            lines += [text for text in self._misspelt if f" at {purchase.cloud}" in text]
        text = "\n".join(filter(None, lines))
        return [replace(finding, text=text) if finding is first else finding for finding in findings]


def _is_covered(exemption: Exemption, purchase: Purchase) -> bool:
    price = purchase.hourly
    return isinstance(price, Known) and exemption.allows_price(price.value)

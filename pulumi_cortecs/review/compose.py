"""The ReviewReport of previews: their changes and findings, priced and judged by the gates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.rule import Rule
from pulumi_cortecs.review.changes import read_changes
from pulumi_cortecs.review.events import PolicyEvent, Preview
from pulumi_cortecs.review.gates import Gate, check_gates
from pulumi_cortecs.review.locations import read_locations
from pulumi_cortecs.review.purchases import name_of, stack_of
from pulumi_cortecs.review.report import CatalogueReference, PolicyResult, ReviewReport, StackReview

_RULES: Final[dict[tuple[str, str], Rule]] = {
    (f"cortecs-{pack}", rule.name): rule for pack, rules in PACKS.items() for rule in rules
}
_STACK_TYPE: Final = "::pulumi:pulumi:Stack::"
_SEVERITIES: Final = ("critical", "high", "medium", "low")


def make_report(
    previews: Iterable[Preview],
    prices: PinnedPrices,
    *,
    catalogue_name: str,
    gates: Sequence[Gate] = (),
    hours_per_month: int = 730,
    command: str = "",
    notes: tuple[str, ...] = (),
    repository: Path | None = None,
) -> ReviewReport:
    """The report of previews at these prices, the gates judged; the files of the program are those in the folder
    `repository`. Raises NotKnownError without a usable catalogue."""
    catalogue = prices.get()
    reference = CatalogueReference(catalogue_name, prices.day, catalogue.digest)
    stacks = _unique_stacks([review_stack(preview, prices, repository) for preview in previews])
    plain = ReviewReport(stacks, reference, hours_per_month=hours_per_month)
    results = check_gates(gates, plain.totals, plain.unpriced, plain.problems, hours_per_month)
    return ReviewReport(stacks, reference, results, command, hours_per_month, notes)


def _unique_stacks(stacks: Sequence[StackReview]) -> tuple[StackReview, ...]:
    """The stacks; one that is there before has a problem, because its amounts would count twice."""
    names = [(stack.project, stack.stack) for stack in stacks]
    return tuple(
        replace(stack, problems=(*stack.problems, "the events of this stack are there twice"))
        if name in names[:number]
        else stack
        for number, (name, stack) in enumerate(zip(names, stacks, strict=True))
    )


def review_stack(preview: Preview, prices: PinnedPrices, repository: Path | None = None) -> StackReview:
    """The review of one preview."""
    changes = read_changes(preview, prices)
    stacks = sorted({stack_of(step.urn) for step in (*preview.steps, *preview.refreshes)})
    project, stack = stacks[0] if stacks else ("", "")
    several = ("the events are those of several stacks",) if len(stacks) > 1 else ()
    return StackReview(
        project=project,
        stack=stack,
        rows=changes.rows,
        totals=changes.totals,
        unchanged_count=len(changes.unchanged),
        unpriced=changes.unpriced,
        findings=tuple(sorted(map(_policy_result, preview.policy_events), key=_worst_first)),
        packs=preview.packs,
        drift=changes.drift,
        problems=(*preview.problems, *several, *changes.problems),
        free_changes=changes.free_changes,
        other_changes=changes.other_changes,
        other_count=changes.other_count,
        locations={} if repository is None else read_locations(preview.declared, repository),
    )


def _policy_result(event: PolicyEvent) -> PolicyResult:
    rule = _RULES.get((event.pack, event.rule))
    return PolicyResult(
        rule=event.rule,
        pack=event.pack,
        is_mandatory=event.is_mandatory,
        severity=event.severity,
        urn=event.urn,
        name="" if _STACK_TYPE in event.urn else name_of(event.urn),
        message=event.message,
        link="" if rule is None else rule.url,
        remediation="" if rule is None else rule.remediation,
    )


def _worst_first(result: PolicyResult) -> tuple[bool, int, str, str]:
    order = _SEVERITIES.index(result.severity) if result.severity in _SEVERITIES else len(_SEVERITIES)
    return (not result.is_mandatory, order, result.name, result.rule)

"""The lines right after the verdict, in every format for people: why, what is lost, and whose address moves.

A format passes `show`, which makes a text of the program harmless in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, NamedTuple

from pulumi_cortecs.review.report import Action, GateResult, ResourceRow, ReviewReport
from pulumi_cortecs.review.wording import address_text, few

_MAX_REASONS: Final = 3
_LOSSES: Final = {Action.REPLACE: "replaced", Action.DELETE: "deleted", Action.LEFT_OVER: "the old one, deleted"}


class Mark(Enum):
    """The part of a line in the decision."""

    FAILED = "failed"
    PASSED = "passed"
    LOSS = "loss"
    NONE = ""


class Line(NamedTuple):
    """A line of the summary."""

    mark: Mark
    text: str


def summary(report: ReviewReport, show: Callable[[str], str]) -> Iterator[Line]:
    """The lines in their order. There are few, whatever the number of resources."""
    if rules := few(list(_broken_rules(report, show)), _MAX_REASONS):
        yield Line(Mark.FAILED, f"Against the rules: {', '.join(rules)}")
    failed = report.failed_gates
    yield from (Line(Mark.FAILED, limit_text(limit)) for limit in failed[:_MAX_REASONS])
    if others := [_option(limit) for limit in failed[_MAX_REASONS:]]:
        yield Line(Mark.FAILED, f"and {len(others)} more: {', '.join(few(others))}")
    broken = {limit.gate for limit in failed}
    if kept := list(dict.fromkeys(show(limit.gate) for limit in report.gates if limit.gate not in broken)):
        yield Line(Mark.PASSED, f"Within the cost limits: {', '.join(few(kept))}")
    rows = [row for stack in report.stacks for row in stack.rows]
    losses = few([f"{show(row.name)} ({_loss(row)})" for row in rows if row.destroys])
    nothing = "unknown" if report.problems else "none"
    yield Line(Mark.LOSS if losses else Mark.NONE, f"Data lost: {', '.join(losses) or nothing}")
    if moved := few([f"{show(row.name)} {address_text(row)}" for row in rows if row.address]):
        yield Line(Mark.NONE, f"Addresses: {', '.join(moved)}")


def limit_text(limit: GateResult) -> str:
    """ "+2.10 EUR/h is more than the allowed +2.00 EUR/h (--max-increase)"."""
    return f"{limit.text} ({_option(limit)})"


def _option(limit: GateResult) -> str:
    option = limit.gate.split(" ")[0]
    return f"{option} has no amount in {limit.missing_currency}" if limit.missing_currency else option


def _broken_rules(report: ReviewReport, show: Callable[[str], str]) -> Iterator[str]:
    names: dict[str, dict[str, None]] = {}
    for violation in report.violations:
        about = show(violation.name) if violation.name else "the stack"
        names.setdefault(violation.rule, {})[about] = None
    for rule, about_rule in names.items():
        yield f"{show(rule)} ({', '.join(few(list(about_rule), _MAX_REASONS))})"


def _loss(row: ResourceRow) -> str:
    return f"{'volume, ' if row.kind.endswith('.Volume') else ''}{_LOSSES[row.action]}"

"""The lines right after the verdict, in every format for people: why, what is lost, whose address moves, which costs.

A format passes `show`, which makes a text of the program harmless in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple

from pulumi_cortecs.review.report import Action, GateResult, PolicyResult, ResourceRow, ReviewReport
from pulumi_cortecs.review.wording import address_text, few, row_hourly_difference, shorten, signed

_MAX_REASONS: Final = 3
_MAX_REASON_LENGTH: Final = 200
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
    yield from (Line(Mark.FAILED, text) for text in few(list(_broken_rules(report, show)), _MAX_REASONS, "rules"))
    failed = report.failed_gates
    yield from (Line(Mark.FAILED, f"Cost limit: {limit_text(limit)}") for limit in failed[:_MAX_REASONS])
    if others := [_option(limit) for limit in failed[_MAX_REASONS:]]:
        yield Line(Mark.FAILED, f"and {len(others)} more cost limits: {', '.join(few(others))}")
    rows = [row for stack in report.stacks for row in stack.rows]
    losses = few([f"{_type(row)} {show(row.name)} ({_LOSSES[row.action]})" for row in rows if row.destroys])
    nothing = "unknown" if report.problems else "none"
    yield Line(Mark.LOSS if losses else Mark.NONE, f"Data that would be lost: {', '.join(losses) or nothing}")
    if moved := few([f"{show(row.name)} {address_text(row)}" for row in rows if row.address]):
        yield Line(Mark.NONE, f"API addresses: {', '.join(moved)}")
    if costs := few(list(_costs(rows, report.hours_per_month, show)), _MAX_REASONS):
        yield Line(Mark.NONE, f"Per month: {', '.join(costs)}")
    broken = {limit.gate for limit in failed}
    if kept := list(dict.fromkeys(show(limit.gate) for limit in report.gates if limit.gate not in broken)):
        yield Line(Mark.PASSED, f"Within the cost limits: {', '.join(few(kept))}")


def limit_text(limit: GateResult) -> str:
    """ "+2.10 EUR/h is more than the allowed +2.00 EUR/h (--max-increase)"."""
    if limit.missing_currency:
        return f"{limit.text}, because {_option(limit)} has no amount in {limit.missing_currency}"
    return f"{limit.text} ({_option(limit)})"


def _option(limit: GateResult) -> str:
    return limit.gate.split(" ")[0]


def _broken_rules(report: ReviewReport, show: Callable[[str], str]) -> Iterator[str]:
    by_rule: dict[str, list[PolicyResult]] = {}
    for violation in report.violations:
        by_rule.setdefault(violation.rule, []).append(violation)
    for rule, violations in by_rule.items():
        names = dict.fromkeys(show(violation.name) if violation.name else "the stack" for violation in violations)
        first = violations[0].message
        is_shared = all(violation.message == first for violation in violations)
        reason = first if is_shared else first.split(". ")[0]  # what follows is of one resource
        shown = show(_shortened(reason))
        yield f"Policy {show(rule)} ({', '.join(few(list(names), _MAX_REASONS))}): {shown}"


def _shortened(reason: str) -> str:
    """A reason without the cost of what is refused, which other lines say; what could be taken stays."""
    head, _, rest = " ".join(reason.split()).partition(" What it would cost: ")
    way_out = rest.partition(". ")[2]
    return " ".join(shorten(part, _MAX_REASON_LENGTH) for part in (head, way_out) if part)


def _costs(rows: Sequence[ResourceRow], hours: int, show: Callable[[str], str]) -> Iterator[str]:
    """What the changed purchases cost more or less, the largest amounts first."""
    changes = [(row, price.ceiling) for row in rows if (price := row_hourly_difference(row)) and price.ceiling.amount]
    for row, hourly in sorted(changes, key=lambda change: -abs(change[1].amount)):
        yield f"{show(row.name)} {signed(hourly * hours)} ({row.action.value})"


def _type(row: ResourceRow) -> str:
    return "volume" if row.kind.endswith(".Volume") else "instance"

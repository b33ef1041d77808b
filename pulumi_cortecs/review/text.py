"""A review for the terminal and the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_cortecs.http.text import escape_unprintable
from pulumi_cortecs.review import wording
from pulumi_cortecs.review.report import GateResult, ResourceRow, ReviewReport, StackReview


def as_text(report: ReviewReport) -> str:
    """The report in lines; only printable characters."""
    return "".join(f"{escape_unprintable(line)}\n" for line in _lines(report))


def _lines(report: ReviewReport) -> Iterator[str]:
    losses = [f"{row.name}: {row.destroys}" for row in wording.losses(report)]
    addresses = [f"{row.name}: {row.address}" for row in wording.moved_addresses(report)]
    yield wording.verdict(report)
    yield from (f"  {note}" for note in report.notes)
    yield from _section("Cannot tell", report.problems)
    yield from _section("Destroys", wording.few(losses))
    yield from _section("Addresses", wording.few(addresses))
    yield from _section("Gates", [_gate(gate) for gate in report.gates])
    yield from _totals(report)
    for stack in report.stacks:
        yield from _stack(stack)
    yield ""
    yield f"Prices: {report.catalogue.name} of {report.catalogue.day}, sha256 {report.catalogue.sha256}"
    if report.command:
        yield f"Again:  {report.command}"


def _gate(gate: GateResult) -> str:
    return f"{'passed' if gate.passed else 'FAILED'} {gate.gate}: {gate.text}"


def _totals(report: ReviewReport) -> Iterator[str]:
    lines = []
    for total in wording.shown_totals(report):
        for period, hours in wording.periods(report):
            before, after = (wording.price_text(price, hours) for price in (total.before, total.after))
            difference = wording.difference_text(total.difference, hours)
            lines.append(f"per {period}: {before} -> {after}, {difference}")
    yield from _section(wording.totals_title(report), lines)


def _stack(stack: StackReview) -> Iterator[str]:
    yield ""
    yield f"Stack {stack.stack or '?'} of project {stack.project or '?'}:"
    for title, findings in wording.findings_by_level(stack):
        yield from _section(title, [wording.finding_text(finding) for finding in findings])
    yield from ["Changes:"] if stack.rows else []
    yield from (line for row in stack.rows for line in _row(row))
    yield f"  {wording.unchanged_text(stack)}"
    yield from (f"  {line}" for line in wording.other_texts(stack))
    yield from _section(wording.UNPRICED, [f"{item.name} ({item.kind}): {item.reason}" for item in stack.unpriced])
    if stack.drift:
        yield f"{wording.DRIFT}:"
        yield from (line for row in stack.drift for line in _row(row))


def _row(row: ResourceRow) -> Iterator[str]:
    yield f"  {row.action.value} {row.name} ({row.kind}): {wording.row_difference(row)} per hour"
    yield from (
        f"      {label}: {wording.bought_text(bought)}, {wording.hourly_text(bought)}"
        for label, bought in (("before", row.before), ("after ", row.after))
        if bought is not None and (label == "before" or bought != row.before)
    )
    yield from (f"      {remark}" for remark in wording.remarks(row))


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title}:"
        yield from (f"  {' '.join(line.split())}" for line in lines)

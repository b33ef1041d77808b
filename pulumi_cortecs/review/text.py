"""A review for the terminal and the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_cortecs.http.text import escape_unprintable
from pulumi_cortecs.review import wording
from pulumi_cortecs.review.report import ResourceRow, ReviewReport, StackReview
from pulumi_cortecs.review.summary import summary


def as_text(report: ReviewReport) -> str:
    """The report in lines; only printable characters."""
    return "".join(f"{escape_unprintable(line)}\n" for line in _lines(report))


def _lines(report: ReviewReport) -> Iterator[str]:
    yield wording.verdict(report)
    yield from (f"  {note}" for note in report.notes)
    yield from _section("Cannot tell", report.problems)
    yield from (f"  {_one_line(line.text)}" for line in summary(report, str))
    yield from _totals(report)
    for stack in report.stacks:
        yield from _stack(stack)
    yield ""
    yield f"Prices: {report.catalogue.name} of {report.catalogue.day}, sha256 {report.catalogue.sha256}"
    if report.command:
        yield f"Again:  {report.command}"


def _totals(report: ReviewReport) -> Iterator[str]:
    rows = [(f"  {period}", *amounts) for period, *amounts in wording.total_texts(report, wording.shown_totals(report))]
    if not rows:
        return
    table = [(wording.totals_title(report), "before", "after", "difference"), *rows]
    first, *others = (max(map(len, column)) for column in zip(*table, strict=True))
    for label, *amounts in table:
        cells = (f"{amount:>{width}}" for amount, width in zip(amounts, others, strict=True))
        yield "  ".join([f"{label:<{first}}", *cells])


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
    yield f"  {row.action.value} {row.name} ({row.kind}): {wording.row_difference(row, '/h')}"
    yield from (
        f"      {label}: {wording.bought_text(bought)}, {wording.hourly_text(bought)}"
        for label, bought in (("before", row.before), ("after ", row.after))
        if bought is not None and (label == "before" or bought != row.before)
    )
    yield from (f"      {remark}" for remark in wording.remarks(row))


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title}:"
        yield from (f"  {_one_line(line)}" for line in lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())

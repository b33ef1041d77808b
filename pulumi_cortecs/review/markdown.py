"""A review for a comment and a job's summary, in GitHub's Markdown, which GitLab and others render, too.

Every text of the program is in a code span, in which no platform finds mentions, links, references and markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pulumi_cortecs.http.text import escape_unprintable
from pulumi_cortecs.review import wording
from pulumi_cortecs.review.report import PolicyResult, ResourceRow, ReviewReport, StackReview
from pulumi_cortecs.review.summary import Mark, summary

_MAX_TEXT: Final = 600
_VERDICT_ROOM: Final = 90
_PLAIN: Final = re.compile(r"[^`|\\<>&]+")
"""What a code span shows as it stands, also in a table."""
_SENTENCE: Final = re.compile(r"[A-Za-z0-9 ,;:.'-]+")
"""A note without any markup."""
_MARKS: Final = {Mark.FAILED: "❌ ", Mark.PASSED: "✅ ", Mark.LOSS: "⚠️ "}
_ENTITY: Final = re.compile(r"[^A-Za-z0-9 ]")


def as_markdown(report: ReviewReport) -> str:
    """The report as Markdown, the verdict in the first line."""
    return "\n".join(_lines(report)) + "\n"


def code(text: str) -> str:
    """A text of the program as code, on one line and of limited length."""
    shown = escape_unprintable(" ".join(text.split()))
    shown = shown if len(shown) <= _MAX_TEXT else f"{shown[:_MAX_TEXT]}…"
    if _PLAIN.fullmatch(shown):
        return f"`{shown}`"
    entities = _ENTITY.sub(lambda sign: f"&#{ord(sign[0])};", shown)
    # GitHub links what looks like the address of a mail, also here, unless a tag stands within
    return f"<code>{entities.replace('&#64;', '<wbr>&#64;')}</code>"


def _lines(report: ReviewReport) -> Iterator[str]:
    yield f"**{_verdict(report)}**"
    lines = [f"{_MARKS.get(line.mark, '')}{line.text}" for line in summary(report, code)]
    yield from _list("", [*map(code, report.problems), *map(_note, report.notes), *lines])
    yield from _totals(report)
    for stack in report.stacks:
        yield from _stack(stack)
    yield ""
    yield f"Prices: {code(report.catalogue.name)} of {report.catalogue.day}, sha256 {code(report.catalogue.sha256)}"
    if report.command:
        yield ""
        yield f"Again: {code(report.command)}"


def _verdict(report: ReviewReport) -> str:
    """The verdict; the first problem, a text of the program, as code."""
    if report.problems:
        return f"{report.decision.value}: {code(wording.grounds(report, _VERDICT_ROOM))}"
    return wording.verdict(report)


def _note(note: str) -> str:
    return f"_{note}_" if _SENTENCE.fullmatch(note) else code(note)


def _totals(report: ReviewReport) -> Iterator[str]:
    if not (totals := wording.shown_totals(report)):
        return
    yield ""
    yield f"| {wording.totals_title(report)} | before | after | difference |"
    yield "|---|---:|---:|---:|"
    yield from (f"| {' | '.join(cells)} |" for cells in wording.total_texts(report, totals))


def _stack(stack: StackReview) -> Iterator[str]:
    yield ""
    yield f"### Stack {code(stack.stack or '?')} of project {code(stack.project or '?')}"
    yield from _table(stack.rows)
    for title, findings in wording.findings_by_level(stack):
        yield from _list(title, [_finding(finding) for finding in findings])
    yield ""
    yield "; ".join([wording.unchanged_text(stack), *wording.other_texts(stack)])
    unpriced = [f"{code(item.name)} ({item.kind}): {code(item.reason)}" for item in stack.unpriced]
    yield from _list(wording.UNPRICED, unpriced)
    if stack.drift:
        yield ""
        yield f"**{wording.DRIFT}**"
        yield from _table(stack.drift)


def _table(rows: Sequence[ResourceRow]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield "| | resource | before | after | difference per hour | |"
    yield "|---|---|---|---|---:|---|"
    for row in rows:
        before, after = (
            f"{code(wording.bought_text(bought))}<br>{wording.hourly_text(bought)}" if bought else "-"
            for bought in (row.before, row.after)
        )
        remarks = "<br>".join(wording.remarks(row))
        name = f"{code(row.name)}<br>{row.kind}"
        yield f"| {row.action.value} | {name} | {before} | {after} | {wording.row_difference(row)} | {remarks} |"


def _finding(finding: PolicyResult) -> str:
    about = code(finding.name) if finding.name else "the stack"
    return f"{'❌' if finding.is_mandatory else '💬'} {code(finding.rule)} on {about}: {code(finding.message)}"


def _list(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield ""
        yield from (f"**{title}**", "") if title else ()
        yield from (f"- {item}" for item in items)

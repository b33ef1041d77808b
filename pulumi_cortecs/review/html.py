"""A review as one HTML file, which loads nothing from elsewhere: its policy allows no script but its own."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from hashlib import sha256
from html import escape
from typing import Final

from pulumi_cortecs.http.text import escape_unprintable
from pulumi_cortecs.review import wording
from pulumi_cortecs.review.page import SCRIPT, STYLE
from pulumi_cortecs.review.report import (
    Bought,
    Decision,
    HourlyPrice,
    PolicyResult,
    ResourceRow,
    ReviewReport,
    StackReview,
    Total,
)
from pulumi_cortecs.review.summary import summary

_ARROW: Final = escape("->")
_CLASSES: Final = {
    Decision.ALLOWED: "allowed",
    Decision.NOT_ALLOWED: "not-allowed",
    Decision.CANNOT_TELL: "cannot-tell",
}
_SCRIPT_HASH: Final = b64encode(sha256(SCRIPT.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_SCRIPT_HASH}'"


def as_html(report: ReviewReport) -> str:
    """The report as a page; the verdict is its title, in the first line."""
    title = _text(wording.verdict(report))
    return (
        f"<!doctype html><title>{title}</title>\n"
        '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<style>{STYLE}</style>\n<main>\n{''.join(_parts(report))}</main>\n"
        f"<script>{SCRIPT}</script></html>\n"
    )


def _parts(report: ReviewReport) -> Iterator[str]:
    yield _verdict(report)
    lines = (f'<li class="{line.mark.value}">{line.text}' for line in summary(report, _code))
    yield f'<ul class="plain card">{"".join(lines)}</ul>\n'
    yield from _totals(report)
    for stack in report.stacks:
        for title, findings in wording.findings_by_level(stack):
            yield from _list(title, [_finding(finding) for finding in findings])
    yield from _filters([row for stack in report.stacks for row in stack.rows])
    largest = wording.largest(report)
    for stack in report.stacks:
        yield from _stack(stack, largest)
    yield f'<p class="soft">Prices: {_text(report.catalogue.name)} of {_text(report.catalogue.day)}, sha256 '
    yield f"<code>{_text(report.catalogue.sha256)}</code>"
    yield f"<br>Again: <code>{_text(report.command)}</code></p>\n" if report.command else "</p>\n"


def _verdict(report: ReviewReport) -> str:
    notes = "".join(f'<p class="soft">{_text(note)}</p>' for note in report.notes)
    problems = "".join(f"<li>{_text(problem)}" for problem in report.problems)
    grounds = _text(wording.grounds(report)).replace(_ARROW, "→")
    return (
        f'<header class="card verdict {_CLASSES[report.decision]}"><span class="badge">{report.decision.value}</span>'
        f"<h1>{grounds}</h1>{notes}{f'<ul>{problems}</ul>' if problems else ''}</header>\n"
    )


def _totals(report: ReviewReport) -> Iterator[str]:
    if wording.shown_totals(report):
        yield f'<h2>{wording.totals_title(report)}</h2><div class="totals">\n'
        yield from (_total(report, total) for total in wording.shown_totals(report))
        yield "</div>\n"


def _total(report: ReviewReport, total: Total) -> str:
    lines = "".join(
        f"<tr><th>{'<td>'.join(cells)}".replace(f" {total.currency}", "")  # the heading names the currency
        for cells in wording.total_texts(report, [total])
    )
    month = wording.signed(total.difference.ceiling * report.hours_per_month)
    return (
        f'<div class="card"><div class="difference {_direction(total.difference)}">{month}'
        '<span class="soft"> per month</span></div>'
        f"<table><thead><tr><th><th>before<th>after<th>difference</thead>{lines}</table></div>\n"
    )


def _filters(rows: Sequence[ResourceRow]) -> Iterator[str]:
    if not rows:
        return
    counts = Counter(row.action.value for row in rows)
    buttons = "".join(
        f'<button data-action="{action}" aria-pressed="false">{action} {count}</button>'
        for action, count in sorted(counts.items())
    )
    yield (
        f'<h2>Changes (<span id="shown">{len(rows)}</span> of {len(rows)})</h2><div class="filters">'
        f'<button data-action="" aria-pressed="true">all {len(rows)}</button>{buttons}'
        '<input type="search" placeholder="Filter by name, hardware, model" aria-label="Filter"></div>\n'
    )


def _stack(stack: StackReview, largest: dict[str, Decimal]) -> Iterator[str]:
    yield f"<h2>Stack {_text(stack.stack or '?')} of project {_text(stack.project or '?')}</h2>\n"
    yield from (_row(row, largest) for row in stack.rows)
    yield f'<p class="soft">{"; ".join([wording.unchanged_text(stack), *wording.other_texts(stack)])}</p>\n'
    yield from _list(
        wording.UNPRICED,
        [f"<li>{_text(item.name)} ({item.kind}): {_text(item.reason)}" for item in stack.unpriced],
    )
    if stack.drift:
        yield f"<h2>{wording.DRIFT}</h2>\n"
        yield from (_row(row, largest).replace('class="row ', 'class="drift row ') for row in stack.drift)


def _row(row: ResourceRow, largest: dict[str, Decimal]) -> str:
    difference = wording.row_hourly_difference(row)
    effect = "" if difference is None else {"more": "dearer", "less": "cheaper", "": ""}[_direction(difference)]
    remarks = "".join(
        f"<li{' class=loss' if remark.startswith('destroys') else ''}>{_text(remark)}"
        for remark in wording.remarks(row)
    )
    return (
        f'<div class="row card {effect}" data-action="{row.action.value}">'
        f'<div><div class="name">{_text(row.name)}</div><div class="soft">{row.action.value} · {row.kind}</div></div>'
        f"<div>{_side('before', row.before, largest)}{_side('after', row.after, largest)}</div>"
        f'<div class="by {"" if difference is None else _direction(difference)}">{wording.row_difference(row)}'
        f'<span class="soft"> /h</span></div><ul class="remarks">{remarks}</ul></div>\n'
    )


def _side(side: str, bought: Bought | None, largest: dict[str, Decimal]) -> str:
    price = f' · <span class="price">{wording.hourly_text(bought)}</span>' if bought else ""
    label = f'<span class="soft">{side}</span><span>{_text(wording.bought_text(bought))}{price}</span>'
    return f'<div class="side {side}">{label}{_bar(bought, largest)}</div>'


def _bar(bought: Bought | None, largest: dict[str, Decimal]) -> str:
    if bought is not None and bought.hourly is None:
        return '<div class="bar unpriced"></div>'
    hourly = bought.hourly if bought is not None else None
    if hourly is None:
        return '<div class="bar"></div>'
    floor, ceiling = (
        amount.amount / largest.get(hourly.currency, amount.amount or Decimal(1)) * 100
        for amount in (hourly.floor, hourly.ceiling)
    )
    scales = f'<i class="scales" style="width:{ceiling:.1f}%"></i>' if hourly.scales else ""
    return f'<div class="bar">{scales}<i style="width:{floor:.1f}%"></i></div>'


def _finding(finding: PolicyResult) -> str:
    about = _text(finding.name) if finding.name else "the stack"
    way_out = f'<div class="soft">{_text(finding.remediation)}</div>' if finding.remediation else ""
    kind = "failed" if finding.is_mandatory else "advice"
    return f'<li class="{kind}"><code>{_text(finding.rule)}</code> on {about}: {_text(finding.message)}{way_out}'


def _list(title: str, items: Iterable[str]) -> Iterator[str]:
    if content := "".join(items):
        yield f'<h2>{title}</h2><ul class="plain card">{content}</ul>\n'


def _direction(difference: HourlyPrice) -> str:
    amount = difference.ceiling.amount
    return "more" if amount > 0 else "less" if amount < 0 else ""


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    return escape(escape_unprintable(" ".join(text.split())))

"""The words that all formats share: the verdict, amounts, and the sentence about each row. Names of the program are in
none of them but the reasons, which each format escapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.review.report import (
    HOURS_PER_DAY,
    Action,
    Bought,
    Decision,
    HourlyPrice,
    PolicyResult,
    ResourceRow,
    ReviewReport,
    StackReview,
    Total,
)

VERDICT_LENGTH: Final = 120
"""Characters within which every format has the whole verdict."""
_MARGIN: Final = 20
"""Characters of the verdict's length that are left to a format's own signs."""
_MAX_BEFORE_ROWS: Final = 10
_ARROW: Final = " -> "
UNPRICED: Final = "Unpriced, and in no sum"
DRIFT: Final = "Drift: what differs from the state already, and is not part of the change"


def verdict(report: ReviewReport) -> str:
    """ "+876.00 EUR/month (1.20 -> 2.40 EUR/h): allowed"."""
    decision = report.decision.value
    room = VERDICT_LENGTH - _MARGIN - len(decision) - len(": ")
    if report.decision is Decision.ALLOWED:
        return f"{grounds(report, room)}: {decision}"
    return f"{decision}: {grounds(report, room)}"


def grounds(report: ReviewReport, room: int = VERDICT_LENGTH) -> str:
    """The verdict without the decision, in at most so many characters."""
    if report.decision is Decision.CANNOT_TELL:
        problems = report.problems or ("there are no events",)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return f"{shorten(problems[0], room - len(more))}{more}"
    reasons = ", ".join(_reasons(report))
    return f"{reasons}; {_cost(report, room - len(reasons) - 2)}" if reasons else _cost(report, room)


def periods(report: ReviewReport) -> tuple[tuple[str, int], ...]:
    """The periods of the totals, and their hours."""
    return (f"month ({report.hours_per_month} h)", report.hours_per_month), ("day", HOURS_PER_DAY), ("hour", 1)


def total_texts(report: ReviewReport, totals: Sequence[Total]) -> Iterator[tuple[str, str, str, str]]:
    """The period, before, after and difference of each period and total."""
    for period, hours in periods(report):
        for total in totals:
            before, after = (price_text(price, hours) for price in (total.before, total.after))
            yield period, before, after, difference_text(total.difference, hours)


def signed(amount: Money) -> str:
    """ "+1.20 EUR", "-1.20 EUR", "0.00 EUR"."""
    return f"+{amount}" if amount.amount > 0 else str(amount)


def price_text(price: HourlyPrice, hours: int = 1) -> str:
    """ "1.20 EUR", "0.00 to 3.60 USD" for what scales."""
    if not price.scales:
        return str(price.ceiling * hours)
    return f"{(price.floor * hours).decimal_string()} to {price.ceiling * hours}"


def difference_text(difference: HourlyPrice, hours: int = 1, unit: str = "") -> str:
    """The signed difference of the ceilings; of the floors, too, if they differ by something else."""
    ceiling = f"{signed(difference.ceiling * hours)}{unit}"
    return f"{ceiling} (when idle {signed(difference.floor * hours)}{unit})" if difference.scales else ceiling


def bought_text(bought: Bought | None) -> str:
    """ "2 x NVIDIA_L4_1 at luxembourg-1, Qwen/Qwen2-7B-Instruct, stopped"; "-" for nothing."""
    if bought is None:
        return "-"
    place = f" at {bought.region}" if bought.region else ""
    return ", ".join(filter(None, (f"{bought.amount}{place}", bought.model, "stopped" if bought.is_stopped else "")))


def hourly_text(bought: Bought | None) -> str:
    """The price of an hour, "unpriced" or "-"."""
    if bought is None:
        return "-"
    return "unpriced" if bought.hourly is None else price_text(bought.hourly)


def row_hourly_difference(row: ResourceRow) -> HourlyPrice | None:
    """The difference of an hour, None without a price."""
    prices = [bought.hourly for bought in (row.before, row.after) if bought and bought.hourly]
    if row.unpriced or not prices:
        return None
    nothing = HourlyPrice.zero(prices[0].currency)
    before, after = (bought.hourly if bought and bought.hourly else nothing for bought in (row.before, row.after))
    return after - before


def row_difference(row: ResourceRow, unit: str = "") -> str:
    """The signed difference of an hour, "unknown" without a price."""
    difference = row_hourly_difference(row)
    return "unknown" if difference is None else difference_text(difference, unit=unit)


def remarks(row: ResourceRow) -> tuple[str, ...]:
    """What a person should know about a row besides its price."""
    changed = f"changes {', '.join(row.changed)}" if row.changed else ""
    interrupts = "interrupts the service" if row.interrupts else ""
    both = "both run, and are billed, until the new one is ready" if row.both_run else ""
    gap = "the old one ends before there is a new one" if _leaves_a_gap(row) else ""
    kept = "goes on running, and is billed, outside the stack" if row.action is Action.KEEP else ""
    taken = "runs already" if row.action is Action.TAKE_OVER else ""
    destroys = f"destroys {row.destroys}" if row.destroys else ""
    return tuple(filter(None, (changed, interrupts, both, gap, kept, taken, address_text(row), destroys)))


def address_text(row: ResourceRow) -> str:
    """The end of a sentence about a row's address, "" for nothing."""
    loses = "loses its old address" if row.action is Action.LEFT_OVER else "loses its address"
    return {"changes": "gets a new address", "ends": loses}.get(row.address, "")


def unchanged_text(stack: StackReview) -> str:
    """The unchanged spend as one line."""
    unchanged = [total.unchanged for total in stack.totals if total.unchanged != HourlyPrice.zero(total.currency)]
    amounts = ", ".join(f"{price_text(price)}/h" for price in unchanged)
    return f"{stack.unchanged_count} unchanged{f': {amounts}' if amounts else ''}"


def other_texts(stack: StackReview) -> tuple[str, ...]:
    """The resources without a row, counted."""
    free = f"endpoints and keys: {stack.free_changes} changed, at no cost" if stack.free_changes else ""
    other = f"other providers: {stack.other_changes} of {stack.other_count} changed, not priced"
    return tuple(filter(None, (free, other if stack.other_count else "")))


def few(items: Sequence[str], most: int = _MAX_BEFORE_ROWS, what: str = "") -> list[str]:
    """The first of the items, and the number of the others: what is said before the rows has to stay short."""
    more = len(items) - most
    return [*items[:most], *([f"and {more} more {what}".rstrip()] if more > 0 else [])]


def finding_text(finding: PolicyResult) -> str:
    """A finding as one line."""
    about = f" on {finding.name}" if finding.name else " on the stack"
    return f"{finding.rule}{about}: {finding.message}"


def findings_by_level(stack: StackReview) -> tuple[tuple[str, tuple[PolicyResult, ...]], ...]:
    """The findings of a stack, those that stop the change first, each part with its title."""
    parts = {True: "Policy violations", False: "Advice"}
    return tuple(
        (title, tuple(finding for finding in stack.findings if finding.is_mandatory is is_mandatory))
        for is_mandatory, title in parts.items()
    )


def totals_title(report: ReviewReport) -> str:
    """The title of the totals, which says what they lack."""
    if report.problems:
        return "Totals of what the preview does tell"
    return "Totals without the unpriced" if report.unpriced else "Totals"


def shown_totals(report: ReviewReport) -> tuple[Total, ...]:
    """The totals without currencies in which nothing costs anything, before and after."""
    return tuple(
        total for total in report.totals if not total.before == total.after == HourlyPrice.zero(total.currency)
    )


def _leaves_a_gap(row: ResourceRow) -> bool:
    return row.action is Action.REPLACE and row.before is not None and not row.both_run


def _reasons(report: ReviewReport) -> Iterable[str]:
    if count := len(report.violations):
        yield f"{count} policy violation{'s' * (count > 1)}"
    if count := len(report.failed_gates):
        yield f"{count} cost limit{'s' * (count > 1)} exceeded"


def _cost(report: ReviewReport, room: int) -> str:
    """The change of the cost, in at most so many characters."""
    totals = shown_totals(report)
    moved = [total for total in totals if total.before != total.after]
    missing = sum(unpriced.is_changed for unpriced in report.unpriced)
    before = f"{missing} unpriced, the rest " if missing else ""  # first, or the rest looks like the whole
    if not moved:
        standing = f" ({', '.join(f'{price_text(total.after)}/h' for total in totals)})" if totals else ""
        plain = f"{before}unchanged" if missing else "no change in cost"
        return _first_that_fits(room, f"{plain}{standing}", plain)
    months = [f"{signed(total.difference.ceiling * report.hours_per_month)}/month" for total in moved]
    long = [f"{month} ({_hours(total)})" for month, total in zip(months, moved, strict=True)]
    texts = (*(" and ".join(parts) for parts in (long, months)), f"changes in {len(moved)} currencies")
    return _first_that_fits(room, *(f"{before}{text}" for text in texts))


def _hours(total: Total) -> str:
    before, after = total.before.ceiling, total.after.ceiling
    return f"{before.decimal_string()}{_ARROW}{after}/h"


def _first_that_fits(room: int, *texts: str) -> str:
    return next((text for text in texts if len(text) <= room), texts[-1])


def shorten(text: str, length: int) -> str:
    """The text on one line, in at most so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1]}…"


def largest(report: ReviewReport) -> dict[str, Decimal]:
    """The highest price of a changed purchase in each currency: the whole length of a bar."""
    prices = [
        bought.hourly
        for stack in report.stacks
        for row in (*stack.rows, *stack.drift)
        for bought in (row.before, row.after)
        if bought is not None and bought.hourly is not None and bought.hourly.ceiling.amount > 0
    ]
    return {
        currency: max(price.ceiling.amount for price in prices if price.currency == currency)
        for currency in {price.currency for price in prices}
    }

"""The gates of the command line: limits on the increase and on the whole, each currency by itself, on the ceiling of
what scales. A gate that cannot be checked has failed. A report calls them cost limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pulumi_cortecs.cost import Money, MoneyError
from pulumi_cortecs.review.report import GateResult, Total, Unpriced
from pulumi_cortecs.review.wording import signed

HOUR: Final = "h"
MONTH: Final = "month"
_AMOUNT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Z]{3})")
_RATE: Final = re.compile(rf"({_AMOUNT.pattern})/({HOUR}|{MONTH})")
_PERCENT: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


class GateError(ValueError):
    """A gate is not written as it must be."""


@dataclass(frozen=True)
class AmountGate:
    """At most `most` in each `unit` ("h", "month"): of the increase, or of all purchases after the change. `written`
    is the amount as a person wrote it, with a space before its currency."""

    option: str
    written: str
    most: Money
    unit: str
    is_increase: bool


@dataclass(frozen=True)
class PercentGate:
    """At most so many percent more than before, in each currency."""

    option: str
    written: str
    most: Decimal


Gate = AmountGate | PercentGate


def read_gates(
    max_increase: Iterable[str] = (),
    max_increase_percent: str | None = None,
    max_hourly: Iterable[str] = (),
    max_monthly: Iterable[str] = (),
) -> tuple[Gate, ...]:
    """The gates of the options of these names, as they are written. Raises GateError."""
    percent = () if max_increase_percent is None else (_read_percent(max_increase_percent),)
    gates = (
        *(_read_rate("--max-increase", written) for written in max_increase),
        *percent,
        *(_read_amount("--max-hourly", written, HOUR) for written in max_hourly),
        *(_read_amount("--max-monthly", written, MONTH) for written in max_monthly),
    )
    limited = [(gate.option, gate.most.currency) for gate in gates if isinstance(gate, AmountGate)]
    if double := next((gate for gate in limited if limited.count(gate) > 1), None):
        raise GateError(f"{double[0]}: got two amounts in {double[1]}; one for each currency is allowed")
    return gates


def check_gates(
    gates: Sequence[Gate],
    totals: Sequence[Total],
    unpriced: Sequence[Unpriced],
    problems: Sequence[str],
    hours_per_month: int,
) -> tuple[GateResult, ...]:
    """The result of each gate. A currency for which an option names no amount has no limit, and fails where it costs
    something."""
    results = list[GateResult]()
    for gate in gates:
        if obstacle := _obstacle(gate, unpriced, problems):
            results.append(GateResult(_title(gate), False, f"cannot be checked: {obstacle}"))
        else:
            results += _check(gate, gates, totals, hours_per_month)
    return tuple(results)


def _obstacle(gate: Gate, unpriced: Sequence[Unpriced], problems: Sequence[str]) -> str:
    if problems:
        return "the preview does not tell everything"
    counts_all = isinstance(gate, AmountGate) and not gate.is_increase
    without_price = [purchase for purchase in unpriced if counts_all or purchase.is_changed]
    if not without_price:
        return ""
    return f"{len(without_price)} purchase{'s have' if len(without_price) > 1 else ' has'} no price"


def _check(gate: Gate, gates: Sequence[Gate], totals: Sequence[Total], hours: int) -> Iterator[GateResult]:
    if isinstance(gate, PercentGate):
        yield from (_check_percent(gate, total) for total in totals)
        if not totals:
            yield GateResult(_title(gate), True, "nothing costs anything")
        return
    yield _check_amount(gate, totals, hours)
    alike = [other for other in gates if isinstance(other, AmountGate) and other.option == gate.option]
    for total in totals if gate is alike[0] else ():
        value = _value(gate, total)
        if value > Money.zero(total.currency) and all(total.currency != other.most.currency for other in alike):
            what = "increase" if gate.is_increase else "cost"
            text = f"{_shown(gate, value)}/{HOUR}: no {what} in {total.currency} is allowed"
            yield GateResult(gate.option, False, text, missing_currency=total.currency)


def _check_amount(gate: AmountGate, totals: Sequence[Total], hours: int) -> GateResult:
    currency = gate.most.currency
    of_currency = [_value(gate, total) for total in totals if total.currency == currency]
    value = (of_currency[0] if of_currency else Money.zero(currency)) * (hours if gate.unit == MONTH else 1)
    got, most = (f"{_shown(gate, amount)}/{gate.unit}" for amount in (value, gate.most))
    return _compared(gate, value <= gate.most, got, most)


def _check_percent(gate: PercentGate, total: Total) -> GateResult:
    before, difference = total.before.ceiling, total.difference.ceiling
    nothing = Money.zero(total.currency)
    if before == nothing and difference > nothing:
        reason = f"{signed(difference)}/{HOUR} on nothing has no percentage"
        return GateResult(_title(gate), False, f"cannot be checked: {reason}")
    got = f"{signed(difference)}/{HOUR} on {before}/{HOUR}"
    return _compared(gate, difference * 100 <= before * gate.most, got, f"+{gate.most} %")


def _compared(gate: Gate, passed: bool, got: str, most: str) -> GateResult:
    return GateResult(_title(gate), passed, f"{got} is {'within' if passed else 'more than'} the allowed {most}")


def _shown(gate: AmountGate, amount: Money) -> str:
    return signed(amount) if gate.is_increase else str(amount)


def _value(gate: AmountGate, total: Total) -> Money:
    return total.difference.ceiling if gate.is_increase else total.after.ceiling


def _title(gate: Gate) -> str:
    return f"{gate.option} {gate.written}"


def _read_rate(option: str, written: str) -> AmountGate:
    if not (match := _RATE.fullmatch(written)):
        raise GateError(f"{option}: got {written!r}; must be an amount per hour or month: 5.00 EUR/h, 500 EUR/month")
    amount, spaced = _money(option, match[2], match[3]), f"{match[2]} {match[3]}/{match[4]}"
    return AmountGate(option, spaced, amount, match[4], is_increase=True)


def _read_amount(option: str, written: str, unit: str) -> AmountGate:
    if not (match := _AMOUNT.fullmatch(written)):
        raise GateError(f"{option}: got {written!r}; must be an amount with its currency, such as 5.00 EUR")
    amount, spaced = _money(option, match[1], match[2]), f"{match[1]} {match[2]}"
    return AmountGate(option, spaced, amount, unit, is_increase=False)


def _read_percent(written: str) -> PercentGate:
    option = "--max-increase-percent"
    if not _PERCENT.fullmatch(written):
        raise GateError(f"{option}: got {written!r}; must be a number of percent, such as 20")
    return PercentGate(option, written, Decimal(written))


def _money(option: str, number: str, currency: str) -> Money:
    try:
        return Money.of(number, currency)
    except MoneyError as error:
        raise GateError(f"{option}: {error}") from None

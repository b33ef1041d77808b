"""Budgets of a whole stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Annotated, Any, Final, TypeAlias

from pydantic import PlainValidator, WithJsonSchema

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.strict_reader import invalid
from pulumi_cortecs.policy.rule import Advice, Rule, RuleContext, Severity, Subject
from pulumi_cortecs.policy.rules.formatting import describe_excess
from pulumi_cortecs.policy.settings import Amounts, Settings
from pulumi_cortecs.policy.sums import HeldPrices, Sum

HOURS_PER_MONTH: Final = 730
"""365 days of 24 hours, divided by twelve."""


MOST_BUDGETS: Final = 2
"""The multiple of its budget that a stack may reach while instances are replaced."""
_REQUIRED: Final = "required"


def _required(value: Any) -> str:
    if value != _REQUIRED:
        raise invalid(value, repr(_REQUIRED))
    return _REQUIRED


_State: TypeAlias = Annotated[str, PlainValidator(_required), WithJsonSchema({"type": "string", "enum": [_REQUIRED]})]


class HourlyBudget(Settings):
    """`per_hour`: the highest cost of all instances of the stack together; one amount per currency. `state`: "required"
    refuses every run while the stack's state cannot be read."""

    per_hour: Amounts
    state: _State = ""


class MonthlyBudget(Settings):
    """`per_month`: the highest cost of all instances of the stack in 730 hours; one amount per currency. `state`:
    "required" refuses every run while the stack's state cannot be read."""

    per_month: Amounts
    state: _State = ""


def _hourly(total: Sum, settings: HourlyBudget, context: RuleContext) -> Iterator[str | Advice]:
    yield from _unread(total.held, settings.state)
    yield from _within(total, settings.per_hour, "h", 1, STACK_HOURLY_BUDGET)


def _monthly(total: Sum, settings: MonthlyBudget, context: RuleContext) -> Iterator[str | Advice]:
    yield from _unread(total.held, settings.state)
    yield from _within(total, settings.per_month, "month", HOURS_PER_MONTH, STACK_MONTHLY_BUDGET)


def _within(total: Sum, budget: Mapping[str, Money], per: str, hours: int, rule: Rule) -> Iterator[str]:
    place = f" ({rule.name} in the pack's limits, the file of --policy-pack-config)"
    for money, what in _amounts(total):
        if excess := describe_excess(money * hours, budget, per, limit="the budget of the stack", place=place):
            yield f"{what}: {excess}{_fitting_text(total, budget.get(money.currency), hours)}"
    if total.with_state is None:
        return
    most = {currency: amount * MOST_BUDGETS for currency, amount in budget.items()}
    for money, what in _amounts(total.with_state):
        if excess := describe_excess(money * hours, most, per, limit="twice the budget of the stack", place=place):
            yield (
                f"{what}: {excess} What changes counts as it is and as it will be, also if it changes in place; what "
                "waits for its deletion, what is protected and what the program has no more still costs. Let an `up` "
                "end that adds nothing, or `pulumi destroy --target` what is not needed."
            )


def _fitting_text(total: Sum, cap: Money | None, hours: int) -> str:
    """How many of the instances are within the budget; "" for none, and where their currencies differ."""
    prices = [price.get() for price in total.prices]
    if cap is None or any(price.currency != cap.currency for price in prices):
        return ""
    sums = accumulate(price * hours for price in sorted(prices))
    fitting = sum(amount <= cap for amount in sums)
    return f" The {fitting} cheapest of them fit." if fitting > 1 else " The cheapest of them fits." if fitting else ""


def _amounts(total: Sum) -> list[tuple[Money, str]]:
    """The amount of each currency, and what costs it."""
    hourly = total.hourly()
    return [(money, total.of_what + f", those in {money.currency}" * (len(hourly) > 1)) for money in hourly]


def _unread(held: HeldPrices, state: str) -> Iterator[str | Advice]:
    if not held.problem:
        return
    if state == _REQUIRED:
        yield f"what the stack holds already is not known, and the limits require it: {held.problem}."
    elif not held.is_reported:
        yield Advice(
            f"what the stack holds already is not known, so that this run may add a whole budget to it: {held.problem}."
        )


STACK_HOURLY_BUDGET = Rule(
    name="stack-hourly-budget",
    description="All instances of the stack together cost no more an hour than allowed.",
    check=_hourly,
    settings=HourlyBudget,
    subject=Subject.SUM,
    severity=Severity.CRITICAL,
    tags=("cost", "budget"),
    exemptible=False,
    remediation="Take fewer or cheaper instances, or ask the owner of the limits for a larger budget.",
)
STACK_MONTHLY_BUDGET = Rule(
    name="stack-monthly-budget",
    description="All instances of the stack together cost no more a month (730 hours) than allowed.",
    check=_monthly,
    settings=MonthlyBudget,
    subject=Subject.SUM,
    severity=Severity.CRITICAL,
    tags=("cost", "budget"),
    exemptible=False,
    remediation="Take fewer or cheaper instances, or ask the owner of the limits for a larger budget.",
)
RULES = (STACK_HOURLY_BUDGET, STACK_MONTHLY_BUDGET)

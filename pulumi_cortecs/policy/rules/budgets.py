"""What a whole stack may cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pulumi_cortecs.policy.rule import Given, Rule, Severity, Subject
from pulumi_cortecs.policy.rules.words import over
from pulumi_cortecs.policy.settings import Amounts, Settings
from pulumi_cortecs.policy.sums import Sum

HOURS_PER_MONTH: Final = 730
"""365 days of 24 hours, divided by twelve."""


class HourlyBudget(Settings):
    """`per_hour`: what all instances of the stack may cost together; one amount per currency."""

    per_hour: Amounts


class MonthlyBudget(Settings):
    """`per_month`: what all instances of the stack may cost in 730 hours; one amount per currency."""

    per_month: Amounts


def _hourly(total: Sum, settings: HourlyBudget, given: Given) -> Iterator[str]:
    for money in total.hourly():
        if excess := over(money, settings.per_hour, "an hour"):
            yield f"{total.of_what}: {excess}"


def _monthly(total: Sum, settings: MonthlyBudget, given: Given) -> Iterator[str]:
    for money in total.hourly():
        if excess := over(money * HOURS_PER_MONTH, settings.per_month, "a month"):
            yield f"{total.of_what}: {excess}"


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

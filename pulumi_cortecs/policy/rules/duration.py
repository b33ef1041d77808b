"""Rules on billing intervals and lifetimes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pulumi_cortecs.cost.times import MILLISECONDS
from pulumi_cortecs.policy.field import Missing, Unknown
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Rule, RuleContext, Severity
from pulumi_cortecs.policy.rules.formatting import join_names
from pulumi_cortecs.policy.settings import Names, Settings, Span


class AllowedIntervals(Settings):
    """`allowed`: "per_minute", "per_hour"."""

    allowed: Names


class MaxLifetime(Settings):
    """`at_most`: the longest `ttl`, "24h"."""

    at_most: Span


def _billing_interval(purchase: Purchase, settings: AllowedIntervals, context: RuleContext) -> Iterator[str]:
    interval = purchase.billing_interval.get().value
    if interval not in settings.allowed:
        yield f"it is billed {interval}; allowed is {join_names(settings.allowed)}."


def _ttl_required(purchase: Purchase, settings: MaxLifetime, context: RuleContext) -> Iterator[str]:
    if isinstance(purchase.ttl, Missing) or (isinstance(purchase.ttl, Unknown) and not purchase.ttl.later):
        yield f'{purchase.ttl.name} {purchase.ttl.why}; write ttl="{_span_text(settings.at_most)}" or less.'
    elif (ttl := purchase.ttl.get()) > settings.at_most:
        yield f"its ttl is {ttl}; {settings.at_most} is the longest allowed: {ttl - settings.at_most} too long."


def _span_text(span: timedelta) -> str:
    """A time as programs write it, in the largest unit that it is a whole number of: "24h"."""
    seconds = span // timedelta(seconds=1)
    unit = next(unit for unit in ("h", "m", "s") if seconds % (MILLISECONDS[unit] // 1000) == 0)
    return f"{seconds // (MILLISECONDS[unit] // 1000)}{unit}"


BILLING_INTERVAL = Rule(
    name="billing-interval",
    description="It is billed by an interval on the list.",
    check=_billing_interval,
    settings=AllowedIntervals,
    severity=Severity.MEDIUM,
    tags=("cost",),
    remediation="Set billing_interval.",
)
TTL_REQUIRED = Rule(
    name="ttl-required",
    description="An instance says how long it is wanted, and that is not too long.",
    check=_ttl_required,
    settings=MaxLifetime,
    severity=Severity.MEDIUM,
    tags=("cost",),
    volumes=False,
    remediation='Set ttl, "8h" say.',
)
RULES = (BILLING_INTERVAL, TTL_REQUIRED)

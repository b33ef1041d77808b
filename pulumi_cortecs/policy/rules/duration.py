"""How it is billed, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_cortecs.policy.rule import Given, Rule, Severity
from pulumi_cortecs.policy.rules.words import listed
from pulumi_cortecs.policy.settings import Names, Settings, Span
from pulumi_cortecs.policy.unit import Unit


class AllowedIntervals(Settings):
    """`allowed`: "per_minute", "per_hour"."""

    allowed: Names


class LongestLife(Settings):
    """`at_most`: the longest `ttl`, "24h"."""

    at_most: Span


def _billing_interval(unit: Unit, settings: AllowedIntervals, given: Given) -> Iterator[str]:
    interval = unit.billing_interval.get().value
    if interval not in settings.allowed:
        yield f"it is billed {interval}; allowed is {listed(settings.allowed)}."


def _ttl_required(unit: Unit, settings: LongestLife, given: Given) -> Iterator[str]:
    ttl = unit.ttl.get()
    if ttl > settings.at_most:
        yield f"its ttl is {ttl}; {settings.at_most} is the longest allowed: {ttl - settings.at_most} too long."


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
    settings=LongestLife,
    severity=Severity.MEDIUM,
    tags=("cost",),
    remediation='Set ttl, "8h" say.',
)
RULES = (BILLING_INTERVAL, TTL_REQUIRED)

"""Rules on the number of workers."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Rule, RuleContext, Severity
from pulumi_cortecs.policy.rules.formatting import are_allowed
from pulumi_cortecs.policy.settings import Count, Names, Settings


class MaxWorkers(Settings):
    """`most`: workers, or replicas where the cloud scales by itself, of one instance."""

    most: Count


class ScalingClouds(Settings):
    """`clouds`: the clouds on which an instance without requests must scale down to zero."""

    clouds: Names


def _workers_max(purchase: Purchase, settings: MaxWorkers, context: RuleContext) -> Iterator[str]:
    workers = purchase.workers_max.get()
    if workers > settings.most:
        got = purchase.workers_text(workers)
        yield f"{got}; {are_allowed(settings.most)} per instance: {workers - settings.most} too many."


def _scale_to_zero_required(purchase: Purchase, settings: ScalingClouds, context: RuleContext) -> Iterator[str]:
    if purchase.cloud in settings.clouds and (least := purchase.workers_min.get()) > 0:
        yield f"at least {least} runs and is billed without any request; on {purchase.cloud} that must be 0."


WORKERS_MAX = Rule(
    name="workers-max",
    description="An instance has no more workers than allowed.",
    check=_workers_max,
    settings=MaxWorkers,
    tags=("hardware", "workers"),
    way_out=True,
    volumes=False,
    remediation="Take fewer workers, or replicas.",
)
SCALE_TO_ZERO_REQUIRED = Rule(
    name="scale-to-zero-required",
    description="What can scale to zero does.",
    check=_scale_to_zero_required,
    settings=ScalingClouds,
    severity=Severity.MEDIUM,
    tags=("cost", "workers"),
    volumes=False,
    remediation="Set the least number of replicas to 0.",
)
RULES = (WORKERS_MAX, SCALE_TO_ZERO_REQUIRED)

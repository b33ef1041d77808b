"""Rules on the pinned catalogue: its age and its digest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pydantic import model_validator

from pulumi_cortecs.cost.pricelist import LOCK_FILE
from pulumi_cortecs.cost.strict_reader import Name
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Advice, Rule, RuleContext, Severity
from pulumi_cortecs.policy.rules.formatting import are_allowed
from pulumi_cortecs.policy.settings import Settings, Span


class Freshness(Settings):
    """`warn_after`, `block_after`: the age of the catalogue, "14d" and "45d"."""

    warn_after: Span
    block_after: Span

    @model_validator(mode="after")
    def _in_order(self) -> Freshness:
        if self.warn_after > self.block_after:
            raise ValueError("warn_after must not be longer than block_after")
        return self


class Pin(Settings):
    """`file`: the catalogue, an absolute path, or a name that is searched in the pack's folder and beside it. `sha256`:
    its required digest; without it any digest is accepted."""

    file: Name = LOCK_FILE
    sha256: Name | None = None


def _catalogue_fresh(purchase: Purchase, settings: Freshness, context: RuleContext) -> Iterator[str | Advice]:
    catalogue = context.prices.get()
    age = context.now - catalogue.as_of
    says = f"the catalogue is of {context.prices.day}, {age.days} days old"
    if age < -timedelta(days=1):
        yield f"the catalogue is of {context.prices.day}, and that is yet to come."
    elif age > settings.block_after:
        yield f"{says}; {are_allowed(settings.block_after.days)}. Run `pulumi-cortecs catalogue pull`, and review it."
    elif age > settings.warn_after:
        yield Advice(
            f"{says}; after {settings.block_after.days} nothing is bought. Run `pulumi-cortecs catalogue pull`."
        )


def _catalogue_digest(purchase: Purchase, settings: Pin, context: RuleContext) -> tuple[str, ...]:
    context.prices.get()
    return ()


CATALOGUE_FRESH = Rule(
    name="catalogue-fresh",
    description="The prices to judge by are not too old.",
    check=_catalogue_fresh,
    settings=Freshness,
    severity=Severity.MEDIUM,
    tags=("catalogue",),
    exemptible=False,
    remediation="Run `pulumi-cortecs catalogue pull` and have the new prices reviewed.",
)
CATALOGUE_DIGEST = Rule(
    name="catalogue-digest",
    description="The prices to judge by are the ones that were reviewed.",
    check=_catalogue_digest,
    settings=Pin,
    severity=Severity.CRITICAL,
    tags=("catalogue",),
    exemptible=False,
    optional=False,
    remediation="Put the reviewed catalogue.lock.yaml where the pack looks for it.",
)
RULES = (CATALOGUE_FRESH, CATALOGUE_DIGEST)

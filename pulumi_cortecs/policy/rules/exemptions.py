"""The rule on exemptions that have expired."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from pulumi_cortecs.policy.exemptions import Exemption
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Rule, RuleContext
from pulumi_cortecs.policy.settings import Settings


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class GrantedExemptions(Settings):
    """`exemptions`: each with resource, rule, reason, owner, until and up_to."""

    exemptions: Annotated[
        tuple[Exemption, ...],
        BeforeValidator(_tuple),
        WithJsonSchema({"type": "array", "items": {"type": "object"}}),
    ] = ()


def _exemptions_valid(purchase: Purchase, settings: GrantedExemptions, context: RuleContext) -> Iterator[str]:
    for exemption in settings.exemptions:
        if exemption.applies_to(purchase.urn) and exemption.is_expired(context.now):
            yield (
                f"its exemption from {exemption.rule} ended on {exemption.until} (owner: {exemption.owner}): have it "
                "renewed, or take it out of the limits."
            )


EXEMPTIONS_VALID = Rule(
    name="exemptions-valid",
    description="Exemptions are used for as long as they were granted.",
    check=_exemptions_valid,
    settings=GrantedExemptions,
    tags=("exemptions",),
    exemptible=False,
    optional=False,
    remediation="Renew the exemption with its owner, or take it out of the limits.",
)
RULES = (EXEMPTIONS_VALID,)

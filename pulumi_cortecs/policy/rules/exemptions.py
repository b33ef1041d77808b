"""The rule on exemptions that have expired."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationError, WithJsonSchema

from pulumi_cortecs.policy.exemptions import Exemption
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Rule, RuleContext
from pulumi_cortecs.policy.settings import Settings, problems_in


def _exemptions(value: Any) -> tuple[Exemption, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"must be a list of exemptions, not {value!r}")
    exemptions: list[Exemption] = []
    for number, item in enumerate(value, start=1):
        try:
            exemptions.append(Exemption.model_validate(item))
        except ValidationError as error:
            raise ValueError(f"number {number}: {'; '.join(problems_in(error))}") from None
    return tuple(exemptions)


class GrantedExemptions(Settings):
    """`exemptions`: each with resource, rule, reason, owner, until and up_to."""

    exemptions: Annotated[
        tuple[Exemption, ...],
        PlainValidator(_exemptions),
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

"""Rules that keep the others from being circumvented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pulumi_cortecs.policy.resource_types import ObservedResource, ProviderOrigin
from pulumi_cortecs.policy.rule import Rule, RuleContext, Severity, Subject
from pulumi_cortecs.policy.rules.formatting import join_names
from pulumi_cortecs.policy.settings import Names, NoSettings, Settings

_CODE_IN_THE_PROGRAM: Final = ("pulumi-python:", "pulumi-nodejs:")
"""Types whose provider is a class of the program."""


class AllowedTypes(Settings):
    """`allowed`: the exact type tokens of other packages' dynamic resources."""

    allowed: Names = ()


def _provider_authentic(resource: ObservedResource, settings: NoSettings, context: RuleContext) -> Iterator[str]:
    if resource.published_type is None or resource.provider is ProviderOrigin.PUBLISHED:
        return
    yield (
        f"{resource.resource_type} is served by {_WHOSE[resource.provider]}, not by the provider that pulumi_cortecs "
        "publishes: what it buys is not what is shown here."
    )


def _unknown_dynamic_type(resource: ObservedResource, settings: AllowedTypes, context: RuleContext) -> Iterator[str]:
    token = resource.resource_type
    if resource.published_type is None and token.startswith(_CODE_IN_THE_PROGRAM) and token not in settings.allowed:
        yield (
            f"{token} is made by code in the program, which could buy anything; allowed are "
            f"{join_names(settings.allowed)}."
        )


def _ignore_changes_forbidden(resource: ObservedResource, settings: NoSettings, context: RuleContext) -> Iterator[str]:
    if resource.published_type is None:
        return
    for path in resource.ignore_changes:
        if path not in resource.published_type.may_ignore:
            yield (
                f"changes of {path!r} are ignored, so that something else may run than the program says; only those of "
                f"{join_names(sorted(resource.published_type.may_ignore))} may be."
            )


_WHOSE: Final = {
    ProviderOrigin.FOREIGN: "a foreign class",
    ProviderOrigin.NOT_SHOWN: "a provider that was not shown",
}

PROVIDER_AUTHENTIC = Rule(
    name="provider-authentic",
    description="Our resources are served by our providers.",
    check=_provider_authentic,
    subject=Subject.RESOURCE,
    severity=Severity.CRITICAL,
    tags=("guard",),
    exemptible=False,
    optional=False,
    remediation="Use the resource classes of pulumi_cortecs as they are, in the version that the pack knows.",
)
UNKNOWN_DYNAMIC_TYPE = Rule(
    name="unknown-dynamic-type",
    description="Resources made by code in the program are allowed by name only.",
    check=_unknown_dynamic_type,
    settings=AllowedTypes,
    subject=Subject.RESOURCE,
    severity=Severity.CRITICAL,
    tags=("guard",),
    exemptible=False,
    optional=False,
    remediation="Leave it out, or ask the owner of the limits to allow its type.",
)
IGNORE_CHANGES_FORBIDDEN = Rule(
    name="ignore-changes-forbidden",
    description="What decides about a purchase is never ignored.",
    check=_ignore_changes_forbidden,
    subject=Subject.RESOURCE,
    severity=Severity.HIGH,
    tags=("guard",),
    exemptible=False,
    optional=False,
    remediation="Take it out of ignore_changes: an argument that is left out keeps what runs.",
)
RULES = (PROVIDER_AUTHENTIC, UNKNOWN_DYNAMIC_TYPE, IGNORE_CHANGES_FORBIDDEN)

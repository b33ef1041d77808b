"""Rules on the place of an instance: its region, and who can reach it."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_cortecs.policy.field import Missing
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Level, Rule, RuleContext
from pulumi_cortecs.policy.rules.formatting import join_names
from pulumi_cortecs.policy.settings import Names, NoSettings, Settings, matches_pattern


class AllowedRegions(Settings):
    """`allowed`: regions, in which `*` matches any text. `without_region`: the clouds that are allowed although they
    have no regions."""

    allowed: Names
    without_region: Names = ()


def _region_allowed(purchase: Purchase, settings: AllowedRegions, context: RuleContext) -> Iterator[str]:
    if isinstance(purchase.regions, Missing) and purchase.cloud in settings.without_region:
        return
    for region in purchase.regions.get() or ("nowhere",):
        if any(matches_pattern(region, pattern) for pattern in settings.allowed):
            continue
        yield f"{region} is not among the regions that are allowed: {join_names(settings.allowed)}."


def _endpoint_has_key(purchase: Purchase, settings: NoSettings, context: RuleContext) -> Iterator[str]:
    if not isinstance(purchase.has_key, Missing) and not purchase.has_key.get():
        yield "it serves a model and asks for no key: anybody who finds its address can use it."


REGION_ALLOWED = Rule(
    name="region-allowed",
    description="It runs in regions on the list only.",
    check=_region_allowed,
    settings=AllowedRegions,
    tags=("placement",),
    way_out=True,
    remediation="Choose a region that is on the list; a cloud that has none to choose goes under without_region.",
)
ENDPOINT_HAS_KEY = Rule(
    name="endpoint-has-key",
    description="A model that is open to the world asks for a key.",
    check=_endpoint_has_key,
    level=Level.ADVISORY,
    volumes=False,
    tags=("placement",),
    remediation="Name one in api_keys (Gcore), or give the container one (VLLM_API_KEY, --api-key). Set ready_key.",
)
RULES = (REGION_ALLOWED, ENDPOINT_HAS_KEY)

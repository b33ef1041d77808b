"""The Purchases that Gcore's deployments make."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.policy import Known, Missing, Purchase
from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.property_reader import ProxiedProperties, UnreadableProperties
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.testing import (
    GCORE_DEPLOYMENT,
    MISSING,
    PackTester,
    Resource,
    assert_advised,
    assert_allowed,
    assert_denied,
    gcore_container,
    gcore_deployment,
    sample_catalogue,
    unknown,
)

FLAVOR = "inference-16vcpu-232gib-1xl40s-48gb"
TWO_REGIONS = [gcore_container("luxembourg-1", 0, 3), gcore_container("frankfurt-1", 1, 2)]


def pack_of(rule: str, *, held: tuple[Resource, ...] = (), **settings: Any) -> PackTester:
    rules = [one for one in PACKS["guard"] if one.name == rule]
    return PackTester(rules, {rule: settings} if settings else {}, held=held)


def purchase_of(resource: Resource) -> Purchase:
    extract = RESOURCE_TYPES[resource.resource_type].extract
    assert extract is not None
    properties = ProxiedProperties(resource.properties)
    return extract(resource.urn, resource.name, properties, PinnedPrices(sample_catalogue()))


def test_a_deployment_is_its_replicas_in_all_regions() -> None:
    purchase = purchase_of(gcore_deployment(containers=TWO_REGIONS))
    assert purchase.hardware_type_id == Known(FLAVOR)
    assert purchase.regions == Known(("luxembourg-1", "frankfurt-1"))
    assert (purchase.workers_min, purchase.workers_max) == (Known(1), Known(5))
    assert purchase.hourly == Known(Money.of("9.00", "USD"))
    assert purchase.describe() == f"5 x {FLAVOR}"
    assert isinstance(purchase.model_id, Missing)


def test_each_region_has_to_be_allowed() -> None:
    only = pack_of("region-allowed", allowed=["luxembourg-*"])
    assert_allowed(only.preview(gcore_deployment(containers=[gcore_container("luxembourg-2")])))
    assert_denied(only.preview(gcore_deployment(containers=TWO_REGIONS)), "region-allowed", "frankfurt-1 is not among")


@pytest.mark.parametrize("region_id", [26, 26.0, "26"])
def test_a_region_by_its_id_has_the_name_that_the_quote_gives_it(region_id: Any) -> None:
    only = pack_of("region-allowed", allowed=["frankfurt-1"])
    named = {"hourly_total": "1.80", "currency": "USD", "source": "live", "regions": {"26": "frankfurt-1"}}
    containers = [gcore_container(region_id)]
    assert_allowed(only.preview(gcore_deployment(containers=containers, quote=named)))
    other = {**named, "regions": {"26": "luxembourg-1"}}
    verdict = only.preview(gcore_deployment(containers=containers, quote=other))
    assert_denied(verdict, "region-allowed", "luxembourg-1 is not among")
    for quote in ({**named, "regions": {"7": "frankfurt-1"}}, {**named, "regions": MISSING}, {}, unknown(), MISSING):
        told = quote if not isinstance(quote, dict) else {key: one for key, one in quote.items() if one is not MISSING}
        verdict = only.preview(gcore_deployment(containers=containers, quote=told))
        assert_denied(verdict, "region-allowed", "the region is not known")


@pytest.mark.parametrize(
    "containers",
    [
        MISSING,
        [],
        unknown(),
        "luxembourg-1",
        [unknown()],
        [{"region_id": "luxembourg-1"}],
        [gcore_container("luxembourg-1", 0, 0)],
        [gcore_container("luxembourg-1", 0, -1)],
        [gcore_container("luxembourg-1", 3, 2)],
        [gcore_container("luxembourg-1", -1, 1)],
        [gcore_container("luxembourg-1", 0, 1.5)],
        [gcore_container("luxembourg-1", 0, True)],
        [gcore_container("luxembourg-1", unknown(), 1)],
        [gcore_container("luxembourg-1"), gcore_container("luxembourg-2", 0, unknown())],
        [gcore_container("luxembourg-1", 0, 2), gcore_container("luxembourg-2", 0, -1)],
    ],
)
def test_no_number_of_replicas_is_guessed(containers: Any) -> None:
    deployment = gcore_deployment(quote=MISSING, containers=containers)
    assert_denied(pack_of("workers-max", most=10).preview(deployment), "workers-max")


def test_the_most_replicas_count_everywhere() -> None:
    many = gcore_deployment(containers=TWO_REGIONS)
    refused = pack_of("workers-max", most=4).preview(many)
    assert_denied(refused, "workers-max", "5 replicas; 4 are allowed per instance: 1 too many")
    assert_denied(refused, "workers-max", "9.00 USD/h for 5 replicas")
    assert_denied(pack_of("gpu-count-max", most=4).preview(many), "gpu-count-max", "5 GPUs")
    assert_denied(
        pack_of("instance-hourly-cap", per_hour=["8.99 USD"]).preview(many), "instance-hourly-cap", "9.00 USD"
    )
    assert_allowed(pack_of("instance-hourly-cap", per_hour=["9.00 USD"]).preview(many))


def test_each_region_has_to_scale_to_zero() -> None:
    required = pack_of("scale-to-zero-required", clouds=["gcore"])
    assert_allowed(required.preview(gcore_deployment()))
    assert_denied(required.preview(gcore_deployment(containers=TWO_REGIONS)), "scale-to-zero-required", "at least 1")


def test_a_change_in_place_is_judged_like_a_purchase() -> None:
    before = gcore_deployment()
    after = gcore_deployment(containers=[gcore_container("luxembourg-1", 0, 5)])
    budget = pack_of("stack-hourly-budget", held=(before,), per_hour=["8.00 USD"])
    assert_allowed(budget.preview(before))
    assert_denied(budget.preview(after), "stack-hourly-budget", "9.00 USD")
    assert_denied(budget.up(after), "stack-hourly-budget", "9.00 USD")
    less = pack_of("stack-hourly-budget", held=(after,), per_hour=["5.00 USD"])
    assert_denied(less.preview(gcore_deployment(description="x")), "stack-hourly-budget", "also if it changes in place")


def test_an_address_without_a_key_is_open_to_the_world() -> None:
    rule = pack_of("endpoint-has-key")
    assert rule.preview(gcore_deployment(), gcore_deployment(api_keys=[unknown()])).findings == ()
    for keys in ([], MISSING, None):
        assert_advised(rule.preview(gcore_deployment(api_keys=keys)), "endpoint-has-key", "asks for no key")
    for keys in (unknown(), "team-key", {"a": "b"}):
        assert_advised(rule.preview(gcore_deployment(api_keys=keys)), "endpoint-has-key", "is not allowed")


def test_a_list_of_properties_that_cannot_be_read_has_no_length() -> None:
    assert not isinstance(UnreadableProperties("is odd").length("api_keys"), Known)


def test_a_refusal_names_the_cheapest_flavors_that_are_allowed() -> None:
    verdict = pack_of("gpu-type-allowed", allowed=["L40S"]).preview(
        gcore_deployment(flavor_name="inference-16vcpu-232gib-1xh100-80gb")
    )
    assert_denied(verdict, "gpu-type-allowed", f"What could be taken: 1 x {FLAVOR} (1.80 USD/h)")


def test_only_what_costs_nothing_and_opens_nothing_may_be_ignored() -> None:
    kind = pytest.importorskip("pulumi_cortecs.gcore.kind")
    arguments, published = kind.INSTANCE.arguments, RESOURCE_TYPES[GCORE_DEPLOYMENT]
    assert published.arguments == {*arguments}
    assert not published.may_ignore & published.bought
    assert published.may_ignore <= {*arguments.updatable} - {*arguments.priced}


@pytest.mark.parametrize("name", ["ApiKey", "RegistryCredential", "Secret", "Endpoint"])
def test_the_other_resources_buy_nothing(name: str) -> None:
    assert RESOURCE_TYPES[f"pulumi-python:dynamic/gcore:{name}"].extract is None

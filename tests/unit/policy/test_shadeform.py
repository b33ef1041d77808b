"""The Purchases that Shadeform's resources make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.policy import Known, Missing, Purchase, Unknown
from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.property_reader import ProxiedProperties
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.testing import (
    MISSING,
    SHADEFORM_INSTANCE,
    SHADEFORM_VOLUME,
    PackTester,
    Resource,
    assert_advised,
    assert_allowed,
    assert_denied,
    cortecs_instance,
    sample_catalogue,
    secret,
    shadeform_instance,
    shadeform_volume,
    unknown,
)

HAS_KEY = next(rule for rule in PACKS["guard"] if rule.name == "endpoint-has-key")
TYPE_ALLOWED = next(rule for rule in PACKS["guard"] if rule.name == "gpu-type-allowed")
BUDGET = next(rule for rule in PACKS["guard"] if rule.name == "stack-hourly-budget")
PORT = [{"host_port": 80, "container_port": 8000}]


def purchase_of(resource: Resource) -> Purchase:
    extract = RESOURCE_TYPES[resource.resource_type].extract
    assert extract is not None
    properties = ProxiedProperties(resource.properties)
    return extract(resource.urn, resource.name, properties, PinnedPrices(sample_catalogue()))


def container(**docker: Any) -> Resource:
    launch = {"type": "docker", "docker_configuration": {"image": "vllm/vllm-openai:latest", **docker}}
    return shadeform_instance(launch_configuration=launch)


def test_a_machine_is_one_worker_of_its_type_in_its_region() -> None:
    purchase = purchase_of(shadeform_instance(ttl="8h", labels={"team": "search"}, adopt_id="i-1"))
    assert purchase.hardware_type_id == Known("hyperstack/montreal-canada-2/A6000")
    assert purchase.regions == Known(("montreal-canada-2",))
    assert purchase.hourly == Known(Money.of("0.50", "USD"))
    assert (purchase.workers_max, purchase.adopt_id) == (Known(1), Known("i-1"))
    assert not purchase.is_volume
    assert isinstance(purchase.model_id, Missing)


@pytest.mark.parametrize("row", sample_catalogue().hardware_types("shadeform"), ids=lambda row: row.hardware_type_id)
def test_every_machine_costs_exactly_the_vendors_cents(row: Any) -> None:
    cloud, region, machine = row.hardware_type_id.split("/")
    if machine == "volume":
        bought = shadeform_volume(cloud=cloud, region=region, size_in_gb=1)
    else:
        bought = shadeform_instance(cloud=cloud, region=region, shade_instance_type=machine)
    assert purchase_of(bought).hourly == Known(row.price_per_hour)


def test_a_volume_costs_by_the_gb_and_has_no_gpu() -> None:
    purchase = purchase_of(shadeform_volume(size_in_gb=250))
    assert purchase.hourly == Known(Money.of("0.025", "USD"))
    assert purchase.is_volume
    assert purchase.describe() == "250 GB of hyperstack/montreal-canada-2/volume"


@pytest.mark.parametrize("key", ["cloud", "region", "shade_instance_type"])
@pytest.mark.parametrize("value", [MISSING, None, "", unknown(), 7, ["A6000"], "a/b"])
def test_no_part_of_the_hardware_is_guessed(key: str, value: Any) -> None:
    verdict = PackTester([TYPE_ALLOWED], {"gpu-type-allowed": {"allowed": ["A6000"]}}).preview(
        shadeform_instance(**{key: value})
    )
    assert_denied(verdict, "gpu-type-allowed", key)


def test_no_machine_has_the_price_of_a_gb() -> None:
    purchase = purchase_of(shadeform_instance(shade_instance_type="volume"))
    assert not isinstance(purchase.hourly, Known)
    assert isinstance(purchase.hardware_type_id, Unknown)


KEYED: Mapping[str, Resource] = {
    "no container": shadeform_instance(),
    "a script": shadeform_instance(launch_configuration={"type": "script", "script_configuration": {"script": "x"}}),
    "another container": container(image="nginx"),
    "another port": container(image="nginx", port_mappings=[{"host_port": 80, "container_port": 80}]),
    "a key in its envs": container(envs={"VLLM_API_KEY": "k"}),
    "a secret key": container(envs=secret({"VLLM_API_KEY": secret("k")})),
    "a key in its args": container(args="--model Qwen/Qwen2-7B --api-key k"),
    "a key behind =": container(args="--api-key='a b' --model m"),
    "secret args": container(args=secret("--api_key k")),
}
OPEN: Mapping[str, Resource] = {
    "vLLM": container(),
    "vLLM by its args": container(image="python", args="python -m vllm.entrypoints.openai.api_server"),
    "the port of a model server": container(image="other", port_mappings=PORT),
    "an empty key": container(envs={"VLLM_API_KEY": ""}),
    "another variable": container(envs={"HF_TOKEN": "t"}),
    "an argument without its key": container(args="--model m --api-key"),
    "an empty argument": container(args="--api-key= --model m"),
    "an option that begins like it": container(args="--api-key-file f"),
    "an open quotation": container(args="--model 'm"),
}
UNCLEAR: Mapping[str, Resource] = {
    "an unknown image": container(image=unknown()),
    "an unknown container": shadeform_instance(launch_configuration=unknown()),
    "an unknown key": container(envs={"VLLM_API_KEY": unknown()}),
    "unknown args": container(args=unknown()),
    "unknown ports": container(image="other", port_mappings=unknown()),
    "an unknown port": container(image="other", port_mappings=[unknown()]),
    "ports that are an object": container(image="other", port_mappings={"container_port": 8000}),
    "a port that is a list": container(image="other", port_mappings=[["8000"]]),
    "a container that is a text": shadeform_instance(launch_configuration={"docker_configuration": "vllm"}),
}


@pytest.mark.parametrize("name", KEYED)
def test_a_model_with_a_key_or_none_at_all_is_fine(name: str) -> None:
    assert PackTester([HAS_KEY]).preview(KEYED[name]).findings == ()


@pytest.mark.parametrize("name", OPEN)
def test_a_model_that_is_open_to_the_world_is_reported(name: str) -> None:
    assert_advised(PackTester([HAS_KEY]).preview(OPEN[name]), "endpoint-has-key", "asks for no key")


@pytest.mark.parametrize("name", UNCLEAR)
def test_what_cannot_be_told_is_reported_too(name: str) -> None:
    assert_advised(PackTester([HAS_KEY]).preview(UNCLEAR[name]), "endpoint-has-key", "is not known")


def test_the_limits_can_insist_on_a_key() -> None:
    strict = PackTester([HAS_KEY], {"endpoint-has-key": {"enforcementLevel": "mandatory"}})
    assert_denied(strict.preview(container()), "endpoint-has-key", "asks for no key")


def test_no_finding_shows_a_key() -> None:
    shown = str(PackTester([HAS_KEY]).preview(container(args="--model sk-12345 'open", envs={"KEY": "sk-12345"})))
    assert "sk-12345" not in shown


def test_two_currencies_have_a_budget_each() -> None:
    limits = {"stack-hourly-budget": {"per_hour": ["1.20 EUR", "0.51 USD"]}}
    both = (cortecs_instance("a"), shadeform_instance("b"))
    assert_allowed(PackTester([BUDGET], limits).preview(*both, shadeform_volume("c")))
    assert_denied(
        PackTester([BUDGET], limits).preview(*both, shadeform_volume("c", size_in_gb=200)), BUDGET.name, "USD"
    )
    little = {"stack-hourly-budget": {"per_hour": ["1.19 EUR", "0.49 USD"]}}
    findings = PackTester([BUDGET], little).preview(*both).findings
    stands = "(stack-hourly-budget in the pack's limits, the file of --policy-pack-config)"
    assert [finding.text.partition(stands)[0] for finding in findings] == [
        f"2 instances of this stack, those in {amounts} "
        for amounts in (
            "EUR: 1.20 EUR/h; the budget of the stack is 1.19 EUR",
            "USD: 0.50 USD/h; the budget of the stack is 0.49 USD",
        )
    ]
    euros = {"stack-hourly-budget": {"per_hour": ["99.00 EUR"]}}
    assert_allowed(PackTester([BUDGET], euros).preview(both[0]))
    assert_denied(PackTester([BUDGET], euros).up(*both), BUDGET.name, "no limit is in USD, only 99.00 EUR")


def test_what_a_stack_holds_at_shadeform_counts() -> None:
    limits = {"stack-hourly-budget": {"per_hour": ["0.50 USD"]}}
    held = [shadeform_instance("old"), shadeform_volume("data", size_in_gb=5000)]
    assert_denied(PackTester([BUDGET], limits, held=held).preview(shadeform_instance("new")), BUDGET.name, "1.50 USD")


def test_an_unchanged_machine_with_nested_secrets_is_not_counted_twice() -> None:
    launch = {"type": "docker", "docker_configuration": {"image": "i", "envs": {"TOKEN": "t"}}}
    hidden = {"type": "docker", "docker_configuration": {"image": "i", "envs": {"TOKEN": secret("t")}}}
    limits = {"stack-hourly-budget": {"per_hour": ["0.50 USD"]}}
    held = [shadeform_instance(launch_configuration=launch), shadeform_instance("waits"), shadeform_instance("too")]
    tester = PackTester([BUDGET], limits, held=held)
    assert_allowed(tester.preview(shadeform_instance(launch_configuration=hidden)))


def test_a_refusal_names_the_cheapest_allowed_machines() -> None:
    limits = {"gpu-type-allowed": {"allowed": ["A6000"]}}
    verdict = PackTester([TYPE_ALLOWED], limits).preview(shadeform_instance(shade_instance_type="L40"))
    assert_denied(verdict, "gpu-type-allowed", "What could be taken: 1 x hyperstack/montreal-canada-2/A6000 (0.50 USD")
    none = PackTester([TYPE_ALLOWED], {"gpu-type-allowed": {"allowed": ["B300"]}}).preview(shadeform_instance())
    assert_denied(none, "gpu-type-allowed", "0.50 USD/h for 1 machine, by", "No hardware of shadeform is allowed.")


def test_alternatives_are_in_regions_that_are_allowed() -> None:
    rules = [rule for rule in PACKS["guard"] if rule.name in ("region-allowed", "gpu-type-allowed")]
    limits = {"gpu-type-allowed": {"allowed": ["A6000"]}, "region-allowed": {"allowed": ["*-usa-*"]}}
    verdict = PackTester(rules, limits).preview(shadeform_instance())
    assert_denied(verdict, "region-allowed", "What could be taken: 1 x massedcompute/")
    assert "hyperstack" not in str(verdict).partition("What could be taken: ")[2]


def test_a_volume_is_named_with_its_size_and_price() -> None:
    rules = [rule for rule in PACKS["guard"] if rule.name == "hardware-allowed"]
    verdict = PackTester(rules, {"hardware-allowed": {"allowed": {"shadeform": []}}}).preview(shadeform_volume())
    assert_denied(verdict, "hardware-allowed", "0.01 USD/h for 100 GB")


def test_a_key_buys_nothing() -> None:
    assert RESOURCE_TYPES["pulumi-python:dynamic/shadeform:SshKey"].extract is None
    assert {SHADEFORM_INSTANCE, SHADEFORM_VOLUME} <= RESOURCE_TYPES.keys()


def test_only_what_changes_in_place_may_be_ignored() -> None:
    kind = pytest.importorskip("pulumi_cortecs.shadeform.kind")
    arguments = kind.INSTANCE.arguments
    assert RESOURCE_TYPES[SHADEFORM_INSTANCE].may_ignore == {*arguments.updatable}
    assert RESOURCE_TYPES[SHADEFORM_INSTANCE].bought == {*arguments} - {*arguments.updatable}

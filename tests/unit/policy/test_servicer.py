"""The defences of a pack: against the program that it judges, and against a rule that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, cast

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from pulumi_cortecs.policy import Purchase, Rule, RuleContext
from pulumi_cortecs.policy.cortecs import RESOURCES
from pulumi_cortecs.policy.held import Holdings
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.registry import PACKS, rules_of
from pulumi_cortecs.policy.servicer import PackServicer
from pulumi_cortecs.policy.testing import (
    ENDPOINT,
    INSTANCE,
    ConfigurationRefusedError,
    Context,
    PackTester,
    assert_allowed,
    assert_denied,
    configuration,
    cortecs_instance,
    resource,
    sample_catalogue,
)
from pulumi_cortecs.policy.wire import PackInfo
from tests.unit.policy.test_limits import DEMO

CONTEXT = cast("grpc.ServicerContext", Context())
URN = "urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat"
AUTHENTIC = min(RESOURCES[0].providers)


@pytest.fixture
def pack() -> PackServicer:
    """The pack guard in an `up`, with the limits of the demo."""
    return PackTester("guard", DEMO).servicer(previews=False)


def request(properties: dict[str, Any], urn: str = URN) -> analyzer_pb2.AnalyzeRequest:
    struct = struct_pb2.Struct()
    struct.update(properties)
    return analyzer_pb2.AnalyzeRequest(type=INSTANCE, urn=urn, name="chat", properties=struct)


def shows(pack: PackServicer, provider: Any, urn: str = URN) -> None:
    properties = {**cortecs_instance().properties, "__provider": provider}
    assert not pack.Remediate(request(properties, urn), CONTEXT).remediations


def refused_rules(pack: PackServicer, urn: str = URN, **changed: Any) -> set[str]:
    """The rules that refuse the usual instance, changed like this."""
    answer = pack.Analyze(request(dict(cortecs_instance(**changed).properties), urn), CONTEXT)
    return {
        diagnostic.policyName
        for diagnostic in answer.diagnostics
        if diagnostic.enforcementLevel == analyzer_pb2.MANDATORY
    }


def test_a_second_configuration_is_refused_and_changes_nothing(pack: PackServicer) -> None:
    loose = configuration(PACKS["guard"], {**DEMO, "workers-max": {"most": 8}, "gpu-count-max": {"most": 99}})
    with pytest.raises(ConfigurationRefusedError, match="has its limits already"):
        pack.Configure(loose, CONTEXT)
    shows(pack, AUTHENTIC)
    assert "workers-max" in refused_rules(pack, num_workers=8)


def test_a_pack_process_says_its_rules_once() -> None:
    bench = PackTester("guard", DEMO)
    pack = bench.servicer()
    with pytest.raises(ConfigurationRefusedError):
        pack.Configure(configuration(PACKS["guard"], DEMO), CONTEXT)
    for name in ("chat", "other"):
        pack.Analyze(request(dict(cortecs_instance().properties), f"{URN}{name}"), CONTEXT)
    (logged,) = bench.logged
    assert logged.startswith("bench judges by:")


def test_nobody_can_tell_a_pack_that_this_is_only_a_preview(pack: PackServicer) -> None:
    with pytest.raises(ConfigurationRefusedError, match="knows its stack already"):
        pack.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(dry_run=True), CONTEXT)
    shows(pack, AUTHENTIC)
    assert "stack-hourly-budget" in refused_rules(pack, num_workers=8, hardware_type_id="NVIDIA_L40S_1")


def test_as_long_as_nobody_has_configured_it_a_pack_refuses_everything() -> None:
    pack = unconfigured()
    shows(pack, AUTHENTIC)
    assert refused_rules(pack) == {"hardware-allowed"}


def test_limits_that_are_refused_leave_a_pack_that_refuses() -> None:
    pack = unconfigured()
    with pytest.raises(ConfigurationRefusedError, match="unknown rule"):
        pack.Configure(configuration(PACKS["guard"], {"no-such-rule": {}}), CONTEXT)
    shows(pack, AUTHENTIC)
    assert refused_rules(pack) == {"hardware-allowed"}


def test_a_number_that_is_none_in_the_limits_is_refused() -> None:
    limits = configuration(PACKS["guard"], DEMO)
    limits.policyConfig["workers-max"].properties.fields["most"].number_value = float("nan")
    with pytest.raises(ConfigurationRefusedError):
        unconfigured().Configure(limits, CONTEXT)


def test_the_authentic_provider_passes_in_both_protocols_of_pickle(pack: PackServicer) -> None:
    for number, provider in enumerate(RESOURCES[0].providers):
        shows(pack, provider, f"{URN}{number}")
        assert refused_rules(pack, f"{URN}{number}") == set()


def test_a_provider_that_nobody_has_shown_is_not_authentic(pack: PackServicer) -> None:
    assert refused_rules(pack) == {"provider-authentic"}


@pytest.mark.parametrize("order", [["foreign", AUTHENTIC], [AUTHENTIC, "foreign"]])
def test_a_pack_is_not_talked_out_of_what_it_has_seen(pack: PackServicer, order: list[str]) -> None:
    for provider in order:
        shows(pack, provider)
    assert refused_rules(pack) == {"provider-authentic"}


def test_an_endpoint_is_served_by_its_own_provider_and_no_other() -> None:
    instance, endpoint = RESOURCES
    bench = PackTester("guard", DEMO)
    assert_allowed(bench.preview(resource(ENDPOINT, provider=min(endpoint.providers), state="running")))
    borrowed = bench.preview(resource(ENDPOINT, provider=min(instance.providers), state="running"))
    assert_denied(borrowed, "provider-authentic", "Endpoint is served by a foreign class")


def test_the_running_sum_is_not_talked_down(pack: PackServicer) -> None:
    # 2 x 2.10 EUR twice: within 10 EUR/h; the third is too much, whatever was said of the first two since
    shows(pack, AUTHENTIC)
    for name in ("a", "b"):
        shows(pack, AUTHENTIC, URN + name)
        assert "stack-hourly-budget" not in refused_rules(
            pack, URN + name, hardware_type_id="NVIDIA_L40S_1", num_workers=2
        )
        assert "stack-hourly-budget" not in refused_rules(pack, URN + name)
    assert "stack-hourly-budget" in refused_rules(pack, hardware_type_id="NVIDIA_L40S_1", num_workers=2)


def test_one_resource_counts_once_in_the_running_sum(pack: PackServicer) -> None:
    shows(pack, AUTHENTIC)
    for _ in range(20):
        assert refused_rules(pack) == set()


def test_what_target_leaves_alone_is_left_alone(pack: PackServicer) -> None:
    empty = request({})
    pack.Remediate(empty, CONTEXT)
    assert not pack.Analyze(empty, CONTEXT).diagnostics


def test_what_was_shown_empty_once_is_judged_when_it_is_not(pack: PackServicer) -> None:
    pack.Remediate(request({}), CONTEXT)
    assert refused_rules(pack) == {"provider-authentic"}
    assert "provider-authentic" in {
        diagnostic.policyName for diagnostic in pack.Analyze(request({"model_id": "x"}), CONTEXT).diagnostics
    }


def test_what_was_shown_once_is_not_taken_for_empty(pack: PackServicer) -> None:
    shows(pack, "foreign")
    pack.Remediate(request({}), CONTEXT)
    assert "provider-authentic" in {
        diagnostic.policyName for diagnostic in pack.Analyze(request({}), CONTEXT).diagnostics
    }


def made(**changed: Any) -> analyzer_pb2.AnalyzeStackRequest:
    """A stack with the usual instance, changed like this."""
    stack = analyzer_pb2.AnalyzeStackRequest()
    stack.resources.add(type=INSTANCE, urn=URN, name="chat").properties.update(
        dict(cortecs_instance(**changed).properties)
    )
    return stack


def found_in(pack: PackServicer, stack: analyzer_pb2.AnalyzeStackRequest) -> set[tuple[str, str]]:
    return {(diagnostic.policyName, diagnostic.urn) for diagnostic in pack.AnalyzeStack(stack, CONTEXT).diagnostics}


def test_the_stack_pass_judges_what_a_replacement_really_makes() -> None:
    pack = PackTester("guard", DEMO).servicer()
    shows(pack, AUTHENTIC)
    assert refused_rules(pack) == set()
    assert {("workers-max", URN), ("stack-monthly-budget", "")} <= found_in(pack, made(num_workers=8))


def test_the_stack_pass_does_not_repeat_what_was_said() -> None:
    pack = PackTester("guard", DEMO).servicer()
    shows(pack, AUTHENTIC)
    assert "workers-max" in refused_rules(pack, num_workers=8)
    assert {urn for _, urn in found_in(pack, made(num_workers=8))} == {""}


@pytest.mark.parametrize("order", [[1, 8], [8, 1]])
def test_a_program_that_calls_the_pack_does_not_silence_the_stack_pass(order: list[int]) -> None:
    pack = PackTester("guard", DEMO).servicer()
    shows(pack, AUTHENTIC)
    for workers in order:
        refused_rules(pack, num_workers=workers)
    assert ("workers-max", URN) in found_in(pack, made(num_workers=8))


def test_one_unknown_price_hides_no_other_and_stops_the_sum() -> None:
    dear = cortecs_instance("dear", num_workers=2, hardware_type_id="NVIDIA_L40S_1")
    verdict = PackTester("guard", DEMO).preview(cortecs_instance("odd", num_workers=1.5), dear)
    assert_denied(verdict, "workers-max", "1.5, not a whole number")
    assert_denied(verdict, "stack-hourly-budget", "1 of 2 instances of this stack cannot be summed")


def test_many_small_ones_are_stopped_in_a_preview_and_on_the_way_in_an_up() -> None:
    many = [cortecs_instance(f"n{number}") for number in range(9)]  # 10.80 EUR/h
    bench = PackTester("guard", {**DEMO, "stack-monthly-budget": {"per_month": ["9999.00 EUR"]}})
    preview, up = bench.preview(*many), bench.up(*many)
    assert_denied(preview, "stack-hourly-budget", "9 instances of this stack: 10.80 EUR/h")
    assert_denied(up, "stack-hourly-budget", "9 instances of this stack so far: 10.80 EUR/h")
    assert [finding.urn for finding in up.findings] == [many[8].urn]


def test_properties_that_cannot_be_read_at_all_are_known_to_no_rule(pack: PackServicer) -> None:
    shows(pack, AUTHENTIC)
    odd = {"model_id": {"4dabf18193072939515e22adb298388d": "no such signature"}}
    assert {"hardware-allowed", "billing-interval", "stack-hourly-budget"} <= refused_rules(pack, **odd)


def test_a_rule_that_breaks_stops_the_purchase_and_no_other_rule() -> None:
    def broken(unit: Purchase, settings: object, context: RuleContext) -> Iterator[str]:
        yield "this much it could tell."
        raise ZeroDivisionError("oh")

    rule = Rule(name="our-own", description="x", check=broken, remediation="x")
    bench = PackTester(rules_of("guard", [rule]), DEMO)
    verdict = bench.preview(cortecs_instance(num_workers=8))
    assert_denied(verdict, "our-own", "this much it could tell.")
    assert_denied(verdict, "our-own", "this rule failed: ZeroDivisionError: oh")
    assert_denied(verdict, "workers-max")


def test_the_engine_is_told_every_rule_with_its_schema() -> None:
    info = PackTester("guard", DEMO).servicer().GetAnalyzerInfo(cast("Any", None), CONTEXT)
    by_name = {policy.name: policy for policy in info.policies}
    assert set(by_name) == {rule.name for rule in PACKS["guard"]}
    assert info.supportsConfig
    cap = by_name["instance-hourly-cap"]
    assert set(cap.configSchema.properties.fields) == {"per_hour", "not_limited", "unknown_in_preview"}
    assert not list(cap.configSchema.required)
    assert cap.enforcementLevel == analyzer_pb2.MANDATORY
    assert by_name["quote-matches-catalogue"].enforcementLevel == analyzer_pb2.ADVISORY
    assert by_name["stack-hourly-budget"].policy_type == analyzer_pb2.POLICY_TYPE_STACK


def unconfigured() -> PackServicer:
    """The pack guard as it starts."""
    prices, now = PinnedPrices(sample_catalogue()), datetime.now(timezone.utc)
    pack = PackInfo("guard", "0", "x")
    return PackServicer(
        pack, PACKS["guard"], lambda _: prices, lambda: now, lambda short, full: None, lambda *_: Holdings()
    )

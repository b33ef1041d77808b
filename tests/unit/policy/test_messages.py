"""The texts of refusals, word for word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_cortecs.policy.pinned import SHIPPED, load_pinned
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.testing import (
    MISSING,
    PackTester,
    assert_denied,
    cortecs_instance,
    gcore_container,
    gcore_deployment,
    sample_catalogue,
    unknown,
)
from tests.unit.policy.test_limits import DEMO, POLICIES

GCORE = json.loads((POLICIES / "guard" / "limits" / "demo-gcore.json").read_text())
FRANKFURT = [gcore_container("frankfurt-1")]
LLAMA = "neuralmagic--Meta-Llama-3.1-8B-Instruct-FP8"
DAY = f"{sample_catalogue().as_of:%Y-%m-%d}"


def shown(limits: dict[str, Any], **changed: Any) -> list[str]:
    return str(PackTester("guard", limits).preview(cortecs_instance(**changed))).splitlines()


def test_eight_workers_on_h100() -> None:
    assert shown(DEMO, model_id=LLAMA, hardware_type_id="NVIDIA_H100_1", num_workers=8) == [
        "[mandatory] hardware-allowed: NVIDIA_H100_1 is not among the hardware that is allowed on cortecs: "
        "NVIDIA_L4_1, NVIDIA_L4_2, NVIDIA_L40S_1.",
        f"What it would cost: 36.00 EUR/h for 8 workers, by the catalogue of {DAY}.",
        "[mandatory] gpu-type-allowed: NVIDIA_H100_1 has NVIDIA H100 GPUs; allowed are NVIDIA L4, NVIDIA L40S.",
        "[mandatory] gpu-count-max: 8 x NVIDIA_H100_1 are 8 GPUs; 4 are allowed per instance: 4 too many.",
        "[mandatory] vram-range: NVIDIA_H100_1 has 80 GB; at most 48 GB are allowed: 32 GB too many.",
        f"[mandatory] model-allowed: {LLAMA.replace('--', '/')} is not among the models that are allowed: Qwen/*.",
        "[mandatory] workers-max: 8 workers; 2 are allowed per instance: 6 too many.",
        "[mandatory] instance-hourly-cap: 8 x NVIDIA_H100_1 cost 36.00 EUR/h; the limit is 5.00 EUR: "
        "31.00 EUR too much.",
        "[mandatory] price-per-gpu-cap: a GPU of NVIDIA_H100_1 costs 4.50 EUR/h; the limit is 2.50 EUR: "
        "2.00 EUR too much.",
        "[mandatory] stack-hourly-budget: 1 instance of this stack: 36.00 EUR/h; the budget of the stack is 10.00 EUR "
        "(stack-hourly-budget in the pack's limits, the file of --policy-pack-config): 26.00 EUR too much.",
        "[mandatory] stack-monthly-budget: 1 instance of this stack: 26280.00 EUR/month; the budget of the stack is "
        "5000.00 EUR (stack-monthly-budget in the pack's limits, the file of --policy-pack-config): 21280.00 EUR too "
        "much.",
    ]


def test_only_the_gravest_refusal_names_the_way_out_for_most_workers() -> None:
    lines = shown(
        {**DEMO, "instance-hourly-cap": {"per_hour": ["3.00 EUR"]}}, hardware_type_id="NVIDIA_L40S_1", num_workers=2
    )
    assert lines[0].startswith("[mandatory] instance-hourly-cap: 2 x NVIDIA_L40S_1 cost 4.20 EUR/h")
    assert lines[1:3] == [
        f"What it would cost: 4.20 EUR/h for 2 workers, by the catalogue of {DAY}.",
        "What could be taken for Qwen/Qwen2-7B-Instruct: 2 x NVIDIA_L4_1 (2.40 EUR/h), "
        "1 x NVIDIA_L40S_1 (2.10 EUR/h), 1 x NVIDIA_L4_2 (2.40 EUR/h).",
    ]


@pytest.mark.parametrize("command", ["preview", "up"])
@pytest.mark.parametrize(
    ("budget", "way_out"),
    [
        ("4.80 EUR", "What could be taken for Qwen/Qwen2-7B-Instruct: 3 x NVIDIA_L4_1 (3.60 EUR/h)"),
        ("3.00 EUR", "What could be taken for Qwen/Qwen2-7B-Instruct: 1 x NVIDIA_L4_1 (1.20 EUR/h)."),
        ("1.20 EUR", "No hardware that Qwen/Qwen2-7B-Instruct runs on is allowed."),
    ],
)
def test_what_could_be_taken_fits_into_the_budget_beside_the_others(command: str, budget: str, way_out: str) -> None:
    limits = {
        **DEMO,
        "hardware-allowed": {"allowed": {"cortecs": ["NVIDIA_L4_1"]}},
        "workers-max": {"most": 3},
        "stack-hourly-budget": {"per_hour": [budget]},
    }
    first, second = (
        cortecs_instance("first"),
        cortecs_instance("second", hardware_type_id="NVIDIA_L40S_1", num_workers=3),
    )
    verdict = getattr(PackTester("guard", limits), command)(first, second)
    assert_denied(verdict, "hardware-allowed", way_out)


def test_where_another_rule_refuses_any_hardware_none_is_named() -> None:
    lines = shown(DEMO, model_id=LLAMA, hardware_type_id="NVIDIA_H100_1")
    assert "is not among the models that are allowed" in str(lines)
    assert "What could be taken" not in str(lines)


def test_where_nothing_could_be_taken_it_says_so() -> None:
    nothing = {**DEMO, "hardware-allowed": {"allowed": {"cortecs": ["NVIDIA_H100_2"]}}}
    assert "No hardware that Qwen/Qwen2-7B-Instruct runs on is allowed." in shown(nothing)


def test_what_cannot_be_known_is_not_guessed() -> None:
    lines = shown(DEMO, num_workers=1.5)
    assert "cost:" not in str(lines)
    assert "could be taken" not in str(lines)


@pytest.mark.parametrize("interval", [MISSING, unknown(), "per_week"])
def test_a_pack_without_prices_refuses_unpriced_hardware_like_any_other(interval: object) -> None:
    limits = {rule.name: DEMO[rule.name] for rule in PACKS["hardware"] if rule.name in DEMO}
    priceless = cortecs_instance(hardware_type_id="NVIDIA_H100_1", billing_interval=interval)
    verdict = PackTester("hardware", limits).preview(priceless)
    assert_denied(verdict, "hardware-allowed", "1 x NVIDIA_L4_1, 1 x NVIDIA_L40S_1")


def test_a_refusal_that_no_hardware_could_change_names_none() -> None:
    assert shown({**DEMO, "billing-interval": {"allowed": ["per_hour"]}}) == [
        "[mandatory] billing-interval: it is billed per_minute; allowed is per_hour."
    ]


def test_what_the_provider_refused_is_one_line_beside_what_can_be_judged() -> None:
    as_written = {"model_id": "Qwen/Qwen2-7B-Instruct", "billing_interval": MISSING, "quote": MISSING}
    assert shown(DEMO, hardware_type_id="NVIDIA_H100_9", **as_written) == [
        "[mandatory] hardware-allowed: NVIDIA_H100_9 is not among the hardware that is allowed on cortecs: "
        "NVIDIA_L4_1, NVIDIA_L4_2, NVIDIA_L40S_1.",
        "[mandatory] gpu-type-allowed: the provider has filled in no quote, and maybe no defaults; if it refused this "
        "resource, Diagnostics has the reason. In detail: the hardware 'NVIDIA_H100_9' is not in the catalogue of "
        f"{DAY}; quote is not given; billing_interval is not given; what cannot be judged is not allowed. These "
        "rules could not "
        "be judged: gpu-type-allowed, gpu-count-max, vram-range, instance-hourly-cap, price-per-gpu-cap, "
        "quote-matches-catalogue, billing-interval.",
        "[mandatory] model-fits-hardware: Qwen/Qwen2-7B-Instruct does not run on NVIDIA_H100_9; it runs on "
        "NVIDIA_L4_1, NVIDIA_L40S_1, NVIDIA_L4_2.",
        "[mandatory] stack-hourly-budget: 1 of 1 instance of this stack cannot be summed: the price is not known: the "
        f"hardware 'NVIDIA_H100_9' is not in the catalogue of {DAY}; what cannot be judged is not allowed. These "
        "rules could not be judged: stack-hourly-budget, stack-monthly-budget.",
    ]


def test_one_cause_is_one_finding_that_names_its_rules() -> None:
    digest = load_pinned(SHIPPED, "simulator.lock.yaml", sha256="0" * 64)
    verdict = PackTester("guard", DEMO, catalogue=digest).preview(cortecs_instance())
    assert [finding.rule for finding in verdict.findings] == ["catalogue-digest", "stack-hourly-budget"]
    assert_denied(verdict, "catalogue-digest", "the limits require 0000", "`pulumi-cortecs catalogue pull --update-")
    for rule in ("hardware-allowed", "price-per-gpu-cap", "model-fits-hardware"):
        assert_denied(verdict, rule, "These rules could not be judged: catalogue-digest, hardware-allowed, ")


def test_a_refused_region_or_currency_is_no_refusal_of_all_hardware() -> None:
    nowhere = PackTester("guard", GCORE).preview(gcore_deployment(containers=FRANKFURT, ttl="8h"))
    assert_denied(nowhere, "region-allowed", "frankfurt-1 is not among")
    flavor = next(
        row.hardware_type_id
        for row in sample_catalogue().hardware_types("gcore")
        if row.hardware_type_id not in GCORE["hardware-allowed"]["allowed"]["gcore"]
    )
    both = PackTester("guard", GCORE).preview(gcore_deployment(flavor_name=flavor, containers=FRANKFURT, ttl="8h"))
    assert_denied(both, "hardware-allowed", "is not among the hardware")
    other = {"instance-hourly-cap": {"per_hour": ["6.00 EUR"]}}
    dear = PackTester("guard", {**GCORE, **other}).preview(gcore_deployment(ttl="8h"))
    assert_denied(dear, "instance-hourly-cap", "no limit is in USD")
    assert "No hardware" not in f"{nowhere}{both}{dear}"


def test_a_misspelt_name_in_the_limits_is_said_to_whom_it_refuses() -> None:
    limits = {**DEMO, "hardware-allowed": {"allowed": {"cortecs": ["NVIDIA_L41"]}}}
    verdict = PackTester("guard", limits).preview(cortecs_instance())
    assert_denied(verdict, "hardware-allowed", "none of what is allowed: NVIDIA_L41 (did you mean NVIDIA_L4_1?); ")
    assert "did you mean" not in str(shown(DEMO, hardware_type_id="NVIDIA_H100_1"))


def test_a_budget_says_how_many_fit_and_one_is_singular() -> None:
    limits = {**DEMO, "stack-hourly-budget": {"per_hour": ["3.00 EUR"]}, "workers-max": {"most": 1}}
    verdict = PackTester("guard", limits).preview(*(cortecs_instance(name) for name in ("a", "b", "c")))
    assert_denied(verdict, "stack-hourly-budget", "0.60 EUR too much. The 2 cheapest of them fit.")
    alone = PackTester("guard", {**limits, "stack-hourly-budget": {"per_hour": ["1.00 EUR"]}})
    assert_denied(alone.preview(cortecs_instance()), "stack-hourly-budget", "0.20 EUR too much.")
    assert "fit" not in str(alone.preview(cortecs_instance()))
    assert_denied(alone.preview(cortecs_instance(num_workers=2)), "workers-max", "; 1 is allowed per instance: 1 too")


def test_a_pack_without_limits_names_both_places_where_some_are() -> None:
    assert_denied(
        PackTester("guard").preview(cortecs_instance()), "hardware-allowed", "`limits.json`, or a folder `limits`"
    )

"""A limits file, read strictly: whatever it gets wrong, nothing is bought."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.policy import Level, Rule
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.testing import (
    ConfigurationRefusedError,
    PackTester,
    assert_advised,
    assert_allowed,
    assert_denied,
    cortecs_instance,
    unknown,
)

POLICIES = Path(__file__).parents[3] / "policies"
DEMO: dict[str, Any] = json.loads((POLICIES / "guard" / "limits" / "demo.json").read_text())
STAGES = ("dev", "staging", "prod", "demo", "demo-shadeform", "demo-gcore", "demo-all")


def refusal(limits: dict[str, Any], pack: str = "guard") -> str:
    with pytest.raises(ConfigurationRefusedError) as refused:
        PackTester(pack, limits).preview()
    return str(refused.value)


def granted(**changed: Any) -> dict[str, Any]:
    """The demo's limits with one exemption."""
    exemption = {
        "resource": "urn:pulumi:test::tests::*::chat",
        "rule": "instance-hourly-cap",
        "reason": "a load test",
        "owner": "finance",
        "until": "2030-01-31",
        "up_to": "20.00 EUR",
        **changed,
    }
    return {**DEMO, "exemptions-valid": {"exemptions": [exemption]}}


@pytest.mark.parametrize("pack", PACKS)
def test_without_limits_a_pack_refuses_everything_and_says_why_once(pack: str) -> None:
    verdict = PackTester(pack).preview(cortecs_instance())
    first = "instance-hourly-cap" if pack == "cost" else "hardware-allowed"
    assert_denied(verdict, first, "given no limits", "--policy-pack-config")
    assert len(verdict.findings) == 1
    assert PackTester(pack).up(cortecs_instance()).denied


def test_a_rule_that_the_limits_pass_over_in_silence_refuses_everything() -> None:
    for rule in PACKS["guard"]:
        if not rule.needs_limits:
            continue
        silent = {name: config for name, config in DEMO.items() if name != rule.name}
        verdict = PackTester("guard", silent).preview(cortecs_instance())
        assert verdict.of(rule.name, rule.level), rule.name
        assert verdict.of(rule.name, rule.level)[0].startswith(f"the limits say nothing about {rule.name}, and ")


def test_what_limits_lack_is_said_once_per_stack() -> None:
    tester = PackTester("guard", {"workers-max": {"most": 2}})
    chat, search = cortecs_instance("chat"), cortecs_instance("search")
    lacking = [rule.name for rule in PACKS["guard"] if rule.needs_limits and rule.name != "workers-max"]
    mandatory, advisory = (
        [name for name in lacking if rule_of(name).level is level] for level in (Level.MANDATORY, Level.ADVISORY)
    )
    finding, advice = tester.preview(chat, search).findings
    for shown, names in ((finding, mandatory), (advice, advisory)):
        listed = shown.text.removeprefix("the limits say nothing about ").partition(", and ")[0]
        assert sorted(listed.split(", ")) == sorted(names)
        assert all(f"{name} takes " in shown.text for name in names)
    assert (finding.rule, finding.level, finding.urn) == (mandatory[0], Level.MANDATORY, chat.urn)


@pytest.mark.parametrize("limits", [{}, {"workers-max": {"most": 2}}])
def test_an_up_refuses_each_purchase_for_what_limits_lack(limits: dict[str, Any]) -> None:
    shown = PackTester("guard", limits).up(cortecs_instance("chat"), cortecs_instance("search")).findings
    first, second = (finding for finding in shown if finding.level is Level.MANDATORY)
    assert first.urn != second.urn
    assert second.text == "nothing is bought without the limits that are missing, as said of the first resource."


def rule_of(name: str) -> Rule:
    (rule,) = (rule for rule in PACKS["guard"] if rule.name == name)
    return rule


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("pack", PACKS)
def test_the_limits_that_come_along_are_complete(pack: str, stage: str) -> None:
    limits = json.loads((POLICIES / pack / "limits" / f"{stage}.json").read_text())
    PackTester(pack, limits).preview()
    assert {rule.name for rule in PACKS[pack] if rule.needs_limits} <= set(limits)


@pytest.mark.parametrize("stage", STAGES)
def test_guard_has_the_limits_of_both_packs(stage: str) -> None:
    hardware, cost, guard = (
        json.loads((POLICIES / pack / "limits" / f"{stage}.json").read_text()) for pack in ("hardware", "cost", "guard")
    )
    assert {**hardware, **cost} == guard


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"hardware-alowed": {}}, "hardware-alowed: unknown rule; did you mean hardware-allowed?"),
        ({"hardware-allowed": {"alowed": {}}}, "alowed: unknown key; did you mean allowed?"),
        ({"hardware-allowed": {"allowed": ["NVIDIA_L4_1"]}}, "must be an object with a list of ids per cloud"),
        ({"hardware-allowed": {"allowed": {}}}, "must be an object with a list of ids per cloud"),
        ({"workers-max": {"most": 2.5}}, "most: got 2.5; must be a whole number, 0 or more"),
        ({"workers-max": {"most": "2"}}, "most: got '2'; must be a whole number, 0 or more"),
        ({"instance-hourly-cap": {"per_hour": ["5"]}}, "must be an amount with its currency"),
        ({"vram-range": {"at_least_gb": None}}, "at_least_gb"),
        ({"catalogue-fresh": {"warn_after": "9d", "block_after": "8d"}}, "warn_after must not be longer"),
        ({"provider-authentic": {"not_limited": "no"}}, "it guards the other rules"),
        ({"provider-authentic": {"unknown_in_preview": "advisory"}}, "rules that guard the others do not take it"),
        ({"workers-max": {"not_limited": ""}}, "not_limited must be the reason"),
        ({"workers-max": {"not_limited": True}}, "not_limited must be the reason"),
        ({"workers-max": {"not_limited": "x", "most": 8}}, "it cannot be both"),
        ({"workers-max": {"unknown_in_preview": "ignore", "most": 8}}, "must be 'advisory'"),
        ({"all": {"most": 8}}, "all: takes a level, and no settings"),
    ],
)
def test_what_cannot_be_meant_is_refused(limits: dict[str, Any], says: str) -> None:
    assert says in refusal({**DEMO, **limits})


@pytest.mark.parametrize("level", ["disabled", "advisory", "remediate"])
def test_no_mandatory_rule_can_be_weakened(level: str) -> None:
    assert refusal({**DEMO, "all": level}).count(f"the level must be mandatory, not {level}") >= 1
    for rule in PACKS["guard"]:
        if rule.level.value == "mandatory":
            settings = DEMO.get(rule.name, {})
            assert f"the level must be mandatory, not {level}" in refusal(
                {**DEMO, rule.name: {**settings, "enforcementLevel": level}}
            )


def test_an_advisory_rule_can_be_made_mandatory() -> None:
    dear = {
        "hourly_total": "9.00",
        "price_per_hour": "9.00",
        "price_per_minute": "0.15",
        "currency": "EUR",
        "source": "live",
    }
    settings = {**DEMO["quote-matches-catalogue"], "enforcementLevel": "mandatory"}
    assert_advised(
        PackTester("guard", DEMO).preview(cortecs_instance(quote=dear)), "quote-matches-catalogue", "9.00 EUR"
    )
    stricter = PackTester("guard", {**DEMO, "quote-matches-catalogue": settings})
    assert_denied(stricter.preview(cortecs_instance(quote=dear)), "quote-matches-catalogue", "9.00 EUR")
    assert_allowed(PackTester("guard", {**DEMO, "all": "mandatory"}).preview(cortecs_instance()))


def test_all_problems_are_named_at_once() -> None:
    text = refusal({**DEMO, "workers-max": {"most": -1}, "no-such-rule": {}, "gpu-count-max": {}})
    assert "workers-max: most: got -1; must be" in text
    assert "no-such-rule: unknown rule" in text


def test_a_rule_can_be_left_out_with_a_reason_that_is_logged() -> None:
    bench = PackTester("guard", {**DEMO, "workers-max": {"not_limited": "for the load test"}})
    assert not bench.preview(cortecs_instance(num_workers=4)).of("workers-max", PACKS["guard"][0].level)
    (in_force,) = bench.logged
    assert "  workers-max: not limited, for the load test" in in_force.splitlines()
    assert '  gpu-count-max: mandatory {"most": 4}' in in_force.splitlines()


def test_a_preview_may_leave_to_up_what_only_up_can_know() -> None:
    later = {
        name: {**config, "unknown_in_preview": "advisory"}
        for name, config in DEMO.items()
        if "not_limited" not in config
    }
    later["catalogue-digest"] = DEMO["catalogue-digest"]
    later["model-fits-hardware"] = {"unknown_in_preview": "advisory"}
    bench = PackTester("guard", {**DEMO, **later})
    unsettled = cortecs_instance(hardware_type_id=unknown())
    assert_advised(bench.preview(unsettled), "hardware-allowed", "`pulumi up` will judge it")
    assert_allowed(bench.preview(unsettled))
    assert_denied(bench.up(unsettled), "hardware-allowed", "an unknown value is not allowed")
    # what makes no sense is not a thing that up will know better
    assert_denied(bench.preview(cortecs_instance(num_workers=1.5)), "workers-max", "1.5, not a whole number")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"resource": "*"}, "must be a URN"),
        ({"resource": "urn:pulumi:*::tests::*::chat"}, "must be the URN of one stack, project and resource"),
        ({"resource": "urn:pulumi:test::*::*::chat"}, "must be the URN of one stack, project and resource"),
        ({"resource": "urn:pulumi:test::tests::*::*"}, "must be the URN of one stack, project and resource"),
        ({"rule": "instance-hourly-kap"}, "did you mean instance-hourly-cap?"),
        ({"rule": "provider-authentic"}, "provider-authentic allows no exemption"),
        ({"rule": "stack-hourly-budget"}, "stack-hourly-budget allows no exemption"),
        ({"owner": ""}, "exemptions[0].owner: got ''; must be a string"),
        ({"reason": "  "}, "reason: got '  '; must be a string"),
        ({"until": "2030-02-30"}, "until: got '2030-02-30'; must be a day"),
        ({"until": "for ever"}, "until: got 'for ever'; must be a day"),
        ({"up_to": "20"}, "up_to: got '20'; must be an amount"),
        ({"untill": "2030-01-01"}, "untill: unknown key; did you mean until?"),
    ],
)
def test_a_malformed_exemption_is_refused(changed: dict[str, Any], says: str) -> None:
    assert says in refusal(granted(**changed))


def test_an_exemption_without_an_owner_is_refused() -> None:
    limits = granted()
    del limits["exemptions-valid"]["exemptions"][0]["owner"]
    assert "exemptions[0].owner: is missing" in refusal(limits)


def test_both_packs_can_share_one_list_of_exemptions() -> None:
    hardware = json.loads((POLICIES / "hardware" / "limits" / "demo.json").read_text())
    tester = PackTester("hardware", {**hardware, "exemptions-valid": granted()["exemptions-valid"]})
    tester.preview()
    (rules_in_force,) = tester.logged
    assert "exemptions-valid: mandatory {" in rules_in_force

"""The promises of every rule."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pulumi_cortecs.policy.rules as rules_package
from pulumi_cortecs.policy import Rule
from pulumi_cortecs.policy.registry import COMMON, COST, HARDWARE, PACKS, rules_of

EVERY_RULE = pytest.mark.parametrize("rule", PACKS["guard"], ids=lambda rule: rule.name)

THE_DESIGN = {
    "hardware": {
        *("hardware-allowed", "gpu-type-allowed", "gpu-count-max", "vram-range"),
        *("model-allowed", "model-fits-hardware", "region-allowed", "workers-max", "endpoint-has-key"),
    },
    "cost": {
        *("instance-hourly-cap", "price-per-gpu-cap", "stack-hourly-budget", "stack-monthly-budget"),
        *("billing-interval", "ttl-required", "labels-required", "scale-to-zero-required"),
        *("catalogue-fresh", "catalogue-digest", "quote-matches-catalogue", "exemptions-valid"),
    },
}
GUARDS = {"provider-authentic", "unknown-dynamic-type", "ignore-changes-forbidden"}


def names(rules: tuple[Rule, ...]) -> set[str]:
    return {rule.name for rule in rules}


def test_each_pack_has_the_rules_it_was_made_for() -> None:
    for pack, wanted in THE_DESIGN.items():
        assert names(PACKS[pack]) >= wanted | GUARDS
    assert names(PACKS["guard"]) == names(PACKS["hardware"]) | names(PACKS["cost"])
    assert len(PACKS["guard"]) == len((*COMMON, *HARDWARE, *COST)) == len(names(PACKS["guard"]))


def test_no_name_can_be_there_twice_or_mean_every_rule() -> None:
    first = PACKS["guard"][0]
    with pytest.raises(ValueError, match=first.name):
        rules_of("guard", [first])
    with pytest.raises(ValueError, match="all"):
        rules_of("guard", [Rule(name="all", description="x", check=first.check, remediation="x")])


@EVERY_RULE
def test_a_rule_says_all_that_a_person_needs(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)
    assert rule.description.endswith(".")
    assert rule.remediation.endswith(".")
    assert rule.tags
    assert rule.url == f"docs/policies/{rule.name}.md"


@EVERY_RULE
def test_every_setting_has_a_schema_and_is_explained(rule: Rule) -> None:
    schema = rule.settings.schema_for_the_engine()
    assert set(schema) == set(rule.settings.model_fields)
    assert all("type" in property_schema or "anyOf" in property_schema for property_schema in schema.values()), schema
    for key in schema:
        assert f"`{key}`" in (inspect.getdoc(rule.settings) or "")


@EVERY_RULE
def test_what_guards_the_others_can_neither_be_left_out_nor_exempted(rule: Rule) -> None:
    if rule in COMMON:
        assert not rule.optional
        assert not rule.exemptible
        assert not rule.needs_limits


def raw(source: str) -> Iterator[ast.AST]:
    """Places where a rule reads a value past the fields of a Purchase: it may be unknown, and the rule fails open."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in ("props", "properties", "fields", "__dict__"):
            yield node
        if isinstance(node, ast.Name) and node.id in ("getattr", "vars"):
            yield node
        if isinstance(node, ast.Import) and any(alias.name.startswith("pulumi") for alias in node.names):
            yield node
        if isinstance(node, ast.ImportFrom) and (module := node.module or "").startswith("pulumi"):
            room = module.startswith(("pulumi_cortecs.cost", "pulumi_cortecs.policy"))
            names = {module.rpartition(".")[2], *(alias.name for alias in node.names)}
            if not room or names & {
                "property_reader",
                "servicer",
                "Properties",
                "Extract",
                "life_cycle",
                "cortecs",
                "shadeform",
                "clouds",
            }:
                yield node


def test_no_rule_touches_raw_properties() -> None:
    files = sorted(Path(next(iter(rules_package.__path__))).glob("*.py"))
    assert len(files) > 8
    accesses = {file.name: [ast.unparse(node) for node in raw(file.read_text(encoding="utf-8"))] for file in files}
    assert {name: sources for name, sources in accesses.items() if sources} == {}


@pytest.mark.parametrize(
    "source",
    [
        "purchase.props['num_workers']",
        "request.properties",
        "getattr(purchase, 'props')",
        "vars(purchase)",
        "import pulumi_policy",
        "from pulumi.runtime.proto import analyzer_pb2",
        "from pulumi_cortecs.policy.property_reader import read",
        "from pulumi_cortecs.policy import property_reader",
        "from pulumi_cortecs.policy.resource_types import Properties",
    ],
)
def test_a_raw_property_is_seen(source: str) -> None:
    assert list(raw(source))


def test_rules_can_be_used_where_pulumi_policy_is_not_installed() -> None:
    program = (
        "import sys; sys.modules['pulumi_policy'] = None\n"
        "import pulumi_cortecs.policy, pulumi_cortecs.policy.registry, pulumi_cortecs.policy.judge\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_pack_says_what_is_missing_where_pulumi_policy_is_not_installed() -> None:
    program = "import sys; sys.modules['pulumi_policy'] = None\nimport pulumi_cortecs.policy.pack\n"
    failed = subprocess.run([sys.executable, "-c", program], check=False, timeout=60, capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stderr.startswith("pulumi-policy is missing where ")
    assert "install pulumi-cortecs with its extra [policy]" in failed.stderr
    assert failed.stdout == ""

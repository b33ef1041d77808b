"""The pages under docs/policies: one per rule, saying what the rule says, with an example that does what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.policy import Level, Rule
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.testing import PackTester, Verdict

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "policies"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
NOT_OF_RULES = {"README", "audit", "limits", "own-rules", "trust"}

EVERY_RULE = pytest.mark.parametrize("rule", PACKS["guard"], ids=lambda rule: rule.name)


def page_of(rule: Rule) -> str:
    return (ROOT / rule.url).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    (text,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", page, re.M | re.S)
    return str(text)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def run(example: str, page: str) -> dict[str, Any]:
    """Runs an example as people would; returns the names that it has defined."""
    defined: dict[str, Any] = {"__name__": "example"}
    exec(compile(example, f"docs/policies/{page}", "exec", dont_inherit=True), defined)
    return defined


def without_days(text: str) -> str:
    """Replaces the days in a text: the catalogue is pulled again from time to time, and a page is not about its day."""
    return re.sub(r"\b20\d\d-\d\d-\d\d\b", "DAY", text)


def yes(value: bool) -> str:
    return "yes" if value else "no"


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert {page.stem for page in FOLDER.glob("*.md")} == NOT_OF_RULES | {rule.name for rule in PACKS["guard"]}


@EVERY_RULE
def test_a_page_says_what_the_rule_says_of_itself(rule: Rule) -> None:
    page = page_of(rule)
    packs = ", ".join(f"`{name}`" for name, rules in PACKS.items() if rule in rules)
    assert page.startswith(
        f"# {rule.name}\n\n{rule.description}\n\n"
        f"Packs: {packs} · level: {rule.level.value} · severity: {rule.severity.value} · "
        f"exemptions: {yes(rule.exemptible)} · `not_limited`: {yes(rule.optional)}\n"
    )
    assert len(section(page, "Why").split()) > 20
    assert section(page, "What to do").strip() == rule.remediation


@EVERY_RULE
def test_a_page_explains_all_that_can_be_set_and_nothing_else(rule: Rule) -> None:
    limits = section(page_of(rule), "Limits")
    table = limits.partition("| key | type | meaning |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", table, re.M)
    assert [key for key, _, _ in rows] == list(rule.settings.schema_for_the_engine())
    if not rows:
        assert "There is nothing to set." in limits


@EVERY_RULE
def test_the_examples_of_a_page_pass_and_fail_in_the_words_shown(rule: Rule) -> None:
    example = section(page_of(rule), "Example")
    (code,), (message,) = blocks(example, "python"), blocks(example, "text")
    defined = run(code, f"{rule.name}.md")
    passes, fails = defined["passes"], defined["fails"]
    assert isinstance(passes, Verdict)
    assert isinstance(fails, Verdict)
    assert not passes.denied
    assert passes.of(rule.name, rule.level) == []
    assert fails.denied == (rule.level is Level.MANDATORY)
    assert without_days("\n".join(fails.of(rule.name, rule.level))) == without_days(message.rstrip("\n"))


@EVERY_RULE
def test_a_pack_takes_the_limits_of_a_page_which_are_its_examples(rule: Rule) -> None:
    page = page_of(rule)
    shown = [json.loads(block) for block in blocks(section(page, "Limits"), "json")]
    used = run(blocks(section(page, "Example"), "python")[0], f"{rule.name}.md")["limits"]
    assert (shown or [{}]) == [used]
    PackTester("guard", used).preview()  # raises ConfigurationRefusedError for a key that a pack does not know


def test_the_index_lists_every_rule_as_it_is() -> None:
    listed = re.findall(r"^\| \[([\w-]+)\]\((.+)\.md\) \| (.+) \| (.+) \| (\w+) \|$", INDEX, re.M)
    assert listed == [
        (
            rule.name,
            rule.name,
            rule.description,
            ", ".join(f"`{pack}`" for pack in ("hardware", "cost") if rule in PACKS[pack]),
            rule.severity.value,
        )
        for rule in PACKS["guard"]
    ]
    advisory = {rule.name for rule in PACKS["guard"] if rule.level is Level.ADVISORY}
    (sentence,) = re.findall(r"All are mandatory but (.+?), which\s+advise\.", INDEX, re.S)
    assert set(re.findall(r"\[([\w-]+)\]", sentence)) == advisory


def test_a_pack_takes_the_limits_of_the_index() -> None:
    (limits,) = blocks(INDEX, "json")
    tester = PackTester("guard", json.loads(limits))
    tester.preview()
    (rules_in_force,) = tester.logged
    assert "instance-hourly-cap: mandatory" in rules_in_force


def test_the_rule_of_ones_own_is_the_one_that_the_example_has() -> None:
    page = (FOLDER / "own-rules.md").read_text(encoding="utf-8")
    shown, tried, _ = blocks(page, "python")
    assert shown == (ROOT / "examples" / "custom-rule" / "__main__.py").read_text(encoding="utf-8")
    run(tried, "own-rules.md")
    assert "assert_denied" in tried

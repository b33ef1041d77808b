"""A user's own rule: one file of under thirty lines, tried in milliseconds."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.policy.registry import rules_of
from pulumi_cortecs.policy.testing import (
    ConfigurationRefusedError,
    PackTester,
    assert_allowed,
    assert_denied,
    cortecs_instance,
)

EXAMPLE = Path(__file__).parents[3] / "examples" / "custom-rule"
LIMITS: dict[str, Any] = json.loads((EXAMPLE / "limits.json").read_text())


def bench(limits: dict[str, Any] = LIMITS) -> PackTester:
    rule = runpy.run_path(str(EXAMPLE / "__main__.py"), run_name="example")["TEAM_PREFIX"]
    return PackTester(rules_of("guard", [rule]), limits)


def test_the_example_has_less_than_thirty_lines() -> None:
    assert len((EXAMPLE / "__main__.py").read_text().splitlines()) < 30


def test_the_rule_is_one_of_the_pack() -> None:
    assert_allowed(bench().preview(cortecs_instance("search-chat")))
    verdict = bench().preview(cortecs_instance("chat", num_workers=8))
    assert_denied(verdict, "team-prefix", "chat begins with none of search-, support-.")
    assert_denied(verdict, "workers-max")


def test_it_is_as_strict_as_the_others() -> None:
    with pytest.raises(ConfigurationRefusedError, match="did you mean prefixes"):
        bench({**LIMITS, "team-prefix": {"prefix": ["search-"]}}).preview()
    with pytest.raises(ConfigurationRefusedError, match="must be mandatory"):
        bench({**LIMITS, "team-prefix": "disabled"}).preview()
    silent = {name: config for name, config in LIMITS.items() if name != "team-prefix"}
    assert_denied(bench(silent).preview(cortecs_instance("search-chat")), "team-prefix", "the limits say nothing")

"""`pulumi-cortecs review` on the real engine, under a pack. A violation takes the engine five seconds longer: that is
in tests/review/streams/denied.jsonl."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.engine.packages import pack_python
from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack

_INSTALLED = Path(sys.executable).with_name("pulumi-cortecs")
_GUARD = Path(__file__).parents[2] / "policies" / "guard"


def review(stack: Stack, *options: str, expect: int) -> dict[str, Any]:
    """The report of a preview under the pack `guard`."""
    packs = ["--policy-pack", str(_GUARD / "run"), "--policy-pack-config", str(_GUARD / "limits" / "demo.json")]
    command = [str(_INSTALLED), "review", "--cwd", str(stack.project), "--stack", stack.name, *packs, *options]
    done = subprocess.run(
        [*command, "--catalogue", "simulator.lock.yaml", "--format", "json"],
        env={**stack.environment, "PULUMI_CORTECS_POLICY_PYTHON": pack_python(stack.environment)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_change_is_reviewed_and_an_unchanged_program_has_none(stack: Stack) -> None:
    stack.program(one_instance("ttl='8h'"))
    stack.up()
    unchanged = review(stack, "--max-increase", "0EUR/h", expect=0)
    assert unchanged["verdict"] == "no change in cost (1.20 EUR/h): allowed"
    assert (unchanged["stacks"][0]["rows"], unchanged["stacks"][0]["unchanged_count"]) == ([], 1)
    stack.program(one_instance("ttl='8h', num_workers=2"))
    changed = review(stack, "--max-increase", "1.00EUR/h", expect=6)
    assert changed["verdict"] == "NOT ALLOWED: 1 gate failed; +876.00 EUR/month (1.20 -> 2.40 EUR/h)"
    (row,) = changed["stacks"][0]["rows"]
    assert (row["action"], row["both_run"], row["changed"]) == ("replace", True, ["num_workers"])
    assert changed["stacks"][0]["packs"] == ["cortecs-guard"]

"""`pulumi-cortecs review --base` with the real engine: code against code, without a secret, and with the lines of the
program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_cortecs.review.events import read_preview
from pulumi_cortecs.review.locations import read_locations
from tests.engine.pulumi import Stack
from tests.review.test_two_sides import git

CATALOGUE = Path(__file__).parents[2] / "pulumi_cortecs" / "catalogues" / "simulator.lock.yaml"
OLD = """import pulumi
from pulumi_cortecs import Instance

key = pulumi.Config().require_secret("key")
Instance("chat", model_id="Qwen/Qwen2-7B-Instruct")
Instance("gone", model_id="Qwen/Qwen2-7B-Instruct")
"""
NEW = OLD.replace('Instance("gone"', 'Instance("new", num_workers=2').replace(
    'Instance("chat"', 'Instance(\n    "chat", num_workers=3'
)
STACK_FILE = "encryptionsalt: v1:abc\nconfig:\n  tests:key:\n    secure: v1:xyz\n"


def review(stack: Stack, *options: str) -> subprocess.CompletedProcess[str]:
    """The command in the project's folder, without the passphrase of the stack."""
    environment = {**stack.environment, "PATH": f"{stack.pulumi.parent}:{stack.environment['PATH']}"}
    del environment["PULUMI_CONFIG_PASSPHRASE"]
    return subprocess.run(
        [sys.executable, "-m", "pulumi_cortecs.cli", "review", "--catalogue", str(CATALOGUE), *options],
        cwd=stack.project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def repository(stack: Stack) -> Path:
    """A repository whose branch "main" has the old program, and whose checkout has the new one."""
    git(stack.directory, "init", "-q", "-b", "main")
    (stack.directory / ".gitignore").write_text("state\norders\n")
    (stack.project / "Pulumi.test.yaml").write_text(STACK_FILE)
    for branch, source in (("main", OLD), ("change", NEW)):
        if branch != "main":
            git(stack.directory, "checkout", "-qb", branch)
        stack.program(source)
        git(stack.directory, "add", "-A")
        git(stack.directory, "commit", "-qm", branch)
    return stack.directory


def test_a_change_is_compared_with_where_it_branched_off(stack: Stack, repository: Path, tmp_path: Path) -> None:
    events, gate = tmp_path / "events.json", ("--max-hourly", "0.01EUR")
    done = review(stack, "--stack", "test", "--base", "main", "--format", "json", "--record", str(events), *gate)
    assert done.returncode == 6, f"{done.stdout}{done.stderr}"
    assert "compares code with code, not with what runs" in done.stdout
    rows = [row for one in json.loads(done.stdout)["stacks"] for row in one["rows"]]
    assert {row["name"]: row["action"] for row in rows} == {"chat": "replace", "gone": "delete", "new": "create"}
    assert git(repository, "status", "--porcelain") == ""

    with events.open("rb") as stream:
        declared = read_locations(read_preview(stream).declared, repository)
    lines = {urn.rpartition("::")[2]: (place.file, place.line) for urn, place in declared.items()}
    assert lines == {"chat": ("project/__main__.py", 5), "new": ("project/__main__.py", 7)}

    again = review(stack, "--events", str(events), "--format", "sarif", *gate)
    assert again.returncode == 6
    (result,) = json.loads(again.stdout)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "project/Pulumi.yaml"

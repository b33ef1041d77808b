"""docs/policies/README.md, "Limits of your own": its commands, as they stand, make a pack that allows, and refuses
by the entries of limits.md. tests/unit/cli/test_new.py follows them for every cloud, without the engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

from typer.testing import CliRunner

from pulumi_cortecs.cli import app
from tests.engine.documented import blocks_of, commands_of
from tests.engine.pulumi import Stack
from tests.policy.conftest import ENGINE

pytestmark = ENGINE

(ENTRIES,) = blocks_of("policies/limits.md", "Cortecs", "json")
(COMMANDS,) = commands_of("policies/README.md", "Limits of your own")
PROGRAM = """\
from pulumi_cortecs import Instance

Instance("chat", model_id="Qwen/Qwen2-7B-Instruct"{ttl})
"""


def followed(stack: Stack, commands: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-eu", "-c", "\n".join(commands)],
        cwd=stack.project,
        env={**stack.environment, "PULUMI_STACK": stack.name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_commands_make_a_pack_that_allows_and_refuses(stack: Stack) -> None:
    (stack.project / ".venv").symlink_to(sys.prefix)
    CliRunner().invoke(app, ["new", str(stack.directory / "new")])  # what it wrote is replaced
    shutil.copytree(stack.directory / "new" / "policy", stack.project / "policy")
    stack.program(PROGRAM.format(ttl=', ttl="8h"'))
    done = followed(stack, COMMANDS)
    assert (done.returncode, "✅ cortecs-guard" in done.stdout) == (0, True), done.stdout + done.stderr
    stack.program(PROGRAM.format(ttl=""))
    limits = stack.project / "policy" / "guard" / "limits.json"
    limits.write_text(json.dumps({**json.loads(limits.read_text()), **json.loads(ENTRIES)}))
    refused = followed(stack, COMMANDS[-2:])
    assert (refused.returncode, "ttl-required" in refused.stdout) == (1, True), refused.stdout + refused.stderr

"""docs/getting-started.md, "What may be bought": its commands do in a clone what it says."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.engine.documented import commands_of
from tests.engine.pulumi import Stack
from tests.policy.conftest import ENGINE, ROOT

pytestmark = ENGINE

(COMMANDS,) = commands_of("getting-started.md", "What may be bought")


def test_the_pack_judges_the_program_of_a_clone(stack: Stack) -> None:
    for name in ("examples", "policies"):
        (stack.project / name).symlink_to(ROOT / name)
    (stack.project / ".venv").symlink_to(sys.prefix)
    ours = (ROOT / "Pulumi.yaml").read_text()  # with `main:`, in whose folder a pack is started
    (stack.project / "Pulumi.yaml").write_text(re.sub(r"^name: .*$", "name: tests", ours, flags=re.M))
    done = subprocess.run(
        ["sh", "-eu", "-c", "\n".join(COMMANDS)],
        cwd=stack.project,
        env={**stack.environment, "PULUMI_STACK": stack.name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, "✅ cortecs-guard" in done.stdout) == (0, True), done.stdout + done.stderr

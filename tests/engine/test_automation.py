"""The Automation API with an inline program, from a Python whose environment is not activated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pulumi_cortecs.simulator import Simulator
from tests.engine.pulumi import Stack, hear_interrupts, kill_session

PROGRAM = """
import json
import os
import sys

import pulumi
from pulumi import automation

from pulumi_cortecs import Instance


def program() -> None:
    chat = Instance("chat", model_id="Qwen/Qwen2-7B-Instruct")
    pulumi.export("base_url", chat.base_url)
    pulumi.export("status", chat.status)


workspace = automation.LocalWorkspaceOptions(
    secrets_provider="hashivault://tests",
    pulumi_command=automation.PulumiCommand(root=sys.argv[1]),
    env_vars={**json.loads(os.environ["FOR_THE_WORKSPACE"]), "PULUMI_RUNTIME_VIRTUALENV": sys.prefix},
)
stack = automation.create_stack("test", project_name="inline", program=program, opts=workspace)
told = {}
told["up"] = stack.up().summary.resource_changes
told["outputs"] = {name: output.value for name, output in stack.outputs().items()}
told["again"] = stack.up(refresh=True).summary.resource_changes
told["destroy"] = stack.destroy().summary.resource_changes
print(json.dumps(told))
"""


def test_an_inline_program_runs_without_an_activated_environment(
    stack: Stack, simulator: Simulator, pulumi: Path, tmp_path: Path
) -> None:
    # a PulumiCommand wants a folder with bin/pulumi in it, wherever this machine has its own
    (tmp_path / "pulumi").mkdir()
    (tmp_path / "pulumi" / "bin").symlink_to(pulumi.parent)
    (tmp_path / "program.py").write_text(PROGRAM)
    wanted = ("PULUMI_", "CORTECS_", "VAULT_")
    for_the_workspace = {key: value for key, value in stack.environment.items() if key.startswith(wanted)}
    surroundings = {key: value for key, value in stack.environment.items() if not key.startswith((*wanted, "VIRTUAL_"))}
    here = Path(sys.executable).parent
    path = [folder for folder in surroundings["PATH"].split(os.pathsep) if folder and Path(folder) != here]
    hear_interrupts()
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "pulumi")],
        env={**surroundings, "PATH": os.pathsep.join(path), "FOR_THE_WORKSPACE": json.dumps(for_the_workspace)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=120)
    finally:
        kill_session(process.pid)
    assert process.returncode == 0, err
    outcome = json.loads(out.splitlines()[-1])
    assert outcome["up"] == {"create": 3}
    assert outcome["outputs"]["status"] == "running"
    assert outcome["outputs"]["base_url"].startswith(simulator.url)
    assert outcome["again"] == {"same": 3}
    assert outcome["destroy"] == {"delete": 3}
    assert simulator.control.instances() == ()
    assert len(simulator.control.ledger().entries) == 1

"""Runs the shell of a CI recipe as it stands, as the platform would: the values of expressions come from the test, and
only the tools that would come from a package index are stand-ins that record how they are called."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

_PYTHON = """#!/bin/bash
# `python3 -I -m venv FOLDER`: a folder whose programs record how they are called
[ "$1 $2 $3" = "-I -m venv" ] || exit 9
mkdir -p "$4/bin"
cp "$STAND_INS/pip" "$4/bin/python"
cp "$STAND_INS/review" "$4/bin/pulumi-cortecs"
"""
_PIP = """#!/bin/bash
printf '%s\\n' "python $*" >> "$STAND_INS/installed"
"""
_REVIEW = (
    f"#!{sys.executable}"
    + """
import json, os, sys
arguments = sys.argv[1:]
with open(os.environ["STAND_INS"] + "/asked", "a") as asked:
    asked.write(json.dumps({"arguments": arguments, "token": os.environ.get("GITHUB_TOKEN", "")}) + "\\n")
for option, content in (("--out", "# verdict\\n"), ("--record", "{}\\n")):
    if option in arguments and os.environ.get("STAND_IN_WRITES", "1") == "1":
        with open(arguments[arguments.index(option) + 1], "w") as file:
            file.write(content)
sys.exit(int(os.environ["STAND_IN_CODE"]) if "--events" not in arguments else 0)
"""
)


@dataclass
class Runner:
    """A runner with its folder, in which the checkout is `workspace`."""

    folder: Path
    environment: dict[str, str]
    expressions: Mapping[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, folder: Path, workspace: Path, code: int | None = 0, **environment: str) -> Runner:
        """A runner whose review exits with `code`; None for the real command."""
        review = _REVIEW if code is not None else f'#!/bin/bash\nexec {sys.executable} -m pulumi_cortecs.cli "$@"\n'
        for name, content in (("python3", _PYTHON), ("pip", _PIP), ("review", review)):
            file = folder / "stand-ins" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content)
            file.chmod(0o755)
        programs = folder / "programs"
        programs.mkdir()
        (programs / "python3").symlink_to(folder / "stand-ins" / "python3")
        (folder / "temp").mkdir()
        variables = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "STAND_INS": str(folder / "stand-ins"),
            "STAND_IN_CODE": str(code),
            "RUNNER_TEMP": str(folder / "temp"),
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "NO_PROXY": "127.0.0.1",
            **environment,
        }
        return cls(folder, variables)

    def play_action(self, file: str, **inputs: str) -> int:
        """Plays all steps of a composite action, up to the first that fails, whose exit code it returns."""
        action = yaml.safe_load((ROOT / file).read_text())
        defaults = {name: one.get("default", "") for name, one in action["inputs"].items()}
        values = {f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()}
        for step in action["runs"]["steps"]:
            assert step["shell"] == "bash"
            assert "${{" not in step["run"]
            variables = {name: self._value(text, values) for name, text in step.get("env", {}).items()}
            if code := self._step(step, variables):
                return code
        return 0

    def play_job(self, file: str, job: str, **variables: str) -> int:
        """Plays the script of a GitLab job in one shell."""
        description = yaml.safe_load((ROOT / file).read_text())[job]
        script = "\n".join(["set -eo pipefail", *description["script"]])
        return self._bash(script, {**description["variables"], **variables})

    def asked(self) -> list[dict[str, Any]]:
        """The calls of `pulumi-cortecs`."""
        file = self.folder / "stand-ins" / "asked"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def _step(self, step: Mapping[str, Any], variables: Mapping[str, str]) -> int:
        output = self.folder / "output"
        output.write_text("")
        code = self._bash(step["run"], {**variables, "GITHUB_OUTPUT": str(output)})
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{step['id']}.outputs.{name}"] = value
        return code

    def _bash(self, script: str, variables: Mapping[str, str]) -> int:
        file = self.folder / "script.sh"
        file.write_text(script)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
            cwd=self.environment["GITHUB_WORKSPACE"],
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        with (self.folder / "log").open("a") as log:
            log.write(done.stdout + done.stderr)
        return done.returncode

    def _value(self, text: str, inputs: Mapping[str, str]) -> str:
        values = {**self.expressions, **self.outputs, **inputs}
        return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda match: values[match[1]], text)

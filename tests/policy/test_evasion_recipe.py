"""The evasion suite against the recipe of docs/policies/trust.md: its commands, run as they stand there from within a
checkout whose author hopes that one of them runs what lies in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.documented import commands_of
from tests.engine.packages import requirement_of_ours
from tests.policy.attempts import Attempts
from tests.policy.conftest import POLICIES, ROOT

WORKTREE, ENVIRONMENT, PREVIEW = ("\n".join(block) for block in commands_of("policies/trust.md", "A recipe for CI"))
DEMO = POLICIES / "guard" / "limits" / "demo.json"
MODULES = (
    *("venv", "pip", "json", "sitecustomize", "usercustomize", "ensurepip", "runpy", "subprocess", "os", "site", "re"),
    *("logging", "argparse", "types", "pulumi", "pulumi_policy", "pulumi_cortecs", "grpc", "encodings", "__main__"),
)
"""What a Python that looks at the folder it runs in would take from there."""


@pytest.fixture
def led(tmp_path: Path) -> Path:
    """The file into which code that should never run writes its name."""
    return tmp_path / "led"


@pytest.fixture
def checkout(tmp_path: Path, led: Path) -> Path:
    """A checkout of a proposed change: its project is in `project`, and `main` of its origin has the trusted folder."""
    origin, checkout = tmp_path / "origin", tmp_path / "checkout"
    guard = origin / "policy" / "guard"
    guard.mkdir(parents=True)
    for name in ("run", "__main__.py", "PulumiPolicy.yaml"):
        shutil.copy(POLICIES / "guard" / name, guard / name)
    shutil.copy(DEMO, guard / "limits.json")
    (guard / "requirements.txt").write_text(requirement_of_ours(tmp_path))
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(origin))
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message=trusted")
    git(tmp_path, "clone", "--quiet", str(origin), str(checkout))
    git(checkout, "checkout", "--quiet", "-b", "change")
    for folder in (checkout, checkout / "project"):
        hostile(folder, led)
    another_repository(checkout / "project", led, tmp_path)
    return checkout


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def hostile(folder: Path, led: Path) -> None:
    """Modules that note that they ran, and loosen all limits that they find."""
    folder.mkdir(exist_ok=True)
    for module in MODULES:
        (folder / f"{module}.py").write_text(f"open({str(led)!r}, 'a').write('{module} ')\n")
    (folder / "pip.conf").write_text("[global]\nno-index = true\n")
    (folder / "setup.cfg").write_text("[install]\nprefix = /nowhere\n")
    (folder / "pyvenv.cfg").write_text(f"home = {folder}\n")
    for command in ("python3", "python", "pip", "git"):
        script(folder / command, led, command)


def script(path: Path, led: Path, name: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{name} ' >> '{led}'\n")
    path.chmod(0o755)


def another_repository(folder: Path, led: Path, scratch: Path) -> None:
    """A bare repository in the files of the change: git takes it for the one that is meant, with its configuration."""
    hooks = folder / "hooks"
    git(scratch, "clone", "--quiet", "--bare", str(scratch / "origin"), str(scratch / "bare"))
    for part in (scratch / "bare").iterdir():
        if part.name != "hooks":
            shutil.move(str(part), folder / part.name)
    hooks.mkdir()
    for hook in ("post-checkout", "reference-transaction"):
        script(hooks / hook, led, f"the hook {hook}")


def test_the_recipe_runs_nothing_of_the_change(tmp_path: Path, checkout: Path, led: Path, attempts: Attempts) -> None:
    base, change = tmp_path / "base", checkout / "project"
    pulumi, record = tmp_path / "pulumi", tmp_path / "told"
    pulumi.write_text(f'#!/bin/sh\nfor each in "$PWD" "$@"; do echo "$each"; done > "{record}"\n')
    pulumi.chmod(0o755)
    done = subprocess.run(
        ["sh", "-eu", "-c", f"{WORKTREE}\n{ENVIRONMENT}\n{PREVIEW}"],
        cwd=change,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "CHECKOUT": str(checkout),
            "CHANGE": str(change),
            "BASE": str(base),
            "PULUMI": str(pulumi),
            "STACK": "dev",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    guard = base / "policy" / "guard"
    ran = led.read_text() if led.exists() else ""
    attempts.batch({f"{name} in the checkout of a recipe": name in ran.split() for name in MODULES})
    attempts.tried("another repository in the project's folder", through="the hook" in ran)
    attempts.tried("commands in the checkout of a recipe", through=ran != "")
    assert done.returncode == 0, done.stderr
    assert json.loads((guard / "limits.json").read_text()) == json.loads(DEMO.read_text())
    assert record.read_text().split("\n")[:2] == [str(change), "preview"]
    assert str(guard / "run") in record.read_text()
    pack = subprocess.Popen([guard / "run", "127.0.0.1:1"], cwd=change, env={}, stdout=subprocess.PIPE, text=True)
    try:
        assert pack.stdout is not None
        assert re.fullmatch(r"[0-9]{2,5}\n", pack.stdout.readline())  # it starts, from its own environment
    finally:
        pack.kill()
        pack.communicate(timeout=10)
    attempts.tried("the pack of a recipe, started in the checkout", through=led.exists())


COMMANDS = ("docs/**/*.md", "*.md", "Makefile", "tools/*.sh", "policies/*/run", "examples/*/run")
ISOLATED = re.compile(r"(?:python[0-9.]*|\$PY)\"?((?: -\w+)*?) -m (?:venv|pip|pulumi\.policy)\b")
"""What makes an environment or starts a pack, and the options of that Python."""


def test_who_makes_an_environment_or_starts_a_pack_is_isolated(attempts: Attempts) -> None:
    lines = [
        (path.relative_to(ROOT), match)
        for pattern in COMMANDS
        for path in ROOT.glob(pattern)
        for match in ISOLATED.finditer(path.read_text(encoding="utf-8"))
    ]
    assert len(lines) >= 9
    attempts.batch({f"{path}: {match[0]}": "-I" not in match[1].split() for path, match in lines})

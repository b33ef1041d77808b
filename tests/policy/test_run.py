"""The packs as executables, without an engine: which Python they take, and what they say when there is none."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.policy.conftest import POLICIES, ROOT

RUNS = [*(POLICIES / pack / "run" for pack in ("hardware", "cost", "guard")), ROOT / "examples" / "custom-rule" / "run"]
NO_ENGINE = "127.0.0.1:1"


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.parent.name)
def test_every_pack_starts_the_same_way_and_its_main_has_three_lines(run: Path) -> None:
    assert run.read_text() == RUNS[0].read_text()
    assert run.stat().st_mode & stat.S_IXUSR
    if run.is_relative_to(POLICIES):
        assert len([line for line in (run.parent / "__main__.py").read_text().splitlines() if line]) == 3


def test_the_first_thing_that_a_pack_says_is_its_port(tmp_path: Path) -> None:
    (tmp_path / "pulumi_policy.py").write_text("raise SystemExit('this is not the one')\n")
    process = subprocess.Popen(
        [os.path.relpath(POLICIES / "guard" / "run", tmp_path), NO_ENGINE],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PULUMI_CORTECS_POLICY_PYTHON": sys.executable,
            "PYTHONPATH": str(tmp_path),
            "CDPATH": str(tmp_path),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert re.fullmatch(r"[0-9]{2,5}\n", process.stdout.readline())
    finally:
        process.kill()
        process.communicate(timeout=10)


# `pip --user` leaves no Python beside the pack, and `--target` no environment at all
@pytest.mark.parametrize("layout", [".", "lib/python3.11/site-packages/pulumi_cortecs/policies/guard"])
def test_without_a_python_it_says_what_is_missing(tmp_path: Path, layout: str) -> None:
    tmp_path = tmp_path / layout
    tmp_path.mkdir(parents=True, exist_ok=True)
    run = shutil.copy(POLICIES / "guard" / "run", tmp_path / "run")
    failed = subprocess.run(
        [run, NO_ENGINE], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "PULUMI_CORTECS_POLICY_PYTHON" in failed.stderr
    assert f"{tmp_path}/.venv" in failed.stderr


def pretend(python: Path) -> None:
    """A Python that says its name and what it was called with."""
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text('#!/bin/sh\necho "$0 $*"\n')
    python.chmod(0o755)


def started(run: Path, **env: str) -> str:
    command = [str(run), "ADDRESS"]
    ran = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_it_takes_the_named_python_then_its_own_then_the_installed_one(tmp_path: Path) -> None:
    venv = tmp_path / "a venv"
    pack = venv / "lib" / "python3.11" / "site-packages" / "pulumi_cortecs" / "policies" / "guard"
    pack.mkdir(parents=True)
    run = Path(shutil.copy(POLICIES / "guard" / "run", pack / "run"))
    called = f"-I -u -m pulumi.policy ADDRESS {pack}"
    for name in ("python3.11", "python"):  # Homebrew's, and that of framework builds, has no unversioned one
        pretend(venv / "bin" / name)
        assert started(run) == f"{venv / 'bin' / name} {called}"
    pretend(pack / ".venv" / "bin" / "python")
    assert started(run) == f"{pack / '.venv' / 'bin' / 'python'} {called}"
    pretend(tmp_path / "named" / "python")
    named = str(tmp_path / "named" / "python")
    assert started(run, PULUMI_CORTECS_POLICY_PYTHON=named) == f"{named} {called}"

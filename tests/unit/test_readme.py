"""README.md: short, with what a newcomer wants to know on the first screen, and each of its commands is run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from pulumi_cortecs.simulator.clouds import CLOUDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCREEN = 42
"""Lines of a page that are seen before one scrolls."""

INSTALL = "pip install '/path/to/this/clone[cli,policy,simulator]'"
TARGETS = {"make demo": "-m tools.demo", "make test": "-m pytest"}
"""What the targets of make run: the demo, which tests/engine/test_demo.py runs, and these tests."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 130
    assert len(README.split()) <= 900


def test_the_first_screen_has_the_status_the_program_and_its_price() -> None:
    screen = "\n".join(README.splitlines()[:SCREEN])
    (program,), (preview,) = blocks("python"), blocks("text")
    for shown in ("**Status: ", program, preview):
        assert shown in screen
    assert 'hourly_total    : "1.20"' in preview


def test_its_program_is_the_quickstart() -> None:
    (program,) = blocks("python")
    quickstart = (ROOT / "examples" / "quickstart" / "__main__.py").read_text(encoding="utf-8")
    assert quickstart.endswith(f'"""\n\n{program}')


def test_each_cell_of_the_table_of_clouds_leads_to_a_test() -> None:
    """Which there is, by test_links.py."""
    rows = re.findall(r"^\| (.*) \|$", README.partition("\n## Clouds\n")[2].partition("\n## ")[0], re.M)
    (heading, _, *features) = [row.split(" | ") for row in rows]
    assert len(heading) == 1 + len(CLOUDS)
    for feature, *cells in features:
        assert len(cells) == len(heading) - 1, feature
        assert all(re.fullmatch(r"\[.+\]\(tests/[\w/]+\.py#test_\w+\)", cell) for cell in cells), feature


def test_each_command_is_run_by_a_test() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert sorted(commands) == sorted([INSTALL, *TARGETS])


@pytest.mark.parametrize("command", TARGETS)
def test_a_target_of_make_runs_what_is_tested(command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert TARGETS[command] in done.stdout


def test_a_clone_can_be_installed_with_its_extras_and_its_command_works(tmp_path: Path) -> None:
    target, bin_directory = tmp_path / "installed", Path(sys.executable).parent
    path = f"{bin_directory}{os.pathsep}{os.environ['PATH']}"
    # a test has no network: what builds is in this environment, and what the extras bring is, too
    offline = f"pip install --no-index --no-deps --no-build-isolation --target '{target}'"
    command = INSTALL.replace("/path/to/this/clone", str(ROOT)).replace("pip install", offline)
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (installed,) = distributions(path=[str(target)])
    assert {"cli", "policy", "simulator"} <= set(installed.metadata.get_all("Provides-Extra") or [])
    completed = subprocess.run(
        [str(target / "bin" / "pulumi-cortecs"), "policy", "path", "guard"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    pack = Path(completed.stdout.strip())
    assert pack.is_file()
    assert target in pack.parents

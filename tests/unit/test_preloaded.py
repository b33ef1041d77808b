"""The promises that other tests rely on when a process is forked, not started (tests/preloaded.py, stand_in.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.patience import until
from tests.engine.packages import pack_python, quick
from tests.preloaded import IS_POSSIBLE, Child, preloaded

pytestmark = pytest.mark.skipif(not IS_POSSIBLE, reason="only on Linux")

PROGRAM = "pulumi-language-python-exec"
"""Under this name a program is forked."""


def forked(code: str, folder: Path) -> tuple[Child, Path]:
    """A forked process that runs this, and the file that it prints to."""
    output = folder / "output"
    with output.open("wb") as file, open(os.devnull, "rb") as nothing:
        descriptors = (nothing.fileno(), file.fileno(), file.fileno())
        return preloaded().child(["-c", code], {"OWN": "yes"}, str(folder), descriptors), output


def started(code: str, folder: Path) -> subprocess.Popen[str]:
    """A Python, as the engine starts it for a program, that may let a forked one stand in for it."""
    (folder / "empty").mkdir()
    (folder / PROGRAM).write_text(code)
    return subprocess.Popen(
        [sys.executable, str(folder / PROGRAM), "argument"],
        env={**os.environ, **quick(folder, preloaded())},
        cwd=folder / "empty",
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("code", "expected"), [("", 0), ("exit(7)", 7), ("1 / 0", 1), ("exit('why')", 1)])
def test_a_forked_process_has_an_exit_code(tmp_path: Path, code: str, expected: int) -> None:
    child, _ = forked(code, tmp_path)
    assert child.wait(30) == child.poll() == expected


def test_it_is_what_was_asked_for_and_nothing_else(tmp_path: Path) -> None:
    code = "import os, sys; print(dict(os.environ), sys.argv, os.getcwd(), sorted(vars()), os.getppid())"
    child, output = forked(code, tmp_path)
    assert child.wait(30) == 0
    names = "['__builtins__', '__file__', '__name__', 'os', 'sys']"
    assert output.read_text() == f"{{'OWN': 'yes'}} ['-c'] {tmp_path} {names} {os.getpid()}\n"


def test_it_can_be_killed(tmp_path: Path) -> None:
    child, _ = forked("import time; time.sleep(60)", tmp_path)
    assert child.poll() is None
    child.kill()
    assert child.wait(30) == -signal.SIGKILL


def test_it_stands_in_for_what_the_engine_starts(tmp_path: Path) -> None:
    process = started("import os, sys; print(os.getpid(), sys.argv[1:], 'pulumi' in sys.modules); exit(7)", tmp_path)
    text, _ = process.communicate(timeout=30)
    pid, version = text.split(maxsplit=1)
    assert (version, process.returncode) == ("['argument'] True\n", 7)
    assert int(pid) != process.pid


def test_it_dies_with_whom_it_stands_in_for(tmp_path: Path) -> None:
    process = started("import os, time; print(os.getpid(), flush=True); time.sleep(60)", tmp_path)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.kill()
    process.communicate(timeout=30)
    until(lambda: not Path(f"/proc/{pid}").exists(), seconds=30)


def is_forked(folder: Path, environment: Mapping[str, str], beside: str = "nothing") -> bool:
    """Whether a forked process stands in for a program with this file beside it."""
    (folder / "project").mkdir()
    (folder / "project" / beside).touch()
    (folder / PROGRAM).write_text("import os; print(os.getpid())")
    command = [sys.executable, str(folder / PROGRAM)]
    with subprocess.Popen(command, env=environment, cwd=folder / "project", stdout=subprocess.PIPE) as process:
        text, _ = process.communicate(timeout=30)
    return int(text) != process.pid


@pytest.mark.parametrize(("beside", "forked"), [("httpx.py", False), ("secrets.py", False), ("test_mine.py", True)])
def test_what_hides_a_library_is_imported_by_a_program_that_is_started(
    tmp_path: Path, beside: str, forked: bool
) -> None:
    assert is_forked(tmp_path, {**os.environ, **quick(tmp_path, preloaded())}, beside) == forked


@pytest.mark.parametrize(("value", "forked"), [("", True), ("error", False)])
def test_a_variable_that_the_interpreter_heeds_is_heeded(tmp_path: Path, value: str, forked: bool) -> None:
    environment = {**os.environ, **quick(tmp_path, preloaded()), "PYTHONWARNINGS": value}
    assert is_forked(tmp_path, environment) == forked


@pytest.mark.parametrize(("package", "is_forked"), [("limits/demo.json", True), ("httpx/__init__.py", False)])
def test_it_stands_in_for_a_pack_unless_a_package_lies_beside_it(tmp_path: Path, package: str, is_forked: bool) -> None:
    pack = tmp_path / "pack"
    (pack / package).parent.mkdir(parents=True)
    (pack / package).touch()
    (pack / "__main__.py").write_text("import os; print(os.getpid())")
    variables = quick(tmp_path, preloaded())
    command = [pack_python(variables), "-I", "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(pack)]
    with subprocess.Popen(command, env=dict(os.environ), cwd=pack, stdout=subprocess.PIPE) as process:
        text, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert (int(text) != process.pid) == is_forked


def test_without_forks_a_pack_is_started_by_this_python(tmp_path: Path) -> None:
    assert pack_python(quick(tmp_path)) == sys.executable

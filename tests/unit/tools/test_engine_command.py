"""Commands end in time, and nothing they started outlives them or us.

A FIFO shows the end of a process without polling or guessing: its reader sees the end when no writer is left.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.engine.command import CommandFailed, run

ROOT = Path(__file__).resolve().parents[3]
ENV = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def shell(text: str) -> list[str | Path]:
    return ["/bin/sh", "-c", text]


def test_both_outputs_and_the_exit_code_come_back(tmp_path: Path) -> None:
    finished = run(shell("echo out; echo err >&2; exit 3"), env=ENV, cwd=tmp_path, limit=10)
    assert (finished.code, finished.out, finished.err) == (3, "out\n", "err\n")


def test_a_failure_shows_the_last_lines(tmp_path: Path) -> None:
    text = 'n=0; while [ $n -lt 50 ]; do n=$((n+1)); echo "line $n" >&2; done; exit 3'
    with pytest.raises(CommandFailed) as failure:
        run(shell(text), env=ENV, cwd=tmp_path, limit=10).output()
    assert "ended with exit code 3\nline 36\n" in str(failure.value)
    assert str(failure.value).endswith("line 50")


def test_stdin_is_empty(tmp_path: Path) -> None:
    assert run(["/bin/cat"], env=ENV, cwd=tmp_path, limit=10).output() == ""


def test_what_is_not_there_or_cannot_run_is_a_failure(tmp_path: Path) -> None:
    for program in (tmp_path / "absent", tmp_path):
        with pytest.raises(CommandFailed):
            run([program], env=ENV, cwd=tmp_path, limit=10).output()


def test_the_limit_ends_grandchildren_too(tmp_path: Path, fifo: Path) -> None:
    started = time.monotonic()
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(reader) as held:
        with pytest.raises(CommandFailed, match=r"was not done after 0\.2 s"):
            run(shell(f"exec 9>{fifo}; sleep 60 & sleep 60"), env=ENV, cwd=tmp_path, limit=0.2)
        os.set_blocking(reader, True)
        assert held.read() == ""  # returns only when the other end has no holder any more
    assert time.monotonic() - started < 30


def test_what_a_command_leaves_in_the_background_ends_with_it(tmp_path: Path, fifo: Path) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(reader) as held:
        assert run(shell(f"exec 9>{fifo}; sleep 60 & echo done"), env=ENV, cwd=tmp_path, limit=10).output() == "done\n"
        os.set_blocking(reader, True)
        assert held.read() == ""


def test_a_killed_parent_takes_its_command_with_it(tmp_path: Path, fifo: Path) -> None:
    command = f"exec 9>{fifo}; echo running >&9; sleep 60 & sleep 60"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from tools.engine.command import run;"
            "run(['/bin/sh', '-c', sys.argv[1]], env={'PATH': '/usr/bin:/bin'}, cwd=Path('/'), limit=60)",
            command,
        ],
        cwd=ROOT,
    )
    with open(fifo) as held:
        assert held.readline() == "running\n"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert held.read() == ""


def test_an_interrupt_in_the_middle_of_a_wait_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal may come when a wait has just taken the process's lock, which is never released then."""

    def interrupted(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        assert process._waitpid_lock.acquire(blocking=False), "would wait for ever"  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(["sleep", "60"], env=os.environ, cwd=tmp_path, limit=60)

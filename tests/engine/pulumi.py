"""The real pulumi CLI as tests drive it: a project in a directory of its own, a file backend, and no process left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LONGEST_RUN = 120.0


@dataclass(frozen=True)
class Run:
    """The end of one command: its exit code and everything it printed."""

    code: int
    text: str


class PulumiFailedError(AssertionError):
    """A command that was expected to succeed did not."""


@dataclass
class Stack:
    """One project with one stack. `program` is the source of its __main__.py; it can be replaced at any time."""

    pulumi: Path
    directory: Path
    environment: dict[str, str]
    name: str = "test"
    _running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.directory / "project"

    @property
    def state_file(self) -> Path:
        return self.directory / "state" / ".pulumi" / "stacks" / "tests" / f"{self.name}.json"

    def program(self, source: str) -> None:
        """Replaces the program, and what Python has compiled of it: that counts for a program of the same second and
        length, too."""
        shutil.rmtree(self.project / "__pycache__", ignore_errors=True)
        (self.project / "__main__.py").write_text(source)

    def run(self, *arguments: str, expect: int | None = 0, env: Mapping[str, str] | None = None) -> Run:
        """Runs a pulumi command to its end. `expect` None accepts any exit code."""
        with self.started(*arguments, env=env) as process:
            text, _ = process.communicate(timeout=_LONGEST_RUN)
        if expect is not None and process.returncode != expect:
            raise PulumiFailedError(f"pulumi {' '.join(arguments)} exited {process.returncode}, not {expect}:\n{text}")
        return Run(process.returncode, text)

    def up(self, *arguments: str, expect: int | None = 0, env: Mapping[str, str] | None = None) -> Run:
        return self.run("up", "--yes", "--skip-preview", *arguments, expect=expect, env=env)

    def preview(self, *arguments: str, expect: int | None = 0, env: Mapping[str, str] | None = None) -> Run:
        return self.run("preview", *arguments, expect=expect, env=env)

    def refresh(self, *arguments: str, expect: int | None = 0, env: Mapping[str, str] | None = None) -> Run:
        return self.run("refresh", "--yes", "--skip-preview", *arguments, expect=expect, env=env)

    def drift(self, expect: int) -> Run:
        """The drift alarm that people run every hour: 0 is quiet, 7 is drift."""
        return self.run("refresh", "--preview-only", "--expect-no-changes", expect=expect)

    def destroy(self, *arguments: str, expect: int | None = 0) -> Run:
        return self.run("destroy", "--yes", "--skip-preview", *arguments, expect=expect)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, as the state has them; a secret one stays encrypted."""
        (row,) = [row for row in self.resources() if row["type"] == "pulumi:pulumi:Stack"]
        outputs: dict[str, Any] = row.get("outputs") or {}
        return outputs

    def resources(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The rows of the state, of one type ("Instance", "Endpoint") or all."""
        rows = self._latest().get("resources") or []
        return [row for row in rows if kind is None or row["type"].endswith(f":{kind}")]

    @property
    def is_in_a_folder(self) -> bool:
        """True if the backend is the folder beside the project, false for a server."""
        return self.environment["PULUMI_BACKEND_URL"].startswith("file://")

    def _latest(self) -> dict[str, Any]:
        if not self.is_in_a_folder:
            return self._export()
        if not self.state_file.exists():
            return {}
        latest: dict[str, Any] = json.loads(self.state_file.read_text())["checkpoint"]["latest"] or {}
        return latest

    def _export(self) -> dict[str, Any]:
        command = [str(self.pulumi), "stack", "export", "--stack", self.name, "--non-interactive"]
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_RUN,
            check=False,
        )
        if done.returncode != 0:
            raise PulumiFailedError(f"pulumi stack export exited {done.returncode}:\n{done.stderr}")
        latest: dict[str, Any] = json.loads(done.stdout)["deployment"] or {}
        return latest

    def instance_ids(self) -> set[str]:
        """The ids of all Cortecs instances that the state knows."""
        return {str(row["id"]) for row in self.resources("Instance")}

    @contextmanager
    def started(self, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
        """A command while it runs. Whatever it started is killed at the end of the block."""
        command = [str(self.pulumi), *arguments]
        if arguments[0] != "stack":
            command += ["--color", "never"]
        hear_interrupts()
        process = subprocess.Popen(
            [*command, "--stack", self.name, "--non-interactive"],
            cwd=self.project,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            kill_session(process.pid)
            if process.stdout is not None:
                process.stdout.close()
            process.wait(timeout=10)


def read_until(process: subprocess.Popen[str], word: str) -> None:
    """Reads what a command prints up to the first line with `word`. Fails when it ends before."""
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return
    raise PulumiFailedError(f"the command ended, exit code {process.wait(timeout=10)}, and never said {word!r}")


def hear_interrupts() -> None:
    """Undoes what a shell's `&` does: with SIGINT ignored, every `up` started from here takes five seconds longer.

    Here and not between fork and exec, which a process with gRPC threads does not survive.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def kill_session(session: int) -> None:
    """Kills every process of a session; the engine's children outlive it when it is killed."""
    for _ in range(50):
        left = session_processes(session)
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)


def session_processes(session: int) -> list[int]:
    """The living processes of a session."""
    return [pid for pid in _processes() if _session_of(pid) == session and not _is_zombie(pid)]


def new_stack(pulumi: Path, directory: Path, environment: Mapping[str, str], home: Path) -> Stack:
    """A stack in an empty directory, with a file backend beside it if the environment names no other."""
    (directory / "project").mkdir()
    (directory / "state").mkdir()
    (directory / "project" / "Pulumi.yaml").write_text("name: tests\nruntime: python\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), str(pulumi.parent), os.environ.get("PATH", "")])
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "CORTECS_", "PYTEST_"))}
    stack = Stack(
        pulumi,
        directory,
        {
            **clean,
            "PATH": path,
            "PULUMI_HOME": str(home),
            "PULUMI_BACKEND_URL": f"file://{directory / 'state'}",
            "PULUMI_CORTECS_STATE_DIR": str(directory / "orders"),
            "PULUMI_CONFIG_PASSPHRASE": "tests",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_CORTECS_POLL_INTERVAL": "0.1",
            "PULUMI_CORTECS_LIST_LAG": "0.3",
            **environment,
        },
    )
    if stack.is_in_a_folder:
        _initialize(stack)
    else:
        stack.run("stack", "init")
    return stack


_new: dict[str, dict[str, bytes]] = {}
"""What `pulumi stack init` leaves, by secrets provider and path. A command costs a second, and every test wants a new
stack."""


def _initialize(stack: Stack) -> None:
    secrets = "hashivault://tests" if "VAULT_SERVER_URL" in stack.environment else "passphrase"
    if secrets not in _new:
        stack.run("stack", "init", "--secrets-provider", secrets)
        folders = (stack.project, stack.directory / "state")
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        _new[secrets] = {str(path.relative_to(stack.directory)): path.read_bytes() for path in files}
    for name, content in _new[secrets].items():
        target = stack.directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _processes() -> list[int]:
    proc = Path("/proc")
    if proc.is_dir():
        return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    listed = subprocess.run(["ps", "-axo", "pid="], capture_output=True, text=True, timeout=10, check=True)
    return [int(pid) for pid in listed.stdout.split()]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False

"""One command, bounded: it ends within its limit, and nothing it started outlives it or us."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .progress import Heartbeat

# A build that goes on for minutes after its parent was killed would slow down the next one, and write into a directory
# which that one deletes. So a reader of a pipe that only we hold sits in the command's process group: when we die, by
# whatever signal, it reads the pipe's end and kills the group. Unlike PR_SET_PDEATHSIG that reaches grandchildren, and
# works on macOS.
_TIED_TO_US = 'exec 3<&0 </dev/null; (read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-'

_TAIL_LINES = 15


class CommandFailed(Exception):
    """The command could not be started, ended with an error, or was ended at its limit. The text has its last lines."""


@dataclass(frozen=True)
class Finished:
    """The outcome of a command."""

    name: str
    code: int  # negative: the signal that ended it; 126, 127: it could not be started
    out: str
    err: str

    def output(self) -> str:
        """Its stdout, if it succeeded.

        Raises: CommandFailed.
        """
        if self.code == 0:
            return self.out
        lines = [line for line in (self.err or self.out).splitlines() if line.strip()][-_TAIL_LINES:]
        raise CommandFailed("\n".join([f"{self.name} ended with {_end_text(self.code)}", *lines]))


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    limit: float,
    heartbeat: Heartbeat = lambda: None,
) -> Finished:
    """Runs a command to its end, with nothing on its stdin; `limit` is in seconds.

    Raises: CommandFailed when it is not done by then. However this function is left, the command's process group is
    gone.
    """
    name = " ".join([Path(argv[0]).name, *map(str, argv[1:3])])
    deadline = time.monotonic() + limit
    # Files instead of pipes: a grandchild which keeps a pipe open would keep us reading
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _TIED_TO_US, "sh", *map(str, argv)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
        )
        try:
            code = _wait(process, deadline, heartbeat)
        finally:
            _end_group(process)
        if code is None:
            raise CommandFailed(f"{name} was not done after {limit:g} s")
        return Finished(name, code, *(_text(stream.fileno()) for stream in (out, err)))


def _wait(process: subprocess.Popen[bytes], deadline: float, heartbeat: Heartbeat) -> int | None:
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        with suppress(subprocess.TimeoutExpired):
            return process.wait(min(left, 1.0))
        heartbeat()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # KILL at once: all that these commands write lies in a directory which is thrown away
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    # Not process.wait(): an interrupt in the middle of one can leave its lock taken, for ever
    with suppress(ChildProcessError):  # it has been waited for
        os.waitpid(process.pid, 0)
    if process.returncode is None:
        process.returncode = -signal.SIGKILL


def _text(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", closefd=False) as stream:
        return stream.read().decode("utf-8", "replace")


def _end_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"

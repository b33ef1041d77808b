"""The `pulumi` CLI whose engine started this process, and the environment that it was started with itself.

A program can give its provider another environment (`env_var_mappings`), so what says where states are is read from
the CLI's own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_STEPS: Final = 8
"""CLI, launcher script and this process; some more for wrappers between them."""
_NAMES: Final = frozenset({"pulumi", ".pulumi-wrapped"})
_DELETED: Final = " (deleted)"


@dataclass(frozen=True)
class Cli:
    """A CLI. `pid` is None where it could not be found: then `executable` is the one on PATH ("" for none),
    `arguments` are not known, and environment and directory are those of this process."""

    pid: int | None
    executable: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path


@cache
def cli() -> Cli:
    """The CLI that started this process, looked for once: above it in the process tree (Linux), else on PATH."""
    return above(os.getppid()) or on_path()


def above(pid: int, proc: Path = _PROC) -> Cli | None:
    """The first CLI from a process upwards, None where there is none or where it cannot be looked at."""
    for _ in range(_STEPS):
        if pid <= 1:
            break
        try:
            executable = os.readlink(proc / str(pid) / "exe")
            if Path(executable.removesuffix(_DELETED)).name in _NAMES:
                return _cli(pid, executable, proc / str(pid))
            pid = int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return None


def on_path() -> Cli:
    """The CLI on PATH, in the environment of this process."""
    return Cli(None, shutil.which("pulumi") or "", (), dict(os.environ), Path.cwd())


def _cli(pid: int, executable: str, process: Path) -> Cli:
    pairs = (entry.partition("=") for entry in _words(process / "environ"))
    return Cli(
        pid=pid,
        # one that was replaced by a newer version while it runs can still be started
        executable=str(process / "exe") if executable.endswith(_DELETED) else executable,
        arguments=_words(process / "cmdline"),
        environment={name: value for name, _, value in pairs if name},
        directory=Path(os.readlink(process / "cwd")),
    )


def _words(file: Path) -> tuple[str, ...]:
    words = os.fsdecode(file.read_bytes()).split("\0")
    return tuple(words[:-1])

"""The `pulumi` CLI whose engine started this process, and the environment that it was started with itself.

A program can give its provider another environment (`env_var_mappings`), so the place of the states is read from the
CLI's own.
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
_MAX_ANCESTORS: Final = 8
"""CLI, launcher script and this process; some more for wrappers between them."""
_NAMES: Final = frozenset({"pulumi", ".pulumi-wrapped"})
_DELETED: Final = " (deleted)"


@dataclass(frozen=True)
class EngineCli:
    """A CLI. `pid` is None where it could not be found: then `executable` is the one on PATH ("" for none),
    `arguments` are not known, and environment and directory are those of this process."""

    pid: int | None
    executable: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path


@cache
def current_cli() -> EngineCli:
    """The CLI that started this process: searched once, above it in the process tree (Linux), else on PATH."""
    return find_in_ancestors(os.getppid()) or find_on_path()


def find_in_ancestors(pid: int, proc: Path = _PROC) -> EngineCli | None:
    """The first CLI from a process upwards, or None; also None if its process cannot be read."""
    for _ in range(_MAX_ANCESTORS):
        if pid <= 1:
            break
        try:
            executable = os.readlink(proc / str(pid) / "exe")
            if Path(executable.removesuffix(_DELETED)).name in _NAMES:
                return _read_cli(pid, executable, proc / str(pid))
            pid = int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return None


def find_on_path() -> EngineCli:
    """The CLI on PATH, in the environment of this process."""
    return EngineCli(None, shutil.which("pulumi") or "", (), dict(os.environ), Path.cwd())


def _read_cli(pid: int, executable: str, process: Path) -> EngineCli:
    pairs = (entry.partition("=") for entry in _null_separated(process / "environ"))
    return EngineCli(
        pid=pid,
        # a CLI that was replaced by a newer version while it runs can still be started
        executable=str(process / "exe") if executable.endswith(_DELETED) else executable,
        arguments=_null_separated(process / "cmdline"),
        environment={name: value for name, _, value in pairs if name},
        directory=Path(os.readlink(process / "cwd")),
    )


def _null_separated(file: Path) -> tuple[str, ...]:
    words = os.fsdecode(file.read_bytes()).split("\0")
    return tuple(words[:-1])

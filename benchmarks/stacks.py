"""The engine and the stacks of all benchmarks: the real engine, and empty stacks with the settings of users."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.engine.pulumi import Stack, new_stack

ROOT = Path(__file__).parents[1]
_HURRIED = ("PULUMI_CORTECS_POLL_INTERVAL", "PULUMI_CORTECS_LIST_LAG")
"""The variables that the tests' stacks set, and users' stacks do not."""


def engine() -> Path:
    """The path of a suitable pulumi: the one in PULUMI_CORTECS_ENGINE, else what `tools/engine` finds or gets."""
    if named := os.environ.get("PULUMI_CORTECS_ENGINE"):
        return Path(named)
    command = [sys.executable, str(ROOT / "tools" / "engine" / "get.py")]
    return Path(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


@contextmanager
def empty_stack(pulumi: Path, environment: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """A stack of its own, removed afterwards; its programs can import `benchmarks`."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        home.mkdir()
        stack = new_stack(pulumi, Path(directory), {"PYTHONPATH": str(ROOT), **(environment or {})}, home)
        for name in _HURRIED:
            stack.environment.pop(name, None)
        # without compiled modules each run would measure Python's compiler
        stack.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield stack


def timed_up(stack: Stack, program: str) -> float:
    """Seconds for an `up` of the program, without a preview."""
    stack.program(program)
    began = time.monotonic()
    stack.up()
    return time.monotonic() - began

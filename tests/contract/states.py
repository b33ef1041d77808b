"""States of a backend for a host that no CLI has started: a JSON file that a test writes."""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

from pulumi_cortecs.lifecycle.stack_state import NEVER, StackState, StateRow, StateUnreadableError
from pulumi_cortecs.provider import accounts


class FileStates:
    """The states that a file holds now; none, where there is no file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def stack_of(self, urn: str, not_before: float = NEVER) -> StackState:
        return self.every_stack(urn)[0]

    def every_stack(self, urn: str, not_before: float = NEVER) -> tuple[StackState, ...]:
        own = urn.split("::")[0].removeprefix("urn:pulumi:")
        try:
            stacks: dict[str, list[dict[str, Any]]] = json.loads(self._file.read_text())
        except OSError as error:
            raise StateUnreadableError("there is none") from error
        names = [own, *(name for name in stacks if name != own)]
        return tuple(
            StackState(name, time.monotonic(), tuple(StateRow(name, **row) for row in stacks.get(name, ())))
            for name in names
        )


def write(file: Path, **stacks: list[dict[str, Any]]) -> None:
    """What the states hold from now on: rows by stack."""
    file.write_text(json.dumps(stacks))


def reading(file: Path) -> str:
    """Python for a host, before anything else in it: its states are those of the file."""
    return f"from tests.contract.states import use\nuse({str(file)!r})"


def use(file: str) -> None:
    """Makes this process read the file."""
    setattr(accounts, "states", cache(lambda: FileStates(Path(file))))  # noqa: B010

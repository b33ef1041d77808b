"""The packs on the real pulumi CLI, as people hand them over: executables with limits beside them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import are_forked, make_stack, pulumi, pulumi_home, stack
from tests.engine.packages import pack_python
from tests.engine.pulumi import Run, Stack
from tests.policy.attempts import Attempts

__all__ = ["are_forked", "make_stack", "pulumi", "pulumi_home", "stack"]

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
ENGINE = pytest.mark.engine
PACK_PYTHON = "PULUMI_CORTECS_POLICY_PYTHON"


@dataclass(frozen=True)
class Guarded:
    """A stack that is only ever touched under packs. Each is a folder with a limits file, None for none."""

    stack: Stack
    packs: tuple[tuple[Path, Path | None], ...]

    def preview(self, *arguments: str, expect: int | None, **env: str) -> Run:
        return self.stack.preview(*self.options(), *arguments, expect=expect, env={**self.environment, **env})

    def up(self, *arguments: str, expect: int | None, **env: str) -> Run:
        return self.stack.up(*self.options(), *arguments, expect=expect, env={**self.environment, **env})

    def options(self) -> Iterable[str]:
        """The packs, for a command."""
        for pack, limits in self.packs:
            yield from ("--policy-pack", str(pack / "run"))
            if limits is not None:
                yield from ("--policy-pack-config", str(limits))

    @property
    def environment(self) -> dict[str, str]:
        """The Python that starts the packs: one whose process is forked, unless the stack names another."""
        return {PACK_PYTHON: self.stack.environment.get(PACK_PYTHON, pack_python(self.stack.environment))}


def guarded(stack: Stack, *packs: str) -> Guarded:
    """The stack under ready packs, with the limits of the demo."""
    return Guarded(stack, tuple((POLICIES / pack, POLICIES / pack / "limits" / "demo.json") for pack in packs))


@pytest.fixture
def started_packs(stack: Stack) -> None:
    """Starts packs by an isolated Python of their own: for what attacks their processes, or the place they start in."""
    stack.environment[PACK_PYTHON] = sys.executable


@pytest.fixture
def attempts(record_property: Callable[[str, object], None]) -> Iterator[Attempts]:
    """The record of a test's attempts at evasion; the test fails if one got through."""
    attempts = Attempts(record_property)
    yield attempts
    assert attempts.through == []

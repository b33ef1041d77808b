"""The packs on the real pulumi CLI, as people hand them over: executables with limits beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import make_stack, pulumi, pulumi_home, stack
from tests.engine.pulumi import Run, Stack

__all__ = ["make_stack", "pulumi", "pulumi_home", "stack"]

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
ENGINE = pytest.mark.engine


@dataclass(frozen=True)
class Guarded:
    """A stack that is only ever touched under packs. Each is a folder with a limits file."""

    stack: Stack
    packs: tuple[tuple[Path, Path], ...]

    def preview(self, *arguments: str, expect: int, **env: str) -> Run:
        return self.stack.preview(*self._options(), *arguments, expect=expect, env={**self._environment, **env})

    def up(self, *arguments: str, expect: int, **env: str) -> Run:
        return self.stack.up(*self._options(), *arguments, expect=expect, env={**self._environment, **env})

    def _options(self) -> Iterable[str]:
        for pack, limits in self.packs:
            yield from ("--policy-pack", str(pack / "run"), "--policy-pack-config", str(limits))

    @property
    def _environment(self) -> dict[str, str]:
        return {"PULUMI_CORTECS_POLICY_PYTHON": sys.executable}


def guarded(stack: Stack, *packs: str) -> Guarded:
    """The stack under ready packs, with the limits of the demo."""
    return Guarded(stack, tuple((POLICIES / pack, POLICIES / pack / "limits" / "demo.json") for pack in packs))

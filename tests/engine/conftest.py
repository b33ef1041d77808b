"""The real pulumi CLI, from `make test` (PULUMI_CORTECS_ENGINE) or wherever `tools/engine` finds it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.engine.packages import quick
from tests.engine.pulumi import Stack, new_stack
from tests.engine.vault import key_service
from tests.preloaded import IS_POSSIBLE, preloaded

_ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives the CLI."""
    folder = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if str(item.path).startswith(folder):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def pulumi() -> Path:
    """The path of a suitable pulumi. Fails, rather than skips, where there is none."""
    named = os.environ.get("PULUMI_CORTECS_ENGINE")
    if named:
        return Path(named)
    command = [sys.executable, str(_ROOT / "tools" / "engine" / "get.py"), "--path-only"]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert completed.returncode == 0, f"no pulumi CLI: run `make engine` first\n{completed.stderr}"
    return Path(completed.stdout.strip())


@pytest.fixture(scope="session")
def pulumi_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One PULUMI_HOME per test process: the CLI keeps its selected stack there."""
    return tmp_path_factory.mktemp("pulumi-home")


@pytest.fixture
def are_forked(request: pytest.FixtureRequest) -> bool:
    """True if the program's and the provider's process are forked from one that has Pulumi imported already."""
    return IS_POSSIBLE and request.node.get_closest_marker("started") is None


@pytest.fixture
def make_stack(
    pulumi: Path, pulumi_home: Path, tmp_path: Path, are_forked: bool
) -> Callable[[Mapping[str, str]], Stack]:
    """Makes stacks against any environment, each with a directory of its own."""
    count = iter(range(100))
    variables = {**quick(pulumi_home.parent, preloaded() if are_forked else None), **key_service()}

    def make(environment: Mapping[str, str]) -> Stack:
        directory = tmp_path / f"stack{next(count)}"
        directory.mkdir()
        return new_stack(pulumi, directory, {**variables, **environment}, pulumi_home)

    return make


@pytest.fixture
def stack(make_stack: Callable[[Mapping[str, str]], Stack], simulator: Simulator) -> Stack:
    """A stack against the simulator of this test."""
    return make_stack(simulator.env())

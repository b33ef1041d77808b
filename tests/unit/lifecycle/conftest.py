"""The journal, and the world that the tests of orders and of their recovery share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_cortecs.lifecycle.journal import Journal
from tests.unit.runs import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "state")
    yield world
    for run in world.runs:
        run.dies()
        assert run.warned == []


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()

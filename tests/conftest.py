"""What all tests share: a simulator of their own, and backoffs that do not wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from pulumi_cortecs.simulator import Simulator, running


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator with empty books whose instances boot in three tenths of a second (18 virtual seconds)."""
    with running(speed=60, boot=18) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _no_backoff() -> Iterator[None]:
    """Retries in this process follow each other at once. Provider processes, being children, back off as always."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield

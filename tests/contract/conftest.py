"""A provider's host, on the simulator of a test, or on one that many tests ask and none changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pulumi_cortecs.simulator import Simulator, running
from tests.contract.host import Host, hosting
from tests.contract.proxy import Proxy, between


@pytest.fixture
def start_host(simulator: Simulator) -> Iterator[Callable[..., Host]]:
    """Starts hosts: each engine operation has a process of its own, with nothing remembered from the one before.

    Takes variables that go before those of the simulator, and what `hosting` takes.
    """
    with ExitStack() as stack:

        def start(environment: dict[str, str] | None = None, **options: str) -> Host:
            return stack.enter_context(hosting({**simulator.env(), **(environment or {})}, **options))

        yield start


@pytest.fixture
def host(start_host: Callable[..., Host]) -> Host:
    """A host of this test."""
    return start_host()


@pytest.fixture
def proxy(simulator: Simulator) -> Iterator[Proxy]:
    """Somebody between provider and simulator."""
    with between(simulator) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[Simulator]:
    """A simulator that no test changes."""
    with running(speed=60, boot=18) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def shared_host(shared_simulator: Simulator) -> Iterator[Host]:
    """A host for tests that only ask, under names of their own, and buy nothing."""
    with hosting(shared_simulator.env()) as host:
        yield host

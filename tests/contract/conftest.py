"""A provider's host, on the simulator of a test, or on one that many tests ask and none changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone

import pytest

from pulumi_cortecs.simulator import Simulator, running
from tests.clouds.case import CloudCase
from tests.clouds.every import EVERY
from tests.contract.engine import FakeEngine, listening
from tests.contract.host import IMPATIENT, Host, hosting
from tests.contract.proxy import Proxy, between


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Simulator]:
    with running(speed=60, boot=18, simulated=[cloud.simulated for cloud in EVERY.values()]) as simulator:
        yield simulator


@pytest.fixture
def simulator(_simulator: Simulator) -> Simulator:
    """A simulator with empty books; instances boot in three tenths of a second (18 virtual ones)."""
    _empty(_simulator)
    return _simulator


def _empty(simulator: Simulator) -> None:
    """A reset that does not turn the vendor's clock back: the host that all tests share dates its orders by it."""
    reached = simulator.control.clock().now
    simulator.control.reset()  # to the time of this machine
    behind = (reached - datetime.now(timezone.utc)).total_seconds()
    simulator.control.advance(max(behind, 0))
    simulator.control.register("sim", "sim", "sim")


@pytest.fixture(params=EVERY)
def cloud(request: pytest.FixtureRequest) -> CloudCase:
    """Each of the clouds, for what all of them have in common."""
    return EVERY[request.param]


@pytest.fixture(scope="session")
def _host(_simulator: Simulator) -> Iterator[Host]:
    with hosting(_simulator.env(), before=IMPATIENT) as host:
        yield host


@pytest.fixture
def host(_host: Host, simulator: Simulator) -> Host:
    """A host that has been there for a while: it remembers prices of half a minute ago, and retries without a pause."""
    return _host


@pytest.fixture
def start_host(simulator: Simulator) -> Iterator[Callable[..., Host]]:
    """Starts hosts that know nothing yet: each engine operation has one.

    Takes variables that go before those of the simulator, and what `hosting` takes.
    """
    with ExitStack() as stack:

        def start(environment: dict[str, str] | None = None, **options: str) -> Host:
            return stack.enter_context(hosting({**simulator.env(), **(environment or {})}, **options))

        yield start


@pytest.fixture
def proxy(simulator: Simulator) -> Iterator[Proxy]:
    """A proxy between provider and simulator."""
    with between(simulator) as proxy:
        yield proxy


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    """An engine that a provider reports to."""
    with listening() as engine:
        yield engine


@pytest.fixture(scope="session")
def shared_host() -> Iterator[Host]:
    """A host for tests that only ask, under names of their own, of a market that no test changes."""
    with running() as simulator, hosting(simulator.env()) as host:
        yield host

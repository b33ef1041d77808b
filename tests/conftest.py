"""The fixtures of all tests: a simulator of their own, and backoffs that do not wait."""

from __future__ import annotations

import gc
import os
import random
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import certifi
import pytest
import stamina
import typer.testing
from hypothesis import HealthCheck, settings

from pulumi_cortecs.simulator import Simulator, running
from tests.policy.attempts import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

# whatever proxy this machine has, the simulators are on it; what the tests start inherits this
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"

# how fast examples come is a matter of the machine, and no test asserts on a clock; a change is not to fail for an
# example that has nothing to do with it: `pytest --hypothesis-profile random` looks for new ones
settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("random"), derandomize=True)
settings.load_profile("same")


# each client reads the public authorities, which takes longer than a test, and none of them has signed for a simulator
for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(name, None)
_ONE_AUTHORITY = tempfile.NamedTemporaryFile(prefix="authority-", suffix=".pem")  # noqa: SIM115 (to the end)
_END = b"-----END CERTIFICATE-----"
_ONE_AUTHORITY.write(Path(certifi.where()).read_bytes().partition(_END)[0] + _END)
_ONE_AUTHORITY.flush()
certifi.where = lambda: _ONE_AUTHORITY.name

# typer would make the whole command anew, of all signatures, for each run of it
typer.testing._get_command = cache(typer.testing._get_command)

# while tests are collected next to nothing becomes garbage, and looking for it costs a third of the time
gc.disable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--shuffle SEED`: no test may need another one before it."""
    parser.addoption("--shuffle", metavar="SEED", help="run the tests in the order that follows from this")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the tests into the order that `--shuffle` wants."""
    seed = config.getoption("--shuffle", None)
    if seed is not None:
        random.Random(seed).shuffle(items)


def pytest_collection_finish() -> None:
    """Lets the collector of garbage leave alone what has been collected, thousands of tests, and come less often."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


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

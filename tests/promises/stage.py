"""One provider process at a simulated vendor, without a network and in no real time: the seams are HTTP and the clock.

Calls are those of Pulumi's host (tests/stateful/hosts.py); `lines` has what the engine was told to show.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import httpx

from pulumi_cortecs import _abi
from pulumi_cortecs.http import probe, vendor_api
from pulumi_cortecs.lifecycle import engine_cli
from pulumi_cortecs.lifecycle.cloud import Probes
from pulumi_cortecs.lifecycle.journal import Journal
from pulumi_cortecs.lifecycle.stack_state import StateUnreadableError
from pulumi_cortecs.provider import accounts, host, session
from pulumi_cortecs.provider.session import Session
from pulumi_cortecs.simulator import Settings
from pulumi_cortecs.simulator.clock import VirtualClock
from pulumi_cortecs.simulator.world import World
from tests.clouds.case import CloudCase
from tests.stateful.hosts import Servicer, run_now
from tests.stateful.wire import ORIGIN, Wire
from tests.unit.fakes import FakeClock

Point = Callable[[str, str, str], None]


class _Engine:
    """The engine's service, as far as the provider calls it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def Log(self, request: Any, timeout: float) -> None:
        self.lines.append(request.message)


class Stage:
    """A vendor with its clock, and the process that asks it. `point` is called before and after each request of the
    vendor's API (see Wire); `endpoint` answers the requests to instances themselves."""

    def __init__(self, case: CloudCase, directory: Path, client: mock.MagicMock, engine: _Engine) -> None:
        self.case = case
        self.clock = FakeClock()
        self.world = World(
            origin=ORIGIN,
            defaults=Settings(),
            seed=0,
            monotonic=self.clock.now,
            wall=lambda: self.clock.utc_now().timestamp(),
            knobs={"boot_seconds": 3.0},
        )
        self.world.clock = VirtualClock(1.0, start=self.clock.utc_now(), monotonic=self.clock.now)
        self.cloud = case.staged(self.world)
        self.point: Point = lambda when, asked, subject: None
        self.endpoint: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(200)
        self.requests: list[str] = []
        self._directory = directory
        self._engine = engine
        self._wire = Wire(
            self.cloud, self._at_point, self.clock.advance, lambda: 0.01, random.Random(0), tell=lambda text: None
        )
        client.return_value = self._wire
        self.new_process()

    @property
    def gateway(self) -> bool:
        """Returns whether the vendor has a gateway before its instances."""
        cloud = accounts.account(self.case.kind()).cloud
        return isinstance(cloud, Probes) and cloud.has_gateway

    @property
    def lines(self) -> list[str]:
        """The lines of progress and warnings since they were last cleared."""
        return self._engine.lines

    def new_process(self) -> None:
        """Ends the provider process and starts another, with the same journal."""
        previous = session.current()
        ours = Session(self.clock, self.clock, in_background=run_now)
        ours.journal = Journal(self._directory, lambda: self.clock.utc_now().timestamp())
        ours.states = _NoStates()  # type: ignore[assignment]
        ours.exclusive[self.case.name] = True
        session.activate(ours)
        if "journal" in vars(previous):
            previous.journal.close()

    def call(self, method: str, urn: str, **request: Any) -> Any:
        """A call of the engine's. Raises what the provider raises."""
        name = self.case.endpoint if "Endpoint::" in urn else self.case.instance
        context = SimpleNamespace(set_trailing_metadata=lambda _: None, is_active=lambda: True)
        return getattr(Servicer(_abi.load(name)), method)(SimpleNamespace(urn=urn, **request), context)

    def urn(self, name: str) -> str:
        """The URN of an Instance."""
        return f"urn:pulumi:test::tests::{self.case.kind().token}::{name}"

    def endpoint_urn(self, name: str) -> str:
        """The URN of its Endpoint."""
        kind = self.case.kind()
        return f"urn:pulumi:test::tests::{kind.token}${kind.endpoint_token}::{name}"

    def check(self, name: str, program: Mapping[str, Any]) -> Mapping[str, Any]:
        """The inputs of a new Instance. Raises AssertionError for failures."""
        checked = self.call("Check", self.urn(name), olds={}, news=program)
        assert not checked.failures, [(failure.property, failure.reason) for failure in checked.failures]
        inputs: Mapping[str, Any] = checked.inputs
        return inputs

    def buy(self, name: str, program: Mapping[str, Any]) -> Any:
        """An `up` of a new Instance."""
        return self.call("Create", self.urn(name), properties=self.check(name, program))

    def _at_point(self, when: str, asked: str, subject: str) -> None:
        if when == "before":
            self.requests.append(asked)
        self.point(when, asked, subject)


class _NoStates:
    """The states of an engine that cannot be asked."""

    def __getattr__(self, name: str) -> Any:
        raise StateUnreadableError("there is no engine")


@contextmanager
def stage(case: CloudCase, directory: Path) -> Iterator[Stage]:
    """A stage for one cloud; `directory` is for its journal."""
    environment = {
        **case.simulated.environment(ORIGIN),
        "PULUMI_BACKEND_URL": "https://state.test",
        "PULUMI_CORTECS_LIST_LAG": "2",
    }
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("CORTECS_", "PULUMI_"))}
    with ExitStack() as undone:
        undone.enter_context(mock.patch.dict(os.environ, {**clean, **environment}, clear=True))
        client = undone.enter_context(mock.patch.object(vendor_api, "shared_client"))
        undone.callback(session.activate, session.current())
        engine_cli.current_cli.cache_clear()
        undone.callback(engine_cli.current_cli.cache_clear)
        engine = _Engine()
        undone.enter_context(mock.patch.object(host, "_engine", return_value=engine))
        host.silence_retry_log()
        made = Stage(case, directory, client, engine)
        endpoints = httpx.Client(transport=httpx.MockTransport(lambda request: made.endpoint(request)))
        undone.enter_context(mock.patch.object(probe, "probe_client", return_value=endpoints))
        try:
            yield made
        finally:
            session.current().journal.close()
            endpoints.close()

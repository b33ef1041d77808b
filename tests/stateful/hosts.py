"""Provider processes in one process: each has the module variables of a new one, and can be killed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import httpx
from pulumi.dynamic import CheckResult, ReadResult

from pulumi_cortecs import _abi
from pulumi_cortecs.http import api_client, probe, vendor_api
from pulumi_cortecs.lifecycle import engine_cli
from pulumi_cortecs.lifecycle.clock import InterruptedWaitError
from pulumi_cortecs.lifecycle.journal import Journal
from pulumi_cortecs.lifecycle.stack_export import SIGNATURE
from pulumi_cortecs.lifecycle.stack_state import States, StateUnreadableError
from pulumi_cortecs.provider import host, session
from pulumi_cortecs.provider.session import Session
from tests.clouds.case import CloudCase
from tests.stateful.crowd import Crowd, CrowdLock, Killed, Process
from tests.stateful.wire import ORIGIN

BEGAN = datetime(2030, 1, 1, tzinfo=timezone.utc).timestamp()
"""The start of all scenes, by the calendar of the machine."""
LAG = 2.0
POLL = 2.0
_QUICKER = 0.3
"""The probability that another thread runs between two looks at the journal. A switch costs more than the look."""


def _with_floats(value: Any) -> Any:
    """A value as it comes off the wire: whole numbers as floats, and nothing in it that is None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _with_floats(item) for key, item in value.items() if item is not None}
    return [_with_floats(item) for item in value] if isinstance(value, list) else value


class _Clock:
    """The machine's clock, as a process sees it."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd

    def now(self) -> float:
        return self._crowd.now

    def utc_now(self) -> datetime:
        return datetime.fromtimestamp(BEGAN + self._crowd.now, timezone.utc)

    def sleep(self, seconds: float) -> None:
        self._crowd.sleep(seconds)


class _InterruptibleClock(_Clock):
    def __init__(self, crowd: Crowd, of: Host) -> None:
        super().__init__(crowd)
        self._of = of

    def sleep(self, seconds: float) -> None:
        if self._of.interrupted or not self._crowd.sleep(seconds, interruptible=True):
            raise InterruptedWaitError("interrupted")


class _MortalJournal(Journal):
    """A journal into which a dead process writes nothing; another process may be quicker before every look at it."""

    def __init__(self, directory: Path, crowd: Crowd, of: Host) -> None:
        self._crowd, self._of = crowd, of
        super().__init__(directory, lambda: BEGAN + crowd.now)

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in ("file", "let_go"):
            if self._of.dead:
                raise Killed
            if self._crowd.is_mine() and not self._lock._is_owned():  # type: ignore[attr-defined]
                self._crowd.point(_QUICKER)
        return super().__getattribute__(name)

    def let_go(self) -> None:
        """Release the resources, as the end of the process does."""
        Journal.close(self)


class Host(Process):
    """A provider process, and the context of its gRPC calls. `engine` has started it, None for a command of ours;
    `calls` is the number of calls that it serves now; `killed` is true if it did not end by itself. `states` are the
    states that it can read, `exclusive` its setting for an exclusive account."""

    current: Host | None = None

    def __init__(
        self,
        crowd: Crowd,
        case: CloudCase,
        directory: Path,
        engine: Process | None,
        states: States,
        *,
        exclusive: bool = False,
    ) -> None:
        self._crowd = crowd
        self.engine = engine
        self.interrupted = False
        self.killed = False
        self.calls = 0
        self.journal = _MortalJournal(directory, crowd, self)
        self.session = Session(_Clock(crowd), _InterruptibleClock(crowd, self), in_background=run_now)
        self.session.journal, self.session.states = self.journal, states
        self.session.exclusive[case.name] = exclusive
        self.providers = {case.token: _abi.load(case.instance), case.endpoint_token: _abi.load(case.endpoint)}
        if case.volume:
            self.providers[case.volume_token] = _abi.load(case.volume)

    def enter(self) -> None:
        Host.current = self
        session.activate(self.session)

    def set_trailing_metadata(self, metadata: object) -> None:
        """Does nothing: errors come as exceptions here."""

    def is_active(self) -> bool:
        """Returns whether a caller waits for the answer."""
        return self.engine is None or not self.engine.dead

    def interrupt(self) -> None:
        """The first ^C."""
        self.interrupted = True
        self._crowd.interrupt(self)

    def end(self) -> None:
        """The process is killed, or ends."""
        if not self.dead:
            self._crowd.kill(self)
            self.journal.let_go()

    def call(self, method: str, urn: str, **request: Any) -> Any:
        """A call of the engine's. Raises what the provider raises, and Killed."""
        self.calls += 1
        caller = self._crowd.current.process
        try:
            self._crowd.moved_to(self)
            served = Servicer(self.providers[urn.split("::")[2].rpartition("$")[2]])
            return getattr(served, method)(SimpleNamespace(urn=urn, **request), self)
        finally:
            self.calls -= 1
            self._crowd.current.process = caller


def run_now(work: Callable[[], object]) -> None:
    """Runs at once what a host runs in a thread: a round has no threads but those of its crowd."""
    with suppress(StateUnreadableError):
        work()


class Servicer:
    """The methods of Pulumi's own host, with the names and variables that `provider/host.py` looks for."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def Check(self, request: Any, context: Any) -> Any:
        checked = self._provider.check(_with_floats(request.olds), _with_floats(request.news))
        return CheckResult(_in_clear(checked.inputs), checked.failures)

    def Diff(self, request: Any, context: Any) -> Any:
        return self._provider.diff(request.id, _with_floats(request.olds), _with_floats(request.news))

    def Create(self, request: Any, context: Any) -> Any:
        return self._provider.create(_with_floats(request.properties))

    def Read(self, request: Any, context: Any) -> Any:
        found = self._provider.read(request.id, _with_floats(request.properties))
        return ReadResult(found.id, _in_clear(found.outs), _in_clear(found.inputs))

    def Update(self, request: Any, context: Any) -> Any:
        return self._provider.update(request.id, _with_floats(request.olds), _with_floats(request.news))

    def Delete(self, request: Any, context: Any) -> None:
        self._provider.delete(request.id, _with_floats(request.properties))


def _in_clear(props: Mapping[str, Any] | None) -> dict[str, Any]:
    """The properties without the marks of secrets: the engine passes their values on in clear."""
    return {
        key: value["value"] if isinstance(value, Mapping) and SIGNATURE in value else value
        for key, value in (props or {}).items()
    }


@contextmanager
def stage(case: CloudCase) -> Iterator[mock.MagicMock]:
    """Prepares the modules for scenes of a cloud; yields the mock that gives the cloud's client a wire. Locks give the
    turn away, the calendar is the crowd's, and the modules get their own variables back at the end."""
    environment = {
        **case.simulated.environment(ORIGIN),
        "PULUMI_BACKEND_URL": "https://state.test",
        "PULUMI_CORTECS_LIST_LAG": str(LAG),
        "PULUMI_CORTECS_POLL_INTERVAL": str(POLL),
    }
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("CORTECS_", "PULUMI_"))}

    def calendar() -> float:
        return time.time() if Crowd.active is None else BEGAN + Crowd.active.now

    def passed() -> float:
        return time.monotonic() if Crowd.active is None else Crowd.active.now

    clocks = SimpleNamespace(**{**vars(time), "time": calendar, "monotonic": passed})

    with ExitStack() as undone:
        undone.enter_context(mock.patch.dict(os.environ, {**clean, **environment}, clear=True))
        undone.enter_context(mock.patch.object(threading, "Lock", CrowdLock))
        undone.enter_context(mock.patch.object(api_client, "time", clocks))
        client = undone.enter_context(mock.patch.object(vendor_api, "shared_client"))
        # what the vendor calls ready answers here; tests/promises is about what does not
        endpoints = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
        undone.enter_context(mock.patch.object(probe, "probe_client", return_value=endpoints))
        undone.callback(session.activate, session.current())
        engine_cli.current_cli.cache_clear()
        undone.callback(engine_cli.current_cli.cache_clear)
        host.silence_retry_log()
        try:
            yield client
        finally:
            Crowd.active = None
            Host.current = None

"""Stand-ins for the world in tests of the waiting and talking parts: clocks whose hands we turn, an account in
memory whose list may lag, and a vendor that answers by a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx

from pulumi_cortecs.cost import Money
from pulumi_cortecs.http.errors import AnswerLostError, CloudError, NotFoundError, RefusedError
from pulumi_cortecs.lifecycle.cloud import (
    Arguments,
    CanStop,
    Cloud,
    OrderAnswer,
    OrderMatch,
    OrderRef,
    OrderSpec,
    Phase,
    phase_of,
)
from pulumi_cortecs.lifecycle.stack_state import NEVER, StackState, StateRow, StateUnreadableError

Event = Callable[[], object]
EPOCH = datetime(2030, 1, 1, tzinfo=timezone.utc)
"""When the clocks of tests begin."""


class FakeClock:
    """Sleeping advances it at once; what was planned `at` a time happens when it comes."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._planned: list[tuple[float, Event]] = []
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def utc_now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._now)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        until = self._now + seconds
        for due in sorted((event for event in self._planned if event[0] <= until), key=lambda event: event[0]):
            self._planned.remove(due)
            self._now = max(self._now, due[0])
            due[1]()
        self._now = until

    def at(self, seconds: float, event: Event) -> None:
        """Plans an event for `seconds` after now."""
        self._planned.append((self._now + seconds, event))


class CrowdClock:
    """A clock for `size` threads: time passes only when all of them sleep, and then up to the first who wakes."""

    def __init__(self, size: int) -> None:
        self._now = 1000.0
        self._turned = threading.Condition()
        self._awake = size
        self._wakes: list[float] = []

    def now(self) -> float:
        return self._now

    def utc_now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._now)

    def advance(self, seconds: float) -> None:
        """The time that a call takes."""
        with self._turned:
            self._now += seconds

    def sleep(self, seconds: float) -> None:
        with self._turned:
            wakes = self._now + seconds
            self._wakes.append(wakes)
            self._awake -= 1
            self._turn()
            assert self._turned.wait_for(lambda: self._now >= wakes, timeout=30), "somebody neither sleeps nor leaves"

    def leave(self) -> None:
        """Removes a thread, so that time no longer waits for it."""
        with self._turned:
            self._awake -= 1
            self._turn()

    def _turn(self) -> None:
        if self._awake == 0 and self._wakes:
            self._now = max(self._now, min(self._wakes))
            self._awake = sum(wakes <= self._now for wakes in self._wakes)
            self._wakes = [wakes for wakes in self._wakes if wakes > self._now]
            self._turned.notify_all()


@dataclass(frozen=True)
class Machine:
    """An instance of the fake account."""

    instance_id: str
    arguments: tuple[object, ...] = ("small",)
    status: str = "pending"
    listed_from: float = 0.0
    known_from: float = 0.0


def refused(status: int = 400) -> RefusedError:
    kind = NotFoundError if status == 404 else RefusedError
    return kind(f"the vendor said {status}", status=status, vendor_message="no", request_id=None)


@dataclass
class FakeAccount:
    """An account in memory. `lag` is for how long its list misses a new machine; with `lag_by_id` the answer by id
    misses it as well. A listing `takes` some seconds, raises the next `trouble`, if any, and fails from the one to the
    other time of `down`."""

    clock: FakeClock | CrowdClock
    lag: float = 0.0
    lag_by_id: bool = False
    machines: dict[str, Machine] = field(default_factory=dict)
    takes: float = 0.0
    down: tuple[float, float] = (0.0, 0.0)
    wrong: int = 0
    trouble: list[CloudError | None] = field(default_factory=list)
    trouble_by_id: list[CloudError | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    started: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, instance_id: str, status: str = "running", arguments: tuple[object, ...] = ("small",)) -> None:
        """Something that has been there for long."""
        self.machines[instance_id] = Machine(instance_id, arguments, status)

    def turn(self, instance_id: str, status: str) -> None:
        self.machines[instance_id] = replace(self.machines[instance_id], status=status)

    def listing(self) -> Mapping[str, Machine]:
        with self._lock:
            self.asked.append("list")
            self.clock.advance(self.takes)
            error = self.trouble.pop(0) if self.trouble else None
            if error is not None:
                raise error
            now = self.clock.now()
            if self.down[0] <= now < self.down[1]:
                raise AnswerLostError("the list is down")
            if self.wrong:
                self.wrong -= 1
                return {}
            return {key: machine for key, machine in self.machines.items() if machine.listed_from <= now}

    def by_id(self, instance_id: str) -> Machine | None:
        self.asked.append("by id")
        error = self.trouble_by_id.pop(0) if self.trouble_by_id else None
        if error is not None:
            raise error
        machine = self.machines.get(instance_id)
        return machine if machine is not None and machine.known_from <= self.clock.now() else None

    def start(self, *arguments: object) -> Machine:
        with self._lock:
            self.asked.append("start")
            now = self.clock.now()
            known_from = now + self.lag if self.lag_by_id else now
            # newer ids sort first, so that whoever chooses by name alone does not choose the oldest by luck
            self.started += 1
            machine = Machine(f"id-{999 - self.started}", arguments, "pending", now + self.lag, known_from)
            self.machines[machine.instance_id] = machine
            return machine

    def stop(self, instance_id: str) -> Machine:
        self.asked.append("stop")
        self._get_machine(instance_id)
        self.turn(instance_id, "stopped")
        return self.machines[instance_id]

    def delete(self, instance_id: str) -> None:
        self.asked.append("delete")
        if self._get_machine(instance_id).status != "stopped":
            raise refused(400)
        del self.machines[instance_id]

    def _get_machine(self, instance_id: str) -> Machine:
        machine = self.machines.get(instance_id)
        if machine is None or machine.known_from > self.clock.now():
            raise refused(404)
        return machine


WORDS = {
    "pending": Phase.STARTING,
    "running": Phase.READY,
    "stopped": Phase.STOPPED,
    "failed": Phase.FAILED,
    "deleting": Phase.DELETING,
}
A_PRICE = Money.of("1.20", "EUR")


@dataclass
class PlainCloud(Cloud[Machine]):
    """A cloud over the fake account, with the abilities of every cloud. None in the arguments of a machine is not
    reported by the vendor; a machine "nearly small" nearly matches an order of "small". `list_lag` is the assumed lag
    of the list; `began` returns the start of a machine and `now` the time, by the vendor's clock; `hourly` the cost of
    a machine. The inputs of an order are its arguments, or the function that carries it out."""

    account: FakeAccount
    list_lag: float = 0.0
    fingerprint: str = "ours"
    base_url: str = "https://vendor.example"
    began: Callable[[Machine], float | None] = lambda _: None
    now: Callable[[], float | None] = lambda: None
    hourly: Callable[[Machine], Money | None] = lambda _: A_PRICE

    def list_instances(self) -> Mapping[str, Machine]:
        return self.account.listing()

    def get_instance(self, instance_id: str) -> Machine | None:
        return self.account.by_id(instance_id)

    def create(self, inputs: Mapping[str, Any], order: OrderRef) -> OrderAnswer[Machine]:
        carried_out: Callable[[], Machine] | None = inputs.get("carried_out")
        machine = carried_out() if carried_out else self.account.start(*inputs["arguments"])
        return OrderAnswer(machine.instance_id, machine)

    def delete(self, instance_id: str) -> None:
        self.account.delete(instance_id)

    def vendor_time(self) -> float | None:
        return self.now()

    def vendor_date(self) -> float | None:
        return self.account.clock.now()

    def hourly_price(self, instance: Machine) -> Money | None:
        return self.hourly(instance)

    def id_of(self, instance: Machine) -> str:
        return instance.instance_id

    def phase(self, instance: Machine) -> Phase:
        return phase_of(instance.status, WORDS)

    def ready_phase(self, instance: Machine) -> Phase:
        return self.phase(instance)

    def is_billed(self, instance: Machine) -> bool:
        return instance.status != "stopped"

    def started_at(self, instance: Machine) -> float | None:
        return self.began(instance)

    def reported_inputs(self, instance: Machine) -> Mapping[str, Any]:
        return {}

    def progress_text(self, instance: Machine) -> str:
        return instance.status

    def endpoint_outputs(self, instance: Machine, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"status": instance.status}

    def match(self, instance: Machine, ordered: OrderSpec) -> OrderMatch:
        wanted = ordered.arguments
        pairs = zip(instance.arguments, wanted, strict=False)
        if len(instance.arguments) == len(wanted) and all(one in (None, other) for one, other in pairs):
            return OrderMatch.MAYBE
        return OrderMatch.NEARLY if wanted and instance.arguments[0] == f"nearly {wanted[0]}" else OrderMatch.NO

    def arguments_of(self, inputs: Mapping[str, object]) -> Arguments | None:
        arguments = inputs.get("arguments")
        return tuple(arguments) if isinstance(arguments, (list, tuple)) else None

    def describe_order(self, ordered: Arguments) -> str:
        return str(ordered)


class FakeCloud(PlainCloud, CanStop[Machine]):
    """The same, whose instances can be stopped."""

    def stop(self, instance_id: str) -> Machine:
        return self.account.stop(instance_id)

    def start(self, instance_id: str) -> Machine:
        raise refused(400)


Answer = Callable[[httpx.Request], httpx.Response]


def answer(status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    """An HTTP answer; a body that is neither text nor bytes goes out as JSON."""
    content = body if isinstance(body, (str, bytes)) else json.dumps({} if body is None else body)
    return lambda _request: httpx.Response(status, content=content, headers=headers)


def breaks(error: type[httpx.TransportError], words: str = "it broke") -> Answer:
    """A broken connection instead of an answer."""

    def broken(request: httpx.Request) -> httpx.Response:
        raise error(words, request=request)

    return broken


class Script:
    """A vendor that gives one answer after the other, the last one for ever. Threads may share it."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self._lock = threading.Lock()
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            chosen = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return chosen(request)

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]


@dataclass
class FakeStates:
    """The states of a backend in memory: `stacks` by name. Readings are counted in `read`; `trouble` makes every one
    fail, and `meanwhile` happens in the middle of the next. `not_before`: how new the last one of all had to be."""

    stacks: dict[str, list[StateRow]] = field(default_factory=dict)
    trouble: str = ""
    read: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] | None = None
    not_before: float = NEVER
    _time: float = 0.0

    def now(self) -> float:
        self._time += 1
        return self._time

    def has(self, stack: str, urn: str, instance_id: str, **more: Any) -> StateRow:
        row = StateRow(stack, urn, instance_id, **more)
        self.stacks.setdefault(stack, []).append(row)
        return row

    def gone(self, row: StateRow) -> None:
        self.stacks[row.stack].remove(row)

    def stack_of(self, urn: str, not_before: float = NEVER) -> StackState:
        return self._read(urn.split("::")[0].removeprefix("urn:pulumi:"))

    def every_stack(self, urn: str, not_before: float = NEVER) -> tuple[StackState, ...]:
        self.not_before = not_before
        own = self.stack_of(urn)
        return (own, *(self._read(name) for name in self.stacks if name != own.name))

    def _read(self, stack: str) -> StackState:
        self.read.append(stack)
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        if self.trouble:
            raise StateUnreadableError(self.trouble)
        return StackState(stack, self.now(), tuple(self.stacks.get(stack, ())))

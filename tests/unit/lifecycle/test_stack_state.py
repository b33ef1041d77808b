"""States as a CLI prints them: read when wanted, once for all who wait, and an error rather than half an answer."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pulumi_cortecs.lifecycle.cli_states import CliStates, _SharedReading, find_organization
from pulumi_cortecs.lifecycle.pulumi_cli import CliCommand, CliError, UnknownStackError
from pulumi_cortecs.lifecycle.stack_state import PendingCreation, StackState, StateRow, StateUnreadableError
from tests.unit.stacked import INSTANCE, creating, endpoint_row, installed, row, urn

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}
DEV = "organization/shop/dev"
PROD = "organization/shop/prod"
LS = ("stack", "ls", "--all", "--json", "--fully-qualify-stack-names")
URN = urn("chat")
LONG = 30.0


def exported(*rows: Mapping[str, Any], pending: Sequence[Mapping[str, Any]] = ()) -> str:
    return json.dumps({"version": 3, "deployment": {"resources": [*rows], "pending_operations": [*pending]}})


class Teller:
    """A CLI that prints its `answers`, or raises them. `asked` counts; answers come only while it is `open`."""

    def __init__(self, **answers: str | Exception) -> None:
        self.answers: dict[str, str | Exception] = {DEV: exported(row("a")), **answers}
        self.asked: Counter[str] = Counter()
        self.came = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()

    def __call__(self, arguments: Sequence[str]) -> str:
        name = "ls" if tuple(arguments) == LS else arguments[3]
        if name != "ls":
            assert tuple(arguments) == ("stack", "export", "--stack", name)
        self.asked[name] += 1
        self.came.release()
        assert self.open.wait(LONG)
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


def states(
    tell: Callable[[Sequence[str]], str],
    environment: Mapping[str, str] | None = None,
    now: Callable[[], float] | None = None,
    organization: Callable[[], str] = lambda: "organization",
) -> CliStates:
    ticks = iter(range(1000))
    return CliStates(
        tell,
        types={INSTANCE},
        environment=environment or {},
        organization=organization,
        now=now or (lambda: float(next(ticks))),
    )


def test_rows_and_creations_that_never_ended_are_told() -> None:
    doomed = row("old", delete=True, outputs={"price": "1.20", "token": SECRET, "deep": [{"token": SECRET}]})
    tell = Teller()
    tell.answers[DEV] = exported(
        doomed,
        row("a", protect=True),
        row("seen", external=True),
        row(""),
        endpoint_row("a"),
        pending=[creating("chat", model_id="m", num_workers=2, adopt_id=SECRET), {**creating("x"), "type": "updating"}],
    )
    assert states(tell).stack_of(URN) == StackState(
        DEV,
        0.0,
        (
            StateRow(
                DEV,
                URN,
                "old",
                doomed=True,
                outputs={"price": "1.20", "token": None, "deep": [{"token": None}]},
                secrets=frozenset({"token"}),
                resource_type=INSTANCE,
            ),
            StateRow(DEV, URN, "a", protected=True, resource_type=INSTANCE),
            StateRow(DEV, URN, "seen", external=True, resource_type=INSTANCE),
        ),
        (
            PendingCreation(
                DEV, URN, {"model_id": "m", "num_workers": 2, "adopt_id": None}, INSTANCE, frozenset({"adopt_id"})
            ),
        ),
    )


def test_secrets_are_asked_for_where_they_are_wanted_and_there_are_some() -> None:
    shown = {**SECRET, "plaintext": '{"deep": [7]}'}
    options: list[tuple[str, ...]] = []

    def run(exported_text: str, arguments: Sequence[str]) -> str:
        options.append(tuple(arguments[4:]))
        return exported_text.replace(json.dumps(SECRET), json.dumps(shown)) if arguments[4:] else exported_text

    def read(exported_text: str, *, wanted: bool) -> StackState:
        options.clear()
        asked = CliStates(
            partial(run, exported_text), types=(INSTANCE,), environment={}, organization=lambda: "o", secrets=wanted
        )
        return asked.stack_of(URN)

    some = exported(row("a", outputs={"token": SECRET}), pending=[creating("chat", adopt_id=SECRET)])
    state = read(some, wanted=True)
    assert options == [(), ("--show-secrets",)]
    assert state.rows[0].outputs == {"token": {"deep": [7]}}
    assert state.rows[0].secrets == {"token"}
    assert state.pending[0].inputs == {"adopt_id": {"deep": [7]}}
    assert read(some, wanted=False).rows[0].outputs == {"token": None}
    assert options == [()]
    read(exported(row("a")), wanted=True)
    assert options == [()]


@pytest.mark.parametrize("text", [7, None, "no JSON"])
def test_a_secret_in_no_known_form_stays_one(text: object) -> None:
    tell = Teller()
    tell.answers[DEV] = exported(row("a", outputs={"token": {**SECRET, "plaintext": text}}))
    assert states(tell).stack_of(URN).rows[0].outputs == {"token": None}


def test_a_stack_that_was_never_updated_has_nothing() -> None:
    tell = Teller(**{DEV: '{"version": 3, "deployment": null}'})
    assert states(tell).stack_of(URN) == StackState(DEV, 0.0)


@pytest.mark.parametrize(
    "exported_text",
    [
        "",
        "[]",
        "{}",
        '{"version": 3}',
        '{"version": 5, "deployment": null}',
        '{"version": true, "deployment": null}',
        '{"version": 3, "deployment": []x}',
        '{"version": 3, "deployment": {"resources": {"a": 1}}}',
        '{"version": 3, "deployment": {"resources": [7]}}',
        '{"version": 3, "deployment": {"resources": [{"urn": "u"}]}}',
        '{"version": 3, "deployment": {"resources": [{"urn": "u", "type": "t", "id": 7}]}}',
        '{"version": 3, "deployment": {"resources": [{"urn": "u", "type": "t", "delete": "no"}]}}',
        '{"version": 3, "deployment": {"pending_operations": [{"type": "creating"}]}}',
        '{"version": 3, "deployment": ' + "[" * 100_000,
    ],
)
def test_what_is_no_whole_state_is_an_error(exported_text: str) -> None:
    with pytest.raises(StateUnreadableError, match=f"the state of {DEV} cannot be read: "):
        states(Teller(**{DEV: exported_text})).stack_of(URN)


def test_states_are_read_on_demand_and_an_old_answer_may_do() -> None:
    tell = Teller()
    reader = states(tell)
    assert not tell.asked
    first = reader.stack_of(URN)
    assert reader.stack_of(URN) is first
    assert reader.stack_of(URN, not_before=first.read_at) is first
    assert reader.stack_of(URN, not_before=first.read_at + 0.5).read_at == first.read_at + 1
    assert tell.asked[DEV] == 2


def test_one_reading_serves_all_who_came_before_it_began() -> None:
    with Crowd() as crowd:
        early = crowd.begin(at=1.0)
        crowd.tell.came.acquire(timeout=LONG)
        late = [crowd.begin(at=2.0) for _ in range(20)]
        crowd.hands = 3.0
        crowd.tell.open.set()
        assert early.result(LONG).read_at == 1.0
        # none of the twenty is given what was asked for before it came
        assert {reading.result(LONG).read_at for reading in late} == {3.0}
        assert crowd.tell.asked[DEV] == 2


def test_a_failure_reaches_those_who_waited_for_it_and_nobody_later() -> None:
    with Crowd() as crowd:
        crowd.tell.answers[DEV] = CliError("no access")
        early = crowd.begin(at=1.0)
        crowd.tell.came.acquire(timeout=LONG)
        late = [crowd.begin(at=2.0) for _ in range(20)]
        crowd.hands = 3.0
        crowd.tell.open.set()
        for reading in (early, *late):
            with pytest.raises(StateUnreadableError, match="no access"):
                reading.result(LONG)
        assert crowd.tell.asked[DEV] == 2
        crowd.tell.answers[DEV] = exported(row("a"))
        assert crowd.begin(at=2.0).result(LONG).rows


def test_every_stack_is_told_its_own_first() -> None:
    tell = Teller(ls=json.dumps([{"name": PROD}, {"name": DEV}]))
    tell.answers[PROD] = exported(row("b"))
    assert [stack.name for stack in states(tell).every_stack(URN)] == [DEV, PROD]
    assert tell.asked == Counter({"ls": 1, DEV: 1, PROD: 1})


def test_a_stack_that_was_removed_meanwhile_is_left_out_but_never_ones_own() -> None:
    tell = Teller(ls=json.dumps([{"name": PROD}, {"name": DEV}]))
    tell.answers[PROD] = UnknownStackError("no stack named prod")
    assert [stack.name for stack in states(tell).every_stack(URN)] == [DEV]
    tell.answers[DEV] = UnknownStackError("no stack named dev")
    with pytest.raises(StateUnreadableError, match="no stack named dev"):
        states(tell).every_stack(URN)


@pytest.mark.parametrize("answer", ["", "{}", "[7]", '[{"name": 7}]', CliError("logged out")])
def test_one_state_or_list_that_cannot_be_read_is_an_error(answer: str | Exception) -> None:
    with pytest.raises(StateUnreadableError):
        states(Teller(ls=answer)).every_stack(URN)
    tell = Teller(ls=json.dumps([{"name": PROD}, {"name": DEV}]))
    tell.answers[PROD] = answer
    with pytest.raises(StateUnreadableError):
        states(tell).every_stack(URN)


def test_a_backend_of_very_many_stacks_is_not_read_for_ever() -> None:
    hands = iter(range(0, 10_000, 15))
    tell = Teller(ls=json.dumps([{"name": f"organization/shop/n{i}"} for i in range(50)]))
    tell.answers |= {f"organization/shop/n{i}": exported() for i in range(50)}
    with pytest.raises(StateUnreadableError, match="the states of the 51 stacks could not be read within 60 s"):
        states(tell, now=lambda: float(next(hands))).every_stack(URN)


@pytest.mark.parametrize("value", ["true", "1", "TRUE"])
def test_without_checkpoints_nobody_is_asked(value: str) -> None:
    tell = Teller()
    reader = states(tell, {"PULUMI_SKIP_CHECKPOINTS": value})
    for ask in (reader.stack_of, reader.every_stack):
        with pytest.raises(StateUnreadableError, match="PULUMI_SKIP_CHECKPOINTS is set"):
            ask(URN)
    assert not tell.asked


@pytest.mark.parametrize("text", ["", "chat", "urn:pulumi:dev", "urn:pulumi:::shop::t::n", "urn:pulumi:dev::::t::n"])
def test_a_urn_that_names_no_stack_is_an_error(text: str) -> None:
    with pytest.raises(StateUnreadableError, match="it names no stack"):
        states(Teller()).stack_of(text)


@pytest.mark.parametrize(
    ("url", "arguments", "organization"),
    [
        ("file:///var/states", ("pulumi", "up", "-s", "acme/shop/dev"), "organization"),
        ("s3://bucket", (), "organization"),
        ("postgres://u@h/d", (), "organization"),
        ("https://api.pulumi.com", ("pulumi", "up", "--stack", "acme/shop/dev"), "acme"),
        ("https://api.pulumi.com", ("pulumi", "up", "--stack=acme/dev", "--yes"), "acme"),
        ("https://api.pulumi.com", ("pulumi", "up", "-s", "dev", "-sacme/dev"), "acme"),
        ("https://api.pulumi.com", ("pulumi", "up", "-s=acme/dev", "--", "-s", "x/y"), "acme"),
    ],
)
def test_the_organization_is_what_the_command_says(url: str, arguments: tuple[str, ...], organization: str) -> None:
    assert find_organization(arguments, url) == organization


@pytest.mark.parametrize("arguments", [(), ("pulumi", "up"), ("pulumi", "up", "--stack", "dev"), ("pulumi", "-s")])
def test_in_pulumi_cloud_an_organization_that_is_not_named_is_asked_for(arguments: tuple[str, ...]) -> None:
    tell = Teller()
    reader = states(tell, organization=lambda: find_organization(arguments, "https://api.pulumi.com"))
    with pytest.raises(StateUnreadableError, match="--stack ORGANIZATION/PROJECT/STACK"):
        reader.stack_of(URN)
    assert not tell.asked


def test_no_user_of_a_backend_is_in_an_error(tmp_path: Path) -> None:
    path = installed(
        tmp_path / "bin", "#!/bin/sh\necho 'error: s3://key:word@bucket/x?token=abc: denied' >&2; exit 1\n"
    )
    url = "postgres://me:hidden@db.example/states?password=hidden"
    command = CliCommand(path.split(":")[0] + "/pulumi", tmp_path, {"PULUMI_BACKEND_URL": url, "PATH": path}, LONG, url)
    with pytest.raises(StateUnreadableError) as failure:
        states(command.run).stack_of(URN)
    assert all(secret not in str(failure.value) for secret in ("hidden", "word@", "abc"))


def test_a_cli_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StateUnreadableError, match="pulumi stack export"):
        states(CliCommand("", tmp_path, {}, LONG, "file:///x").run).stack_of(URN)


class Crowd:
    """Callers at moments that are given, of one reader whose CLI answers when it is let."""

    def __init__(self) -> None:
        self.tell = Teller()
        self.tell.open.clear()
        self.hands = 1.0
        self._reader = states(self.tell, now=lambda: self.hands)
        self._pool = ThreadPoolExecutor(32)

    def begin(self, at: float) -> Future[StackState]:
        """A caller that has come when this returns."""
        before = _waiting()
        doing = self._pool.submit(self._reader.stack_of, URN, not_before=at)
        until = time.monotonic() + LONG
        while _waiting() <= before and not doing.done() and time.monotonic() < until:
            time.sleep(0.001)
        return doing

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self.tell.open.set()
        self._pool.shutdown()


def _waiting() -> int:
    """The number of threads that are in a reading, or wait for one."""
    count = 0
    for frame in sys._current_frames().values():
        caller: FrameType | None = frame
        while caller is not None and not (
            caller.f_code is _SharedReading.get.__code__ and "failures" in caller.f_locals
        ):
            caller = caller.f_back
        count += caller is not None
    return count

"""The state of a stack is read while something else takes its time: the imports before a deletion, the market and the
list before a purchase."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.journal import Journal
from pulumi_cortecs.lifecycle.releases import Releases
from pulumi_cortecs.lifecycle.shared_rows import SharedRows
from pulumi_cortecs.lifecycle.stack_state import StateUnreadableError
from pulumi_cortecs.provider import process, session
from pulumi_cortecs.provider.session import Session, run_in_thread
from tests.unit.fakes import FakeClock
from tests.unit.journals import CHAT, FakeStates


@pytest.fixture(autouse=True)
def current_session() -> Iterator[None]:
    before = session.current()
    yield
    session.activate(before)


def creations(states: FakeStates, reported: list[str]) -> Creations:
    return Creations(lambda: states, FakeClock(), reported.append)


def test_a_creation_reads_the_state_once_whoever_comes_first() -> None:
    states = FakeStates(FakeClock())
    ours = creations(states, [])
    ours.read_ahead(CHAT.urn, 0.0)
    ours.read_ahead(CHAT.urn.replace("chat", "other"), 0.0)
    assert states.asked == 1
    assert ours.interrupted(CHAT.urn, 0.0) == []
    ours.read_ahead(CHAT.urn, 0.0)
    ours.read_ahead("", 0.0)  # a host that passes no URN
    assert states.asked == 2  # a fake state is read each time, and CliStates shares a reading


def test_an_unreadable_state_is_reported_by_the_creation_that_needs_it() -> None:
    states, reported = FakeStates(FakeClock()), list[str]()
    states.unreadable = "locked"
    ours = creations(states, reported)
    with pytest.raises(StateUnreadableError):
        ours.read_ahead(CHAT.urn, 0.0)
    assert reported == []
    assert ours.interrupted(CHAT.urn, 0.0) is None
    assert reported == ["locked"]


def test_work_in_the_background_does_not_wait_and_its_error_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    entered, release = threading.Event(), threading.Event()

    def fail() -> None:
        entered.set()
        release.wait(10)
        raise ValueError

    thread = run_in_thread(fail)
    assert entered.wait(10)
    release.set()
    thread.join(10)
    assert not thread.is_alive()
    assert capfd.readouterr() == ("", "")


def Delete(self: object, request: Any, context: object) -> None:
    """The host's method of this name and with these variables is what `preload` looks for."""
    process.preload.__wrapped__("pulumi_cortecs.cortecs")


def Read(self: object, request: Any, context: object) -> None:
    process.preload.__wrapped__("pulumi_cortecs.cortecs")


@pytest.mark.parametrize(("method", "is_read"), [(Delete, True), (Read, False)])
def test_the_first_call_of_a_destroy_begins_to_read_the_state(
    method: Callable[..., None], is_read: bool, tmp_path: Any
) -> None:
    states, works = FakeStates(FakeClock()), list[Callable[[], object]]()
    ours = Session(in_background=works.append)
    vars(ours)["shared_rows"] = SharedRows(lambda: states, Releases(Journal(tmp_path)), lambda: 0.0)
    session.activate(ours)
    method(None, SimpleNamespace(urn=CHAT.urn), None)
    assert len(works) == is_read
    for work in works:
        work()
    assert ours.shared_rows.plan_deletion("an id", CHAT.urn).problem == ""
    assert states.asked == 1  # the deletion itself found it read, or read it

"""Readiness, replayed: sequences of probes, and by what an instance counts as ready."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_cortecs.http.probe import Answer, Outcome, ProbeSpec
from pulumi_cortecs.lifecycle.clock import InterruptedWaitError
from pulumi_cortecs.lifecycle.cloud import Probes
from pulumi_cortecs.lifecycle.poller import NEVER, Poller
from pulumi_cortecs.lifecycle.readiness import OLD_CONTAINER_SECONDS, UNREACHABLE_SECONDS, Readiness, ReadyBy
from pulumi_cortecs.lifecycle.waiting import (
    DeadlineError,
    InterruptedWhileWaitingError,
    UnreachableWhileWaitingError,
    Wait,
)
from tests.unit.fakes import FakeAccount, FakeClock, FakeCloud, Machine

LAG = 3.0
ANSWERED, REFUSED, NOT_YET, UNREACHABLE = Outcome


class ProbedCloud(FakeCloud, Probes[Machine]):
    """A cloud whose instances answer probes by a script: the outcome that is in force at a time."""

    has_gateway = False

    def __init__(self, account: FakeAccount, clock: FakeClock) -> None:
        super().__init__(account, LAG)
        self.clock = clock
        self.script: list[tuple[float, Outcome]] = [(0, ANSWERED)]
        self.asleep = False
        self.probed_at: list[float] = []
        self.began_at = clock.now()

    def probe(self, instance: Machine, how: ProbeSpec) -> Answer:
        passed = self.clock.now() - self.began_at
        self.probed_at.append(round(passed))
        outcome = [outcome for at, outcome in self.script if at <= passed][-1]
        return Answer(outcome, f"it is {outcome.value}")

    def sleeps(self, instance: Machine) -> bool:
        return self.asleep


class Room:
    """One instance "x" that its vendor calls ready, and a wait for it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.account = FakeAccount(self.clock)
        self.account.put("x")
        self.cloud = ProbedCloud(self.account, self.clock)
        self.how: ProbeSpec | None = ProbeSpec()
        self.restarted_at = NEVER
        self.reports: list[str] = []

    def wait(self, timeout: float = 600.0) -> Readiness[Machine]:
        readiness: Readiness[Machine] = Readiness(self.cloud, self.clock, self.how, self.restarted_at)
        poller: Poller[Machine] = Poller(self.cloud, self.clock)
        Wait(self.cloud, poller, self.clock).until_ready(
            "x", started_at=self.clock.now(), timeout=timeout, report=self.reports.append, readiness=readiness
        )
        return readiness

    @property
    def passed(self) -> float:
        return self.clock.now() - self.cloud.began_at


@pytest.fixture
def room() -> Room:
    return Room()


def test_what_answers_is_ready_by_its_answer(room: Room) -> None:
    readiness = room.wait()
    assert (readiness.by, readiness.warning, room.cloud.probed_at) == (ReadyBy.ANSWER, "", [0])


def test_what_refuses_a_key_itself_is_ready(room: Room) -> None:
    room.cloud.script = [(0, NOT_YET), (3, REFUSED)]
    readiness = room.wait()
    assert (readiness.by, readiness.warning) == (ReadyBy.REFUSED, "")


def test_what_does_not_answer_is_asked_with_growing_pauses(room: Room) -> None:
    room.cloud.script = [(0, NOT_YET), (70, ANSWERED)]
    assert room.wait().by is ReadyBy.ANSWER
    assert room.cloud.probed_at == [0, 1, 3, 7, 15, 30, 45, 60, 75]
    assert room.reports[0] == "running, but it does not answer yet: it is not yet"


def test_the_listing_goes_on_as_often_as_without_probes(room: Room) -> None:
    room.cloud.script = [(0, NOT_YET), (25, ANSWERED)]
    room.wait()
    assert room.account.asked.count("list") <= 2 * room.passed + 1


def test_the_status_is_enough_where_the_user_says_so(room: Room) -> None:
    room.how = None
    readiness = room.wait()
    assert (readiness.by, readiness.warning, room.cloud.probed_at) == (ReadyBy.STATUS, "", [])


def test_the_status_is_enough_where_a_cloud_cannot_be_probed(room: Room) -> None:
    cloud = FakeCloud(room.account, LAG)
    readiness: Readiness[Machine] = Readiness(cloud, room.clock, ProbeSpec())
    assert readiness.check(room.account.machines["x"])
    assert (readiness.by, readiness.warning) == (ReadyBy.STATUS, "")


@pytest.mark.parametrize("key", ["", "a-key"])
def test_a_refusal_of_a_gateway_proves_nothing(key: str, room: Room) -> None:
    room.cloud.has_gateway, room.cloud.script, room.how = True, [(0, REFUSED), (8, ANSWERED)], ProbeSpec(key=key)
    readiness = room.wait()
    if key:
        assert (readiness.by, readiness.warning, room.cloud.probed_at) == (ReadyBy.ANSWER, "", [0, 1, 3, 7, 15])
    else:
        assert (readiness.by, room.cloud.probed_at) == (ReadyBy.STATUS, [0])
        assert "Set ready_key" in readiness.warning


def test_a_gateway_that_says_not_yet_is_waited_for_without_a_key_too(room: Room) -> None:
    room.cloud.has_gateway, room.cloud.script = True, [(0, NOT_YET), (8, REFUSED)]
    assert room.wait().by is ReadyBy.STATUS
    assert room.passed >= 8


def test_what_is_unreachable_for_two_minutes_is_ready_by_its_status_with_a_warning(room: Room) -> None:
    room.cloud.script = [(0, UNREACHABLE)]
    readiness = room.wait()
    assert readiness.by is ReadyBy.STATUS
    assert UNREACHABLE_SECONDS <= room.passed <= UNREACHABLE_SECONDS + 1
    assert "it is unreachable" in readiness.warning
    assert "ready='status'" in readiness.warning


def test_the_two_minutes_begin_again_after_any_other_answer(room: Room) -> None:
    room.cloud.script = [(0, UNREACHABLE), (60, NOT_YET), (80, UNREACHABLE)]
    room.wait()
    assert room.passed >= 80 + UNREACHABLE_SECONDS


def test_the_two_minutes_begin_again_when_the_vendor_does_not_call_it_ready(room: Room) -> None:
    room.cloud.script = [(0, UNREACHABLE)]
    room.clock.at(60, lambda: room.account.put("x", "pending"))
    room.clock.at(80, lambda: room.account.put("x", "running"))
    room.wait()
    assert room.passed >= 80 + UNREACHABLE_SECONDS


@pytest.mark.parametrize(
    ("outcome", "gateway", "key", "ends"),
    [
        (NOT_YET, False, "", DeadlineError),
        (UNREACHABLE, False, "", UnreachableWhileWaitingError),
        (REFUSED, True, "a-key", UnreachableWhileWaitingError),
    ],
)
def test_a_deadline_says_whether_the_instance_could_be_asked(
    outcome: Outcome, gateway: bool, key: str, ends: type[Exception], room: Room
) -> None:
    room.cloud.has_gateway, room.cloud.script, room.how = gateway, [(0, outcome)], ProbeSpec(key=key)
    with pytest.raises(DeadlineError) as raised:
        room.wait(timeout=30)
    assert type(raised.value) is ends
    assert f"it is {outcome.value}" in raised.value.last_status


def test_an_instance_that_was_unreachable_and_is_starting_again_is_not_called_ready(room: Room) -> None:
    room.cloud.script = [(0, UNREACHABLE)]
    room.clock.at(10, lambda: room.account.put("x", "pending"))
    with pytest.raises(DeadlineError) as raised:
        room.wait(timeout=30)
    assert type(raised.value) is DeadlineError


@pytest.mark.parametrize("outcome", [ANSWERED, REFUSED])
def test_after_a_restart_the_answer_of_the_old_container_does_not_count(outcome: Outcome, room: Room) -> None:
    room.restarted_at = room.clock.now()
    room.cloud.script = [(0, outcome), (2, NOT_YET), (6, outcome)]
    assert room.wait().by in (ReadyBy.ANSWER, ReadyBy.REFUSED)
    assert room.cloud.probed_at == [0, 1, 3, 7]


def test_after_half_a_minute_a_restarted_instance_counts_by_its_answer(room: Room) -> None:
    room.restarted_at = room.clock.now()
    assert room.wait().by is ReadyBy.ANSWER
    assert room.passed >= OLD_CONTAINER_SECONDS


@pytest.mark.parametrize(("outcome", "by"), [(ANSWERED, ReadyBy.ANSWER), (NOT_YET, ReadyBy.STATUS)])
def test_what_sleeps_is_asked_once(outcome: Outcome, by: ReadyBy, room: Room) -> None:
    room.cloud.asleep, room.cloud.script = True, [(0, outcome)]
    readiness = room.wait()
    assert (readiness.by, room.cloud.probed_at, bool(readiness.warning)) == (by, [0], by is ReadyBy.STATUS)


def test_an_interrupt_ends_the_wait_between_two_probes(room: Room) -> None:
    room.cloud.script = [(0, NOT_YET)]
    sleep: Callable[[float], None] = room.clock.sleep

    def interrupted(seconds: float) -> None:
        if room.passed > 5:
            raise InterruptedWaitError("interrupted")
        sleep(seconds)

    room.clock.sleep = interrupted  # type: ignore[method-assign]
    with pytest.raises(InterruptedWhileWaitingError):
        room.wait()

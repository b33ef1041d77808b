"""Waiting, replayed: sequences of what the vendor shows, and how each wait ends. No test waits for real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from pulumi_cortecs.http.errors import AnswerLostError, CloudError, UnauthorizedError, UnavailableError
from pulumi_cortecs.lifecycle.clock import InterruptedWaitError
from pulumi_cortecs.lifecycle.cloud import UnknownStatusError
from pulumi_cortecs.lifecycle.poller import Poller, Snapshot
from pulumi_cortecs.lifecycle.waiting import (
    SCHEDULE,
    DeadlineError,
    FailedWhileWaitingError,
    GoneWhileWaitingError,
    InterruptedWhileWaitingError,
    StoppedWhileWaitingError,
    Wait,
    WaitEndedError,
)
from tests.unit.fakes import CrowdClock, FakeAccount, FakeClock, FakeCloud, Machine

LAG = 3.0
TIMEOUT = 60.0
HIDDEN, GONE = "hidden", "gone"


class Room:
    """One account, its poller, and a wait for the instance "x"."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.account = FakeAccount(self.clock, takes=0.01)
        self.cloud = FakeCloud(self.account, LAG)
        self.poller: Poller[Machine] = Poller(self.cloud, self.clock)
        self.began_at = self.clock.now()
        self.told: list[str] = []

    def replay(self, *states: tuple[float, str]) -> Room:
        """From each time on, the instance has that status, is hidden from the list, or is gone altogether."""
        for at, word in states:
            if at == 0:
                self._turn(word)
            else:
                self.clock.at(at, lambda word=word: self._turn(word))
        return self

    def _turn(self, word: str) -> None:
        if word == GONE:
            self.account.machines.pop("x", None)
        elif word == HIDDEN:
            self.account.machines["x"] = Machine("x", listed_from=float("inf"))
        else:
            self.account.put("x", word)

    def wait(
        self,
        *,
        started_at: float | None = None,
        timeout: float = TIMEOUT,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> Machine:
        return Wait(
            cloud=self.cloud,
            poller=self.poller,
            clock=self.clock,
            is_interrupted=interrupted,
        ).until_ready(
            "x",
            started_at=self.began_at if started_at is None else started_at,
            timeout=timeout,
            report=self.told.append,
        )

    @property
    def passed(self) -> float:
        return self.clock.now() - self.began_at


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.mark.parametrize(
    ("states", "after"),
    [
        ([(0, "running")], 0),
        ([(0, "pending"), (10, "running")], 10),
        ([(0, HIDDEN), (2, "pending"), (10, "running")], 10),
        ([(0, HIDDEN), (20, "running")], 20),  # a lag longer than we know of: by id it is there
        ([(0, "pending"), (5, HIDDEN), (6, "pending"), (10, "running")], 10),
        ([(0, GONE), (2, "running")], 2),  # missing for less than the lag, even by id
    ],
    ids=str,
)
def test_a_wait_ends_soon_after_the_instance_is_ready(
    states: Sequence[tuple[float, str]], after: float, room: Room
) -> None:
    assert room.replay(*states).wait().status == "running"
    assert after <= room.passed <= after + 1.1
    assert room.told[-1:] == (["running"] if after else [])  # who need not wait reports nothing


@pytest.mark.parametrize(
    ("states", "ends", "last", "between"),
    [
        ([(0, "pending")], DeadlineError, "pending", (TIMEOUT, TIMEOUT + 0.1)),
        ([(0, HIDDEN)], DeadlineError, "not listed yet", (TIMEOUT, TIMEOUT + 1)),
        ([(0, "pending"), (5, "stopped")], StoppedWhileWaitingError, "stopped", (5, 5.6)),
        ([(0, "stopped")], StoppedWhileWaitingError, "stopped", (0, 0.1)),
        ([(0, "pending"), (5, "failed")], FailedWhileWaitingError, "failed", (5, 5.6)),
        ([(0, "pending"), (5, "deleting")], FailedWhileWaitingError, "deleting", (5, 5.6)),
        ([(0, "pending"), (5, GONE)], GoneWhileWaitingError, "pending", (5 + LAG, 5 + 2 * LAG + 1)),
        ([(0, GONE)], GoneWhileWaitingError, "not listed yet", (LAG, 2 * LAG + 1)),
        ([(0, HIDDEN), (5, GONE)], GoneWhileWaitingError, "not listed yet", (5, 5 + LAG + 1)),
    ],
    ids=str,
)
def test_a_wait_that_cannot_succeed_ends_with_what_was_seen_last(
    states: Sequence[tuple[float, str]],
    ends: type[WaitEndedError],
    last: str,
    between: tuple[float, float],
    room: Room,
) -> None:
    with pytest.raises(ends) as raised:
        room.replay(*states).wait()
    assert raised.value.last_status == last
    assert between[0] <= room.passed <= between[1]


def test_a_word_that_nobody_knows_ends_the_wait_and_is_named(room: Room) -> None:
    with pytest.raises(UnknownStatusError, match=r"'hibernating'; known are .*pending, running, stopped"):
        room.replay((0, "pending"), (5, "hibernating")).wait()
    assert room.passed < 6


def test_right_after_a_restart_a_stop_is_only_what_was_before_it(room: Room) -> None:
    room.replay((0, "stopped"), (LAG - 0.5, "pending"), (10, "running"))
    room.poller.mark_started("x")
    assert room.wait().status == "running"


def test_a_stop_that_outlasts_the_lag_after_a_restart_is_a_stop(room: Room) -> None:
    room.replay((0, "stopped"))
    room.poller.mark_started("x")
    with pytest.raises(StoppedWhileWaitingError):
        room.wait()
    assert LAG < room.passed <= LAG + 1


def lost() -> CloudError:
    return AnswerLostError("the line broke")


def busy() -> CloudError:
    return UnavailableError("busy", status=503, vendor_message="busy", request_id=None)


def unauthorized() -> CloudError:
    return UnauthorizedError("who are you", status=401, vendor_message="who are you", request_id=None)


def test_passing_trouble_is_weathered(room: Room) -> None:
    room.account.trouble = [lost(), busy(), None, lost(), lost(), None, busy()]
    assert room.replay((0, "pending"), (10, "running")).wait().status == "running"
    assert room.told == ["no answer: the line broke", "no answer: busy", "pending", *room.told[3:]]
    assert room.told[-1] == "running"


def test_trouble_until_the_deadline_is_told_with_its_words(room: Room) -> None:
    room.account.trouble = [lost() for _ in range(999)]
    with pytest.raises(DeadlineError) as raised:
        room.replay((0, "running")).wait()
    assert raised.value.last_status == "no answer: the line broke"
    assert TIMEOUT <= room.passed <= TIMEOUT + 0.1


@pytest.mark.parametrize("trouble", [lost, busy])
def test_trouble_while_making_sure_that_it_is_gone_does_not_end_the_wait(trouble: object, room: Room) -> None:
    room.account.trouble_by_id = [trouble(), trouble()]  # type: ignore[operator]
    assert room.replay((0, HIDDEN), (20, "running")).wait().status == "running"


def test_credentials_that_are_refused_end_the_wait_at_once(room: Room) -> None:
    room.account.trouble = [None, unauthorized()]
    with pytest.raises(UnauthorizedError):
        room.replay((0, "pending")).wait()
    assert room.passed < 1


def test_credentials_that_are_refused_are_never_taken_for_gone(room: Room) -> None:
    room.account.trouble_by_id = [unauthorized()]
    with pytest.raises(UnauthorizedError):
        room.replay((0, GONE)).wait()


def test_an_interrupted_wait_ends_with_what_was_seen_last(room: Room) -> None:
    room.clock.at(5, lambda: (_ for _ in ()).throw(InterruptedWaitError()))
    with pytest.raises(InterruptedWhileWaitingError) as raised:
        room.replay((0, "pending"), (10, "running")).wait()
    assert raised.value.last_status == "pending"
    assert 5 <= room.passed < 6


def test_an_interrupted_wait_tells_the_poll_that_it_is_in_a_hurry(room: Room) -> None:
    hurries: list[Callable[[], bool]] = []

    class Noting(Poller[Machine]):
        def snapshot(self, *, in_a_hurry: Callable[[], bool] = lambda: False, **more: float) -> Snapshot[Machine]:
            hurries.append(in_a_hurry)
            return super().snapshot(in_a_hurry=in_a_hurry, **more)

    def interrupted() -> bool:
        return True

    room.poller = Noting(room.cloud, room.clock)
    room.replay((0, "running")).wait(interrupted=interrupted)
    assert hurries == [interrupted]


def test_the_deadline_counts_from_the_start_of_the_instance(room: Room) -> None:
    room.replay((0, "pending"))
    room.clock.advance(50)
    with pytest.raises(DeadlineError):
        room.wait()
    assert TIMEOUT <= room.passed <= TIMEOUT + 0.1


def test_who_comes_after_the_deadline_still_looks_once(room: Room) -> None:
    room.replay((0, "running"))
    room.clock.advance(10 * TIMEOUT)
    assert room.wait().status == "running"
    room.account.turn("x", "pending")
    room.clock.advance(10 * TIMEOUT)
    with pytest.raises(DeadlineError):
        room.wait()


def test_each_new_state_is_told_once(room: Room) -> None:
    room.replay((0, HIDDEN), (2, "pending"), (10, "running")).wait()
    assert room.told == ["not listed yet", "pending", "running"]


def test_a_new_instance_is_not_asked_for_by_id_before_it_should_be_listed(room: Room) -> None:
    room.replay((0, HIDDEN), (LAG - 0.5, "running")).wait()
    assert room.told == ["not listed yet", "running"]
    assert "by id" not in room.account.asked


def test_what_the_list_showed_before_our_own_change_does_not_count(room: Room) -> None:
    room.replay((0, "running"))
    room.poller.snapshot(max_age=60)
    room.account.turn("x", "pending")
    room.clock.advance(0.1)
    room.poller.mark_changed("x")
    with pytest.raises(DeadlineError):
        room.wait()


def calls_while_waiting(waiters: int, boot: float, apart: float = 0.0) -> int:
    """The number of list calls until so many threads, begun `apart` from each other, see their instance ready."""
    clock = CrowdClock(waiters)
    began_at, calls, ready = clock.now(), [0], []

    class Booting(FakeCloud):
        def list_instances(self) -> dict[str, Machine]:
            calls[0] += 1
            clock.advance(0.01)
            status = "running" if clock.now() - began_at >= boot else "pending"
            return {f"x{n}": Machine(f"x{n}", status=status) for n in range(waiters)}

    cloud = Booting(FakeAccount(clock), LAG)
    wait = Wait(cloud, Poller(cloud, clock), clock)

    def wait_for(number: int) -> None:
        clock.sleep(number * apart)
        try:
            ready.append(
                wait.until_ready(f"x{number}", started_at=began_at, timeout=2 * boot, report=lambda _text: None).status
            )
        finally:
            clock.leave()

    threads = [threading.Thread(target=wait_for, args=(number,)) for number in range(waiters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ready == ["running"] * waiters
    return calls[0]


def of_the_schedule(boot: float) -> float:
    """One call per interval, at the age that the instance has."""
    count, since = 0.0, 0.0
    for up_to, interval in SCHEDULE:
        count += (min(boot, up_to) - since) / interval
        since = min(boot, up_to)
    return count


@pytest.mark.parametrize("boot", [10.0, 60.0, 300.0])
@pytest.mark.parametrize("waiters", [1, 2, 20])
def test_the_schedule_alone_decides_the_number_of_list_calls(waiters: int, boot: float) -> None:
    assert 0.9 * of_the_schedule(boot) <= calls_while_waiting(waiters, boot) <= of_the_schedule(boot) + 2


def test_waits_that_began_apart_share_calls_too() -> None:
    assert calls_while_waiting(20, boot=20, apart=0.037) <= of_the_schedule(20) + 2


def test_the_intervals_are_those_that_are_documented() -> None:
    assert list(SCHEDULE) == [(30.0, 0.5), (120.0, 1.0), (float("inf"), 5.0)]


def test_a_long_wait_says_now_and_then_that_it_still_looks(room: Room) -> None:
    room.replay((0, "pending"), (35, "running")).wait()
    assert room.told == ["pending", "pending", "pending", "pending", "running"]

"""Gone is said on good answers only: two lists further apart than the lag, and the answer by id."""

from __future__ import annotations

import pytest

from pulumi_cortecs.http.errors import AnswerLostError, CloudError, UnauthorizedError, UnavailableError
from pulumi_cortecs.lifecycle.poller import NEVER, Poller
from pulumi_cortecs.lifecycle.presence import find_or_confirm_gone
from tests.unit.fakes import FakeAccount, FakeClock, FakeCloud, Machine

LAG = 4.0


class Room:
    def __init__(self, lag: float = LAG) -> None:
        self.clock = FakeClock()
        self.account = FakeAccount(self.clock, lag=lag)
        self.account.put("bystander")  # an account without anything is listed twice
        self.cloud = FakeCloud(self.account, lag)
        self.poller: Poller[Machine] = Poller(self.cloud, self.clock)
        self.began_at = self.clock.now()

    def find(self, instance_id: str = "x", not_before: float = NEVER) -> Machine | None:
        return find_or_confirm_gone(instance_id, self.cloud, self.poller, not_before)

    @property
    def passed(self) -> float:
        return self.clock.now() - self.began_at


@pytest.fixture
def room() -> Room:
    return Room()


def test_what_is_listed_is_found_at_once(room: Room) -> None:
    room.account.put("x")
    assert room.find() == room.account.machines["x"]
    assert (room.account.asked, room.passed) == (["list"], 0)


def test_a_burst_of_reads_is_one_list_call(room: Room) -> None:
    for n in range(1000):
        room.account.put(f"x{n}")
    assert all(room.find(f"x{n}") for n in range(1000))
    assert room.account.asked == ["list"]


def test_what_the_list_does_not_show_yet_is_found_by_its_id(room: Room) -> None:
    new = room.account.start("small")
    assert room.find(new.instance_id) == new
    assert (room.account.asked, room.passed) == (["start", "list", "by id"], 0)


def test_a_recent_listing_is_not_enough_where_a_new_one_is_needed(room: Room) -> None:
    room.account.put("x")
    room.find()
    room.account.turn("x", "stopped")
    room.clock.advance(1)
    machines = [room.find(), room.find(not_before=room.clock.now())]
    assert [machine.status for machine in machines if machine] == ["running", "stopped"]


def test_what_is_missing_everywhere_is_gone_after_the_lag(room: Room) -> None:
    assert room.find() is None
    assert LAG < room.passed <= LAG + 1.1
    assert room.account.asked.count("by id") == 2
    assert room.account.asked[-1] == "by id"


def test_the_second_that_is_gone_takes_no_time(room: Room) -> None:
    room.find("x")
    before = room.passed
    assert room.find("y") is None
    assert room.passed == before


def test_without_a_lag_two_looks_are_taken_all_the_same() -> None:
    room = Room(lag=0)
    assert room.find() is None
    assert 0 < room.passed < 1
    assert room.account.asked.count("list") == 2


def test_what_shows_up_while_we_look_is_found(room: Room) -> None:
    room.clock.at(2, lambda: room.account.put("x"))
    assert room.find() == room.account.machines["x"]


def test_what_shows_up_by_its_id_at_the_last_moment_is_found(room: Room) -> None:
    late = Machine("x", listed_from=float("inf"), known_from=room.clock.now() + LAG)
    room.account.machines["x"] = late
    assert room.find() == late


def test_a_list_that_still_shows_it_beats_a_no_by_id(room: Room) -> None:
    room.account.machines["x"] = Machine("x", known_from=float("inf"))
    assert room.find() is not None


def test_a_list_that_shows_it_again_begins_the_waiting_anew(room: Room) -> None:
    room.poller.snapshot(max_age=0)
    room.clock.advance(LAG - 1)
    room.account.put("x")
    room.poller.snapshot(max_age=0)
    del room.account.machines["x"]
    room.clock.advance(16)  # what was listed no longer serves
    before = room.passed
    assert room.find() is None
    assert room.passed - before > LAG


def test_a_just_started_instance_is_not_gone_before_the_lag_is_over(room: Room) -> None:
    room.find("other")  # lists from before the start lack it, of course
    new = room.account.start("small")
    room.account.machines[new.instance_id] = Machine(new.instance_id, listed_from=1e9, known_from=room.clock.now() + 2)
    room.poller.mark_started(new.instance_id)
    assert room.find(new.instance_id) is not None


def lost() -> CloudError:
    return AnswerLostError("the line broke")


def busy() -> CloudError:
    return UnavailableError("busy", status=503, vendor_message="busy", request_id=None)


def unauthorized() -> CloudError:
    return UnauthorizedError("who are you", status=401, vendor_message="who are you", request_id=None)


@pytest.mark.parametrize("trouble", [lost, busy, unauthorized])
@pytest.mark.parametrize("calls_before", [0, 1, 3])
def test_an_error_of_the_list_is_raised_and_never_taken_for_gone(
    trouble: object, calls_before: int, room: Room
) -> None:
    room.account.trouble = [*[None] * calls_before, trouble()]  # type: ignore[operator]
    with pytest.raises(CloudError):
        room.find()


@pytest.mark.parametrize("trouble", [lost, busy, unauthorized])
@pytest.mark.parametrize("calls_before", [0, 1])
def test_an_error_of_the_answer_by_id_is_raised_and_never_taken_for_gone(
    trouble: object, calls_before: int, room: Room
) -> None:
    room.account.trouble_by_id = [*[None] * calls_before, trouble()]  # type: ignore[operator]
    with pytest.raises(CloudError):
        room.find()

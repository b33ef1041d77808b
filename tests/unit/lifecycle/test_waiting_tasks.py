"""Waits at a vendor that works by tasks, shows the time before a change for a while, and repeats errors for ever."""

from __future__ import annotations

import pytest

from pulumi_cortecs.http.errors import AnswerLostError, CloudError
from pulumi_cortecs.lifecycle.cloud import HasTasks, Phase, ReportsErrors, TaskFailedError
from pulumi_cortecs.lifecycle.deletion import Deletion, DeletionUnconfirmedError
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.lifecycle.waiting import AwaitedChange, DeadlineError, FailedWhileWaitingError, Wait
from tests.unit.fakes import FakeAccount, FakeClock, FakeCloud, Machine

LAG = 3.0
OLD, NEW = ("small",), ("large",)


class TaskCloud(FakeCloud, HasTasks[Machine], ReportsErrors[Machine]):
    """A FakeCloud whose one task has an end, and whose boots may have an error."""

    stops_before_delete = False

    def __init__(self, account: FakeAccount, clock: FakeClock) -> None:
        super().__init__(account, LAG)
        self.clock = clock
        self.ends_at = clock.now()
        self.error = ""
        self.lost: list[CloudError] = []
        self.boot_errors: list[tuple[float, str]] = []
        self.phases: dict[str, Phase] = {}

    def last_task(self, instance_id: str) -> str | None:
        return "t1"

    def task_progress(self, task_id: str) -> str:
        assert task_id == "t1"
        if self.lost:
            raise self.lost.pop()
        if self.clock.now() < self.ends_at:
            return "RUNNING"
        if self.error:
            raise TaskFailedError(self.error)
        return ""

    def standing_error(self, instance: Machine) -> str:
        return next((text for at, text in reversed(self.boot_errors) if at <= self.clock.now()), "")

    def last_log_lines(self, instance_id: str) -> list[str]:
        return ["pulling", "no such tag"]

    def delete(self, instance_id: str) -> None:
        self.account.asked.append("delete")


class Room:
    """One account with the instance "x", and its cloud."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.account = FakeAccount(self.clock, takes=0.01)
        self.cloud = TaskCloud(self.account, self.clock)
        self.poller: Poller[Machine] = Poller(self.cloud, self.clock)
        self.began_at = self.clock.now()
        self.told: list[str] = []

    def put(self, status: str, arguments: tuple[object, ...] = NEW) -> None:
        self.account.machines["x"] = Machine("x", arguments, status)

    def wait(self, *, listings: int = 1, give_up_after: float = float("inf"), timeout: float = 300.0) -> Machine:
        change = AwaitedChange[Machine](
            "t1", lambda machine: "" if machine.arguments == NEW else "still reported with another size", listings
        )
        return Wait(cloud=self.cloud, poller=self.poller, clock=self.clock).until_ready(
            "x",
            started_at=self.began_at,
            timeout=timeout,
            report=self.told.append,
            change=change,
            give_up_after=give_up_after,
        )

    @property
    def passed(self) -> float:
        return self.clock.now() - self.began_at


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_task_that_runs_is_waited_for_whatever_the_list_says(room: Room) -> None:
    room.put("running")
    room.cloud.ends_at += 10
    room.wait()
    assert 10 <= room.passed <= 11.1
    assert room.told[0] == "RUNNING"


def test_a_task_that_cannot_be_asked_for_is_asked_for_again(room: Room) -> None:
    room.put("running")
    room.cloud.lost = [AnswerLostError("the answer was lost")] * 3
    room.wait()
    assert room.told[0] == "no answer: the answer was lost"


def test_a_failed_task_ends_the_wait_with_its_words_though_nothing_ever_appears(room: Room) -> None:
    room.cloud.ends_at += 10
    room.cloud.error = "no room in region 7"
    with pytest.raises(FailedWhileWaitingError, match=r"^no room in region 7$"):
        room.wait()
    assert room.passed <= 11.1


def test_after_a_change_the_old_revision_is_not_ready(room: Room) -> None:
    room.put("running", OLD)
    room.clock.at(20, lambda: room.put("running"))
    room.wait(listings=2)
    assert room.passed >= 20
    assert "running, still reported with another size" in room.told


def test_two_listings_after_the_task_confirm_a_change(room: Room) -> None:
    room.put("running")  # the time before the change, which the first list after it still shows
    room.clock.at(0.3, lambda: room.put("pending"))
    room.clock.at(10, lambda: room.put("running"))
    room.wait(listings=2)
    assert room.passed >= 10
    assert room.told[0] == "running, to be confirmed by another list"


def test_the_end_of_a_task_asks_for_no_listing_of_its_own(room: Room) -> None:
    room.put("running")
    room.poller.snapshot(max_age=0)  # of another wait, just before the task ends
    room.wait()
    assert (room.account.asked.count("list"), room.passed >= 0.5) == (2, True)


def test_one_listing_is_enough_for_a_new_instance(room: Room) -> None:
    room.put("running")
    room.wait()
    assert room.passed < 0.5


def test_an_error_that_stays_ends_the_wait_with_the_log(room: Room) -> None:
    room.put("pending")
    room.cloud.boot_errors = [(0, "Failed to pull image")]
    text = r"^Failed to pull image, the same for 120 s; its last log lines: pulling \| no such tag$"
    with pytest.raises(FailedWhileWaitingError, match=text):
        room.wait(give_up_after=120)
    assert 120 <= room.passed <= 126


def test_a_change_that_is_never_carried_out_ends_the_wait(room: Room) -> None:
    room.put("running", OLD)
    text = "^running, still reported with another size, the same for 120 s"
    with pytest.raises(FailedWhileWaitingError, match=text):
        room.wait(listings=2, give_up_after=120)
    assert 120 <= room.passed <= 126


def test_an_error_that_changes_or_goes_is_waited_for(room: Room) -> None:
    room.put("pending")
    began = room.began_at
    room.cloud.boot_errors = [(0, "1/3: no room"), (began + 100, "2/3: no room"), (began + 200, "")]
    with pytest.raises(DeadlineError):
        room.wait(give_up_after=120, timeout=280)


def test_a_deletion_whose_task_failed_is_not_confirmed(room: Room) -> None:
    room.put("running")
    room.cloud.ends_at += 5
    room.cloud.error = "an application uses it"
    with pytest.raises(DeletionUnconfirmedError, match=r"^the deletion of x failed: an application uses it$"):
        Deletion(room.cloud, room.poller, room.clock).delete("x")
    assert room.account.asked.count("delete") == 1
    assert room.passed <= 6


def test_a_deletion_may_take_as_long_as_the_cloud_says(room: Room) -> None:
    room.put("running")
    room.cloud.ends_at += 900
    room.clock.at(800, lambda: room.account.machines.pop("x"))
    with pytest.raises(DeletionUnconfirmedError):
        Deletion(room.cloud, room.poller, room.clock).delete("x")
    room.cloud.deletion_seconds = 1200.0  # type: ignore[misc]
    Deletion(room.cloud, room.poller, room.clock).delete("x")

"""Ending a bill: silent when it had ended, proven when it ends, and an error whenever it may go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pulumi_cortecs.http.errors import (
    AnswerLostError,
    CloudError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
)
from pulumi_cortecs.lifecycle.deletion import Deletion, DeletionUnconfirmedError
from pulumi_cortecs.lifecycle.poller import Poller
from tests.unit.fakes import FakeAccount, FakeClock, FakeCloud, Machine, PlainCloud, refused

LAG = 3.0


class Vendor(FakeCloud):
    """Stops and deletes as a room says."""

    def __init__(self, room: Room, lag: float) -> None:
        super().__init__(room.account, lag)
        self.room = room

    def stop(self, instance_id: str) -> Machine:
        return self.room.stop(instance_id)

    def delete(self, instance_id: str) -> None:
        self.room.delete(instance_id)


class Room:
    """An account with one instance "x", and how its instances are ended."""

    def __init__(self, lag: float = LAG, *, lag_by_id: bool = False) -> None:
        self.clock = FakeClock()
        self.account = FakeAccount(self.clock, lag=lag, lag_by_id=lag_by_id)
        self.account.put("x", "running")
        self.cloud = Vendor(self, lag)
        self.poller: Poller[Machine] = Poller(self.cloud, self.clock)
        self.stop: Callable[[str], Any] = self.account.stop
        self.delete: Callable[[str], None] = self.account.delete
        self.began_at = self.clock.now()

    def end(self, instance_id: str = "x", on_instance: Callable[[Machine], object] = lambda _: None) -> None:
        Deletion(self.cloud, self.poller, self.clock).delete(instance_id, on_instance)

    def actions(self) -> list[str]:
        return [word for word in self.account.asked if word in ("stop", "delete")]

    @property
    def passed(self) -> float:
        return self.clock.now() - self.began_at


@pytest.fixture
def room() -> Room:
    return Room()


def refuses(error: CloudError) -> Callable[[str], None]:
    def raises(_instance_id: str) -> None:
        raise error

    return raises


@pytest.mark.parametrize("status", ["pending", "running", "stopped"])
def test_whatever_it_does_it_is_stopped_deleted_and_looked_for(status: str, room: Room) -> None:
    room.account.put("x", status)
    room.end()
    assert room.account.machines == {}
    # the list is asked for twice when it shows nothing at all
    assert room.account.asked == ["stop", "delete", "list", "list", "by id"]
    assert room.passed == 0


def test_what_is_already_gone_ends_silently_and_is_not_deleted(room: Room) -> None:
    room.account.machines.clear()
    room.end()
    assert "delete" not in room.actions()
    assert LAG < room.passed < LAG + 2


def test_what_vanished_since_the_last_list_ends_silently(room: Room) -> None:
    room.poller.snapshot(max_age=0)
    room.clock.advance(1)
    room.account.machines.clear()
    room.end()
    assert room.account.asked[:2] == ["list", "stop"]
    assert set(room.account.asked[2:]) == {"stop", "list", "by id"}


def test_what_vanishes_between_stop_and_delete_ends_silently(room: Room) -> None:
    def stop(instance_id: str) -> None:
        room.account.stop(instance_id)
        room.account.machines.clear()

    room.stop = stop
    room.end()
    assert room.account.asked[:2] == ["stop", "delete"]
    assert set(room.account.asked[2:]) == {"list", "by id"}


@pytest.mark.parametrize("status", ["running", "stopped"])
def test_what_is_ended_is_told_once_as_the_vendor_shows_it(status: str, room: Room) -> None:
    room.account.put("x", status, ("large",))
    if status == "stopped":
        room.stop = refuses(refused(400))
    reported: list[Machine] = []
    room.end(on_instance=reported.append)
    assert [(machine.arguments, machine.status) for machine in reported] == [(("large",), "stopped")]


def test_a_stop_that_is_refused_because_it_has_stopped_is_good_enough(room: Room) -> None:
    room.account.put("x", "stopped")
    room.stop = refuses(refused(400))
    room.end()
    assert room.account.machines == {}


@pytest.mark.parametrize("status", ["running", "pending"])
def test_a_stop_that_is_refused_although_it_runs_is_an_error(status: str, room: Room) -> None:
    room.account.put("x", status)
    room.stop = refuses(refused(400))
    with pytest.raises(RefusedError, match="the vendor said 400"):
        room.end()
    assert room.actions() == []
    assert "x" in room.account.machines


def test_a_stop_refused_in_an_unknown_state_leaves_it_to_the_deletion(room: Room) -> None:
    """Or an instance in a state of tomorrow could never be ended by us."""
    room.account.put("x", "broken")
    room.stop = refuses(refused(400))
    room.delete = lambda instance_id: room.account.machines.pop(instance_id) and None
    room.end()
    assert room.account.machines == {}


def test_what_the_vendor_did_not_know_yet_is_stopped_when_it_does() -> None:
    """A create whose caller is gone deletes its purchase; no later run would try again."""
    room = Room(lag_by_id=True)
    new = room.account.start("small")
    room.end(new.instance_id)
    assert new.instance_id not in room.account.machines
    assert room.actions() == ["stop", "stop", "delete"]


def test_a_deletion_that_is_refused_is_an_error(room: Room) -> None:
    room.delete = refuses(refused(400))
    with pytest.raises(RefusedError):
        room.end()
    assert "x" in room.account.machines


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_no_is_not_taken_for_gone_while_the_list_shows_it(status: int, room: Room) -> None:
    room.account.put("x", "running")
    room.stop = room.delete = refuses(refused(status))
    with pytest.raises(RefusedError):
        room.end()


def test_a_no_by_id_is_not_taken_for_gone_while_the_list_shows_it(room: Room) -> None:
    room.account.machines["x"] = Machine("x", status="running", known_from=float("inf"))
    with pytest.raises(NotFoundError):
        room.end()


def test_a_deletion_is_believed_when_list_and_id_agree(room: Room) -> None:
    """The list of some seconds ago goes on showing it."""
    remains = replace(room.account.machines["x"], status="stopped", known_from=float("inf"))

    def delete(_instance_id: str) -> None:
        room.account.machines["x"] = remains
        room.clock.at(5, room.account.machines.clear)

    room.delete = delete
    room.end()
    assert 5 <= room.passed <= 5.5


def test_a_deletion_that_was_carried_out_without_an_answer_has_happened(room: Room) -> None:
    """The deletion is sent again, the vendor knows the id no more, and the older list goes on showing it."""
    remains = replace(room.account.machines["x"], status="stopped", known_from=float("inf"))

    def delete(_instance_id: str) -> None:
        room.account.machines["x"] = remains
        room.clock.at(5, room.account.machines.clear)
        raise refused(404)

    room.delete = delete
    room.end()
    assert 5 + LAG < room.passed < 5 + 2 * LAG


def test_a_deletion_is_not_believed_while_it_is_found_by_its_id(room: Room) -> None:
    def delete(_instance_id: str) -> None:
        room.account.machines["x"] = Machine("x", status="stopped", listed_from=float("inf"))

    room.delete = delete
    with pytest.raises(DeletionUnconfirmedError, match="accepted the deletion of x, and still shows it"):
        room.end()


@pytest.mark.parametrize(("lag", "at_most"), [(0.0, 16.0), (LAG, 16.0), (60.0, 121.0)])
def test_the_vendor_has_some_time_to_let_it_go_but_not_for_ever(lag: float, at_most: float) -> None:
    room = Room(lag)
    room.delete = lambda _instance_id: None
    with pytest.raises(DeletionUnconfirmedError):
        room.end()
    assert max(15, lag) < room.passed <= at_most
    assert len(room.account.asked) < 300


def lost() -> CloudError:
    return AnswerLostError("the line broke")


def busy() -> CloudError:
    return UnavailableError("busy", status=503, vendor_message="busy", request_id=None)


def conflict() -> CloudError:
    return UnavailableError("conflict", status=409, vendor_message="it is being deleted", request_id=None)


def unauthorized() -> CloudError:
    return UnauthorizedError("who are you", status=401, vendor_message="who are you", request_id=None)


@pytest.mark.parametrize("trouble", [lost, busy, unauthorized])
@pytest.mark.parametrize("step", ["stop", "delete"])
def test_an_error_that_says_nothing_about_the_instance_is_raised(trouble: object, step: str, room: Room) -> None:
    setattr(room, step, refuses(trouble()))  # type: ignore[operator]
    with pytest.raises(CloudError) as raised:
        room.end()
    assert type(raised.value) is type(trouble())  # type: ignore[operator]
    assert "list" not in room.account.asked


def test_a_conflict_with_a_deletion_that_has_begun_is_waited_for(room: Room) -> None:
    def delete(instance_id: str) -> None:
        room.account.put(instance_id, "deleting")
        room.clock.at(5, room.account.machines.clear)
        raise conflict()

    room.delete = delete
    room.end()
    assert room.account.machines == {}


def test_a_conflict_with_anything_else_is_an_error(room: Room) -> None:
    room.delete = refuses(conflict())
    with pytest.raises(UnavailableError, match="conflict"):
        room.end()
    assert room.account.machines.keys() == {"x"}


@pytest.mark.parametrize("trouble", [lost, busy, unauthorized])
def test_a_deletion_that_cannot_be_confirmed_is_an_error(trouble: object, room: Room) -> None:
    room.account.trouble = [trouble()]  # type: ignore[operator]
    with pytest.raises(CloudError):
        room.end()
    other = Room()
    other.account.trouble_by_id = [trouble()]  # type: ignore[operator]
    with pytest.raises(CloudError):
        other.end()


@pytest.mark.parametrize("trouble", [lost, busy, unauthorized])
def test_already_gone_is_not_concluded_from_an_error(trouble: object, room: Room) -> None:
    room.account.machines.clear()
    room.account.trouble = [None, trouble()]  # type: ignore[operator]
    with pytest.raises(CloudError):
        room.end()


def test_whoever_looks_afterwards_gets_a_list_from_after_the_end(room: Room) -> None:
    room.delete = refuses(refused(400))
    with pytest.raises(RefusedError):
        room.end()
    assert room.poller.changed_at("x") == room.clock.now()


class DeletesOnly(PlainCloud):
    """A cloud that cannot stop what runs."""

    def delete(self, instance_id: str) -> None:
        self.account.asked.append("delete")
        if self.account.machines.pop(instance_id, None) is None:
            raise refused(404)


@pytest.fixture
def cannot_stop(room: Room) -> Deletion[Machine]:
    cloud = DeletesOnly(room.account, LAG)
    return Deletion(cloud, Poller(cloud, room.clock), room.clock)


def test_what_cannot_be_stopped_is_told_deleted_and_looked_for(room: Room, cannot_stop: Deletion[Machine]) -> None:
    reported: list[Machine] = []
    cannot_stop.delete("x", reported.append)
    assert [(machine.instance_id, machine.status) for machine in reported] == [("x", "running")]
    assert room.account.machines == {}
    assert room.account.asked == ["list", "delete", "list", "list", "by id"]


def test_what_cannot_be_stopped_and_is_gone_ends_silently(room: Room, cannot_stop: Deletion[Machine]) -> None:
    room.account.machines.clear()
    cannot_stop.delete("x")
    assert set(room.account.asked) == {"list", "by id"}


def test_an_unstoppable_instance_that_vanishes_ends_silently(room: Room, cannot_stop: Deletion[Machine]) -> None:
    cannot_stop.delete("x", lambda _: room.account.machines.clear())
    assert room.actions() == ["delete"]

"""One list call for everybody: who shares it, who needs a new one, and when a missing instance counts as absent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from pulumi_cortecs.http.errors import AnswerLostError, UnauthorizedError
from pulumi_cortecs.lifecycle.cloud import Cloud
from pulumi_cortecs.lifecycle.poller import NEVER, Poller
from tests.unit.fakes import FakeClock

MANY = 32
LAG = 5.0


class Listing:
    """The vendor's list; `before` runs while a call is on its way."""

    def __init__(self) -> None:
        self.calls = 0
        self.ids = {"somebody-elses"}
        self.before: Callable[[], object] = lambda: None
        self.list_lag = LAG

    def list_instances(self) -> Mapping[str, str]:
        self.calls += 1
        self.before()
        return {instance_id: instance_id for instance_id in self.ids}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def listing() -> Listing:
    return Listing()


@pytest.fixture
def poller(listing: Listing, clock: FakeClock) -> Poller[str]:
    return shared(listing, clock)


def shared(listing: Listing, clock: FakeClock) -> Poller[str]:
    """Its poller: a list is all that one asks a cloud for."""
    return Poller(cast(Cloud[str], listing), clock)


def lost() -> AnswerLostError:
    return AnswerLostError("no answer")


def crowd(work: Callable[[], object]) -> list[object]:
    """The results or errors of many threads that come together."""
    start = threading.Barrier(MANY, timeout=10)

    def run_task(_: int) -> object:
        start.wait()
        try:
            return work()
        except Exception as error:
            return error

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(run_task, range(MANY)))


def until_all_wait(listing: Listing) -> Callable[[], None]:
    """Holds the call back until all threads are about to look; they count themselves with what is returned."""
    come = threading.Semaphore(0)

    def all_have_come() -> None:
        for _ in range(MANY):
            assert come.acquire(timeout=10)
        come.release(MANY)

    listing.before = all_have_come
    return come.release


def test_many_threads_share_one_call(poller: Poller[str], listing: Listing) -> None:
    listing.ids = {"a"}
    come = until_all_wait(listing)

    def look() -> object:
        come()
        return poller.snapshot(max_age=1)

    snapshots = crowd(look)
    assert listing.calls == 1
    assert all(snapshot is snapshots[0] for snapshot in snapshots)


def test_a_snapshot_serves_until_it_is_too_old(poller: Poller[str], listing: Listing, clock: FakeClock) -> None:
    first = poller.snapshot(max_age=0.5)
    clock.advance(0.5)
    assert poller.snapshot(max_age=0.5) is first
    clock.advance(0.01)
    assert poller.snapshot(max_age=0.5) is not first
    assert poller.snapshot(max_age=60).taken_at == clock.now()
    assert listing.calls == 2


def test_a_list_that_is_empty_all_at_once_is_asked_for_again(
    poller: Poller[str], listing: Listing, clock: FakeClock
) -> None:
    # what a wrong list hides would be taken for what is bought next
    listing.ids = set()

    def answers_late() -> None:
        clock.advance(3)
        listing.ids, listing.before = {"a"}, lambda: None

    listing.before = lambda: setattr(listing, "before", answers_late)
    second_asked_at = clock.now()
    first = poller.snapshot(max_age=0)
    assert (listing.calls, first.instances, first.taken_at) == (2, {"a": "a"}, second_asked_at)
    listing.ids = set()
    for calls in (4, 5, 6):  # an account that has nothing is no longer asked twice
        clock.advance(1)
        assert (poller.snapshot(max_age=0).instances, listing.calls) == ({}, calls)


def test_a_list_without_what_should_be_listed_by_now_is_asked_for_again(
    poller: Poller[str], listing: Listing, clock: FakeClock
) -> None:
    listing.ids = set()
    poller.snapshot(max_age=0)
    poller.mark_started("a")

    def calls_after(seconds: float) -> int:
        clock.advance(seconds)
        before = listing.calls
        poller.snapshot(max_age=0)
        return listing.calls - before

    assert [calls_after(LAG), calls_after(1)] == [1, 2]
    poller.mark_changed("a")  # it was deleted
    assert calls_after(LAG + 1) == 1


@pytest.mark.parametrize("ids", [set(), {"somebody-elses"}])
def test_a_glance_is_one_call_at_most_and_proves_nothing_to_others(
    ids: set[str], poller: Poller[str], listing: Listing, clock: FakeClock
) -> None:
    listing.ids = ids
    assert poller.glance(max_age=60).keys() == ids
    assert listing.calls == 1
    poller.snapshot(max_age=60)
    calls = listing.calls
    assert calls > 1
    assert poller.glance(max_age=60).keys() == ids
    assert listing.calls == calls
    clock.advance(61)
    poller.glance(max_age=60)
    assert listing.calls == calls + 1


def test_the_age_counts_from_the_question_not_from_the_answer(
    poller: Poller[str], listing: Listing, clock: FakeClock
) -> None:
    asked_at = clock.now()
    listing.before = lambda: clock.advance(3)
    assert poller.snapshot(max_age=10).taken_at == asked_at
    poller.snapshot(max_age=2)
    assert listing.calls == 2


def test_nothing_is_told_from_before_a_change(poller: Poller[str], listing: Listing, clock: FakeClock) -> None:
    poller.snapshot(max_age=60)
    clock.advance(1)
    poller.mark_changed("a")
    clock.advance(1)
    snapshot = poller.snapshot(max_age=60, not_before=poller.changed_at("a"))
    assert snapshot.taken_at >= poller.changed_at("a")
    assert listing.calls == 2
    poller.snapshot(max_age=60, not_before=poller.changed_at("another"))
    assert listing.calls == 2


def test_a_call_on_its_way_at_the_time_of_a_change_is_too_old(
    poller: Poller[str], listing: Listing, clock: FakeClock
) -> None:
    def change() -> None:
        clock.advance(1)
        poller.mark_changed("a")

    listing.before = change
    poller.snapshot(max_age=60)
    listing.before = lambda: None
    poller.snapshot(max_age=60, not_before=poller.changed_at("a"))
    assert listing.calls == 2


def test_what_was_never_touched_was_never_changed(poller: Poller[str], clock: FakeClock) -> None:
    assert poller.changed_at("a") == poller.started_at("a") == NEVER
    poller.mark_started("a")
    assert (poller.started_at("a"), poller.changed_at("a")) == (clock.now(), NEVER)


def test_an_error_reaches_all_who_waited_for_that_answer(poller: Poller[str], listing: Listing) -> None:
    come = until_all_wait(listing)
    all_have_come = listing.before

    def fail() -> None:
        all_have_come()
        raise lost()

    listing.before = fail

    def look() -> object:
        come()
        return poller.snapshot(max_age=1)

    assert [type(error) for error in crowd(look)] == [AnswerLostError] * MANY
    # who had come and not yet looked may find it settled, and ask once more for all who are left
    assert listing.calls <= 2


def test_an_error_does_not_reach_callers_that_accept_an_older_answer(
    poller: Poller[str], listing: Listing, clock: FakeClock
) -> None:
    first = poller.snapshot(max_age=1)
    clock.advance(2)

    def fail() -> None:
        assert poller.snapshot(max_age=5) is first  # while the call is on its way
        raise lost()

    listing.before = fail
    with pytest.raises(AnswerLostError):
        poller.snapshot(max_age=1)
    assert poller.snapshot(max_age=5) is first


def test_the_next_who_comes_after_an_error_asks_again(poller: Poller[str], listing: Listing) -> None:
    def fail() -> None:
        raise lost()

    listing.before = fail
    with pytest.raises(AnswerLostError):
        poller.snapshot(max_age=1)
    listing.before = lambda: None
    assert poller.snapshot(max_age=1).instances == {"somebody-elses": "somebody-elses"}
    assert listing.calls == 2


@pytest.mark.parametrize(("hurries", "calls"), [(True, 1), (False, 2)])
def test_a_hurried_caller_takes_the_failure_of_a_call_begun_before(hurries: bool, calls: int) -> None:
    """After a ^C no caller asks a vendor that hangs for another minute."""
    asked, waits = threading.Event(), threading.Event()

    class Watched(FakeClock):
        def now(self) -> float:
            if threading.current_thread() is second:
                waits.set()
            return super().now()

    clock, listing = Watched(), Listing()

    def hang() -> None:
        asked.set()
        assert waits.wait(timeout=10)
        raise lost()

    def look() -> None:
        assert asked.wait(timeout=10)
        clock.advance(30)
        with pytest.raises(AnswerLostError):
            poller.snapshot(max_age=1, in_a_hurry=lambda: hurries)

    listing.before = hang
    poller = shared(listing, clock)
    second = threading.Thread(target=look)
    second.start()
    with pytest.raises(AnswerLostError):
        poller.snapshot(max_age=1)
    second.join(timeout=10)
    assert not second.is_alive()
    assert listing.calls == calls


def test_an_error_from_before_a_change_does_not_answer_for_what_came_after(
    poller: Poller[str], listing: Listing, clock: FakeClock
) -> None:
    """A caller that needs a look from after the change must not get the result of the older call."""
    waiting, results = threading.Event(), []

    def look_after_the_change() -> None:
        poller.mark_changed("a")
        waiting.set()
        results.append(poller.snapshot(max_age=60, not_before=poller.changed_at("a")))

    late = threading.Thread(target=look_after_the_change)

    def fail() -> None:
        listing.before = lambda: None
        clock.advance(1)
        late.start()
        assert waiting.wait(10)
        raise lost()

    listing.before = fail
    with pytest.raises(AnswerLostError):
        poller.snapshot(max_age=60)
    late.join(10)
    assert [taken_at.taken_at for taken_at in results] == [clock.now()]


PRESENT, ABSENT, CHANGED, BEGAN, FAILED = "present", "absent", "changed", "began", "failed"


@pytest.mark.parametrize(
    ("history", "for_good"),
    [
        ([], False),
        ([(0, ABSENT)], False),
        ([(0, ABSENT), (LAG, ABSENT)], False),
        ([(0, ABSENT), (LAG + 0.1, ABSENT)], True),
        ([(0, PRESENT), (1, ABSENT), (6.5, ABSENT)], True),
        ([(0, PRESENT), (6, ABSENT)], False),
        ([(0, ABSENT), (3, ABSENT), (6, ABSENT)], True),
        ([(0, ABSENT), (6, PRESENT)], False),
        ([(0, ABSENT), (6, ABSENT), (7, PRESENT)], False),
        ([(0, ABSENT), (3, PRESENT), (6, ABSENT)], False),
        ([(0, PRESENT), (3, ABSENT), (4, PRESENT), (5, ABSENT), (9, ABSENT)], False),
        ([(0, PRESENT), (3, ABSENT), (4, PRESENT), (5, ABSENT), (10.1, ABSENT)], True),
        # what was seen before we changed or started it does not count
        ([(0, ABSENT), (3, CHANGED), (6, ABSENT)], False),
        ([(0, ABSENT), (3, BEGAN), (6, ABSENT)], False),
        ([(0, ABSENT), (6, ABSENT), (7, BEGAN)], False),
        ([(0, ABSENT), (6, ABSENT), (7, BEGAN), (8, ABSENT), (12, ABSENT)], False),
        ([(0, ABSENT), (6, ABSENT), (7, BEGAN), (8, ABSENT), (13.1, ABSENT)], True),
        # an error is no listing
        ([(0, ABSENT), (6, FAILED)], False),
        ([(0, FAILED), (6, FAILED), (12, FAILED)], False),
        ([(0, ABSENT), (3, FAILED), (6, ABSENT)], True),
        ([(0, ABSENT), (60, ABSENT), (120, ABSENT)], True),
    ],
    ids=lambda value: " ".join(f"{at}:{word}" for at, word in value) if isinstance(value, list) else str(value),
)
def test_absent_for_good_is_missing_from_all_lists_over_more_than_the_lag(
    history: list[tuple[float, str]], for_good: bool, poller: Poller[str], listing: Listing, clock: FakeClock
) -> None:
    began_at = clock.now()
    for at, word in history:
        clock.advance(began_at + at - clock.now())
        if word == CHANGED:
            poller.mark_changed("x")
        elif word == BEGAN:
            poller.mark_started("x")
        else:
            listing.ids = {"x", "y"} if word == PRESENT else {"y"}
            if word == FAILED:
                listing.before = lambda: (_ for _ in ()).throw(lost())
                with pytest.raises(AnswerLostError):
                    poller.snapshot(max_age=0)
                listing.before = lambda: None
            else:
                poller.snapshot(max_age=0)
    assert poller.is_confirmed_absent("x") is for_good
    assert not poller.is_confirmed_absent("y")


def test_what_is_remembered_does_not_grow_with_time(poller: Poller[str], listing: Listing, clock: FakeClock) -> None:
    import tracemalloc

    listing.ids = {f"instance-{n}" for n in range(300)}

    def an_hour() -> int:
        for _ in range(3600):
            clock.advance(1)
            poller.snapshot(max_age=0)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = an_hour()
        assert an_hour() < first + 100_000
    finally:
        tracemalloc.stop()


def test_whatever_is_raised_is_raised_as_it_is(poller: Poller[str], listing: Listing) -> None:
    def refuse() -> None:
        raise UnauthorizedError("no", status=401, vendor_message="no", request_id=None)

    listing.before = refuse
    with pytest.raises(UnauthorizedError):
        poller.snapshot(max_age=1)

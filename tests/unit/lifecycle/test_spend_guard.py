"""The costs an account is committed to: counted once each, also those not listed yet, and never over the ceiling."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits import Spending
from pulumi_cortecs.http.errors import AnswerLostError, CloudError
from pulumi_cortecs.lifecycle.ledger import SharedLedger
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.lifecycle.purchases import AmbiguousPurchaseError
from pulumi_cortecs.lifecycle.spend_guard import SpendGuard
from tests.unit.fakes import FakeAccount, FakeClock, FakeCloud, Machine, refused

LAG = 5.0
PRICES = {"small": Money.of("1", "EUR"), "big": Money.of("8", "EUR")}
SMALL, BIG = PRICES["small"], PRICES["big"]


class TooMuchError(Exception):
    """The refusal by the judge of these tests."""


def hourly(machine: Machine) -> Money | None:
    return PRICES.get(str(machine.arguments[0]))


def total(spending: Spending) -> Money:
    amount = Money.zero("EUR")
    for hourly in (*spending.running.values(), *spending.pending, spending.new):
        assert hourly is not None
        amount += hourly
    return amount


def anything(_spending: Spending) -> None:
    """Allows all."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def account(clock: FakeClock) -> FakeAccount:
    return FakeAccount(clock)


Process = Callable[..., SpendGuard[Machine]]


@pytest.fixture
def process(account: FakeAccount, clock: FakeClock, tmp_path: Path) -> Process:
    """A process of this machine, or another."""

    def begin(lag: float = LAG, bought_ids: tuple[str, ...] = (), directory: Path = tmp_path) -> SpendGuard[Machine]:
        cloud = FakeCloud(account, lag, hourly=hourly)
        return SpendGuard(
            cloud, Poller(cloud, clock), clock, SharedLedger(directory, "an account"), bought_ids=lambda: bought_ids
        )

    return begin


@pytest.fixture
def guard(process: Process) -> SpendGuard[Machine]:
    return process()


def buy(guard: SpendGuard[Machine], account: FakeAccount, kind: str = "small") -> str:
    with guard.reserve(anything, PRICES[kind], (kind,)) as order:
        machine = account.start(kind)
        order.set_instance(machine.instance_id)
    return machine.instance_id


def test_what_runs_is_counted_and_what_is_stopped_is_not(guard: SpendGuard[Machine], account: FakeAccount) -> None:
    account.put("a")
    account.put("b", "pending", ("big",))
    account.put("c", "stopped", ("big",))
    account.put("d", "running", ("unheard of",))
    spending = guard.spending(SMALL)
    assert spending == Spending({"a": SMALL, "b": BIG, "d": None}, (), SMALL)


def test_what_has_been_bought_counts_before_the_list_has_it(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock
) -> None:
    account.lag = LAG - 1
    buy(guard, account)
    for _ in range(3):
        assert guard.spending(SMALL) == Spending({}, (SMALL,), SMALL)
        clock.advance(1)
    clock.advance(LAG)
    spending = guard.spending(SMALL)
    assert (len(spending.running), spending.pending) == (1, ())


def test_a_purchase_counts_once_also_if_it_is_listed_before_its_answer(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock
) -> None:
    with guard.reserve(anything, SMALL, ("small",)) as order:
        assert guard.spending(SMALL) == Spending({}, (SMALL,), SMALL)
        machine = account.start("small")
        clock.advance(1)
        spending = guard.spending(SMALL)
        assert (list(spending.running), spending.pending) == ([machine.instance_id], ())
        order.set_instance(machine.instance_id)
    assert total(guard.spending(SMALL)) == SMALL * 2


def up_to(ceiling: Money) -> Callable[[Spending], None]:
    def judge(spending: Spending) -> None:
        if total(spending) > ceiling:
            raise TooMuchError

    return judge


def test_a_foreign_instance_does_not_hide_an_order_without_an_answer(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock
) -> None:
    with guard.reserve(anything, SMALL, ("small",)) as order:
        account.put("theirs")
        clock.advance(1)
        clock.at(6, lambda: order.set_instance(account.start("small").instance_id))
        with pytest.raises(TooMuchError), guard.reserve(up_to(SMALL * 2), SMALL, ("small",)):
            pytest.fail("there is no room for a third")
    assert account.started == 1


def test_an_order_waits_for_the_answer_that_claims_the_listed_instance(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock
) -> None:
    began_at = clock.now()
    with guard.reserve(anything, SMALL, ("small",)) as order:
        machine = account.start("small")
        clock.advance(1)
        clock.at(6, lambda: order.set_instance(machine.instance_id))
        with guard.reserve(up_to(SMALL * 2), SMALL, ("small",)) as other:
            answered_at = clock.now()
            other.set_instance(account.start("small").instance_id)
    assert answered_at - began_at == 7  # a second until it is listed, and six until the answer


def test_an_answer_that_does_not_come_is_not_waited_for_without_end(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock
) -> None:
    with guard.reserve(anything, SMALL, ("small",)):
        account.put("theirs")
        clock.advance(1)
        with pytest.raises(TooMuchError), guard.reserve(up_to(SMALL * 2), SMALL, ("small",)):
            pytest.fail("there is no room for a third")


def test_a_restart_keeps_its_room_in_all_processes_and_asks_nobody(
    process: Process, account: FakeAccount, clock: FakeClock
) -> None:
    first, second = process(), process()
    account.put("a")
    with first.hold(SMALL, "a"):
        assert account.asked == []
        assert [each_process.spending(SMALL) for each_process in (first, second)] == [
            Spending({"a": SMALL}, (), SMALL)
        ] * 2
        account.turn("a", "stopped")
        clock.advance(1)
        assert [each_process.spending(SMALL) for each_process in (first, second)] == [Spending({}, (SMALL,), SMALL)] * 2
    assert second.spending(SMALL) == Spending({}, (SMALL,), SMALL)  # the list is behind
    account.turn("a", "pending")
    clock.advance(1)
    assert [each_process.spending(SMALL) for each_process in (first, second)] == [Spending({"a": SMALL}, (), SMALL)] * 2


def test_two_orders_are_not_taken_for_one_instance(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock
) -> None:
    with guard.reserve(anything, SMALL, ("small",)), guard.reserve(anything, SMALL, ("small",)):
        account.start("small")
        clock.advance(1)
        assert total(guard.spending(SMALL)) == SMALL * 3


def test_what_is_known_to_be_anothers_does_not_stand_for_an_order(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock
) -> None:
    with guard.reserve(anything, SMALL, ("small",)):
        bought = buy(guard, account)
        clock.advance(1)
        assert guard.spending(SMALL) == Spending({bought: SMALL}, (SMALL,), SMALL)


@pytest.mark.parametrize(("kind", "before"), [("big", False), ("small", True)])
def test_what_cannot_be_the_order_does_not_stand_for_it(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock, kind: str, before: bool
) -> None:
    """Another instance, of other arguments or from before, does not count as the order's."""
    if before:
        account.put("theirs", arguments=(kind,))
    with guard.reserve(anything, SMALL, ("small",)):
        account.put("theirs", arguments=(kind,))
        clock.advance(1)
        assert guard.spending(SMALL) == Spending({"theirs": PRICES[kind]}, (SMALL,), SMALL)


def test_what_was_ended_counts_no_longer_once_the_list_must_know(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock
) -> None:
    del account.machines[buy(guard, account)]
    assert total(guard.spending(SMALL)) == SMALL * 2  # the list may be behind
    clock.advance(LAG + 0.1)
    assert guard.spending(SMALL) == Spending({}, (), SMALL)


def test_what_was_refused_leaves_nothing(guard: SpendGuard[Machine]) -> None:
    with pytest.raises(CloudError), guard.reserve(anything, SMALL, ("small",)):
        raise refused(402)
    assert guard.spending(SMALL) == Spending({}, (), SMALL)


@pytest.mark.parametrize("lost", [AmbiguousPurchaseError("who knows"), AnswerLostError("the line broke")])
def test_what_may_have_been_bought_counts_until_the_list_must_know(
    guard: SpendGuard[Machine], clock: FakeClock, lost: Exception
) -> None:
    with pytest.raises(type(lost)), guard.reserve(anything, SMALL, ("small",)):
        raise lost
    assert guard.spending(SMALL) == Spending({}, (SMALL,), SMALL)
    clock.advance(LAG + 0.1)
    assert guard.spending(SMALL) == Spending({}, (), SMALL)


def test_a_stopped_one_that_is_started_counts_once(
    guard: SpendGuard[Machine], account: FakeAccount, clock: FakeClock
) -> None:
    account.put("a", "stopped")
    with guard.reserve(anything, SMALL, ("small",), "a"):
        assert guard.spending(SMALL) == Spending({}, (SMALL,), SMALL)
        account.turn("a", "pending")
        clock.advance(1)
        assert guard.spending(SMALL) == Spending({"a": SMALL}, (), SMALL)


def test_what_runs_already_adds_nothing(guard: SpendGuard[Machine], account: FakeAccount) -> None:
    account.put("a", arguments=("big",))
    assert guard.spending(BIG, "a") == Spending({"a": BIG}, (), Money.zero("EUR"))
    account.turn("a", "stopped")
    assert guard.spending(BIG, "a", max_age=-1) == Spending({}, (), BIG)


def test_who_is_refused_orders_nothing(guard: SpendGuard[Machine], account: FakeAccount) -> None:
    def never(_spending: Spending) -> None:
        raise TooMuchError

    with pytest.raises(TooMuchError), guard.reserve(never, SMALL, ("small",)):
        account.start("small")
    assert account.started == 0
    assert guard.spending(SMALL) == Spending({}, (), SMALL)


def test_an_account_that_cannot_be_listed_is_an_error(guard: SpendGuard[Machine], account: FakeAccount) -> None:
    account.trouble.append(AnswerLostError("down"))
    with pytest.raises(AnswerLostError), guard.reserve(anything, SMALL, ("small",)):
        pytest.fail("nobody knows what the account runs")


@pytest.mark.parametrize("lag", [0.0, LAG])
def test_sixty_four_threads_do_not_overshoot_and_leave_no_room_unused(
    guard: SpendGuard[Machine], account: FakeAccount, lag: float
) -> None:
    account.lag = lag
    account.put("theirs", arguments=("big",))
    ceiling = Money.of("30", "EUR")  # room for 22
    at_once = threading.Barrier(64)
    judging = threading.Lock()

    def judge(spending: Spending) -> None:
        assert judging.acquire(blocking=False), "two were told at once how much room there is"
        time.sleep(0.001)  # long enough for another to come in, if it could
        judging.release()
        if total(spending) > ceiling:
            raise TooMuchError

    def buy_one(_: int) -> None:
        at_once.wait(timeout=30)
        with suppress(TooMuchError), guard.reserve(judge, SMALL, ("small",)) as order:
            order.set_instance(account.start("small").instance_id)

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(buy_one, range(64)))
    assert account.started == 22
    with pytest.raises(TooMuchError), guard.reserve(judge, SMALL, ("small",)):
        pytest.fail("it is full")

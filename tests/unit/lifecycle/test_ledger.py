"""A limit that all processes of a machine share is counted once: whoever decides sees what the others have ordered,
however they end, and whatever a list or a variable says."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits import Spending
from pulumi_cortecs.http.errors import AnswerLostError
from pulumi_cortecs.lifecycle.ledger import FILE_NAME, LedgerChanges, LedgerError, OrderEntry, SharedLedger
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.lifecycle.purchases import NotBoughtError, NotSentError, RefusedOrderError
from pulumi_cortecs.lifecycle.spend_guard import SpendGuard
from tests.unit.fakes import FakeAccount, FakeClock, FakeCloud, Machine
from tests.unit.lifecycle.test_spend_guard import BIG, LAG, SMALL, TooMuchError, anything, hourly, total

LONG = 5.1
"""Longer than a list may be behind."""


class Process:
    """One process of the machine, which can be killed."""

    def __init__(
        self,
        account: FakeAccount,
        directory: Path,
        *,
        lag: float = LAG,
        bought_ids: tuple[str, ...] = (),
        account_name: str = "ours",
        clock: FakeClock | None = None,
    ) -> None:
        """`clock` is that of the process; the vendor has the account's."""
        self.account = account
        self.clock = clock or account.clock
        self.ledger = SharedLedger(directory, account_name)
        self.troubles: list[str] = []
        cloud = FakeCloud(account, lag, hourly=hourly)
        self.commitments = SpendGuard(
            *(cloud, Poller(cloud, self.clock), self.clock, self.ledger),
            bought_ids=lambda: bought_ids,
            on_ledger_error=lambda error: self.troubles.append(str(error)),
        )

    def buy(self, kind: str = "small", judge: Callable[[Spending], None] = anything) -> str:
        with self.commitments.reserve(judge, hourly(Machine("", (kind,))), (kind,)) as order:
            machine = self.account.start(kind)
            order.set_instance(machine.instance_id)
        return machine.instance_id

    def killed_while_buying(self, *, after_it_was_sent: bool) -> None:
        self.commitments.reserve(anything, SMALL, ("small",)).__enter__()
        if after_it_was_sent:
            self.account.start("small")
        self.ledger.close()

    def spending(self) -> Spending:
        """The spending that an order would be judged by; nothing is ordered."""
        spendings: list[Spending] = []

        def judge(spending: Spending) -> None:
            spendings.append(spending)
            raise TooMuchError

        with suppress(TooMuchError), self.commitments.reserve(judge, SMALL, ("small",)):
            pytest.fail("it was refused")
        return spendings[0]

    def costs(self) -> Money:
        """The costs that count before a new order."""
        return total(self.spending()) - SMALL


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def account(clock: FakeClock) -> FakeAccount:
    return FakeAccount(clock)


@pytest.fixture
def process(account: FakeAccount, tmp_path: Path) -> Callable[..., Process]:
    """Begins a process."""
    return lambda **more: Process(account, more.pop("directory", tmp_path), **more)


Begin = Callable[..., Process]


def test_what_another_process_orders_counts_before_any_list_has_it(
    process: Begin, account: FakeAccount, clock: FakeClock
) -> None:
    account.lag = 4.0
    first, second = process(), process()
    first.buy()
    assert second.spending() == Spending({}, (SMALL,), SMALL)
    with first.commitments.reserve(anything, BIG, ("big",)):
        assert second.costs() == SMALL + BIG
        assert total(second.commitments.spending(SMALL)) == SMALL * 2 + BIG  # in a preview as well
    clock.advance(4.0)
    assert len(second.spending().running) == 1
    assert process(account_name="another account").commitments.spending(SMALL).pending == ()


def test_many_processes_at_once_do_not_overshoot(process: Begin, account: FakeAccount) -> None:
    account.lag = 4.0
    ceiling = Money.of("5", "EUR")
    at_once = threading.Barrier(16)

    def judge(spending: Spending) -> None:
        if total(spending) > ceiling:
            raise TooMuchError

    def buy_one(begun: Process) -> None:
        at_once.wait(timeout=30)
        with suppress(TooMuchError):
            begun.buy(judge=judge)

    begun = [process() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(buy_one, begun))
    assert account.started == 5
    assert [begun_process.troubles for begun_process in begun] == [[]] * 16


def test_a_purchase_asks_for_one_list_and_nothing_by_id(process: Begin, account: FakeAccount, clock: FakeClock) -> None:
    account.put("there")
    begun = process(bought_ids=("there",))
    for _ in range(3):
        account.asked.clear()
        begun.buy()
        assert account.asked == ["list", "start"]
        clock.advance(1)


@pytest.mark.parametrize("lag", [0.0, LAG])
@pytest.mark.parametrize("sent", [True, False])
def test_a_killed_process_purchase_counts_until_two_lists_lack_it(
    process: Begin, account: FakeAccount, clock: FakeClock, *, sent: bool, lag: float
) -> None:
    """Whatever lag a variable claims."""
    account.lag = 4.0
    process(lag=lag).killed_while_buying(after_it_was_sent=sent)
    assert process(lag=lag).costs() == SMALL
    clock.advance(1)
    assert process(lag=lag).costs() == SMALL
    clock.advance(LONG)
    assert process(lag=lag).costs() == SMALL * int(sent)
    if sent:
        assert len(process().spending().running) == 1


def test_a_live_order_without_an_answer_counts_whatever_lists_lack_it(process: Begin, clock: FakeClock) -> None:
    begun = process()
    with begun.commitments.reserve(anything, SMALL, ("small",)):
        for _ in range(4):
            clock.advance(LONG)
            assert process().costs() == SMALL


@pytest.mark.parametrize("lag", [0.0, LAG])
def test_a_purchase_counts_until_two_lists_and_the_answer_by_id_lack_it(
    process: Begin, account: FakeAccount, clock: FakeClock, lag: float
) -> None:
    account.lag = 60.0
    bought = process(lag=lag).buy()
    for _ in range(4):
        clock.advance(LONG)
        assert process(lag=lag).costs() == SMALL  # it is there by id
    del account.machines[bought]
    assert process(lag=lag).costs() == Money.zero("EUR")


def test_an_unsent_order_goes_at_once_and_a_refused_one_does_not(process: Begin) -> None:
    begun, other = process(), process()
    with suppress(NotSentError), begun.commitments.reserve(anything, SMALL, ("small",)):
        raise NotSentError("the engine was gone")
    assert other.costs() == Money.zero("EUR")
    with suppress(RefusedOrderError), begun.commitments.reserve(anything, SMALL, ("small",)):
        raise RefusedOrderError("which is no proof")
    assert other.costs() == SMALL


@pytest.mark.parametrize(("lag", "remaining"), [(0.0, 1), (LAG, 0)])
def test_an_instance_is_believed_gone_after_a_lag_no_variable_shortens(
    process: Begin, lag: float, remaining: int
) -> None:
    with suppress(NotBoughtError), process(lag=lag).commitments.reserve(anything, SMALL, ("small",)):
        raise NotBoughtError("the list shows nothing")
    assert process().costs() == SMALL * remaining


def test_what_is_provably_gone_is_forgotten_at_once(process: Begin, account: FakeAccount) -> None:
    account.lag = 4.0
    bought = process().buy()
    del account.machines[bought]
    process().commitments.record_gone(bought)
    assert process().costs() == Money.zero("EUR")


def test_empty_lists_do_not_empty_the_sum(process: Begin, account: FakeAccount, clock: FakeClock) -> None:
    """Instances in the ledger, in the journal and in a state are asked for by id."""
    process().buy()
    account.put("known", arguments=("big",))
    clock.advance(1)
    assert process().costs() == SMALL + BIG
    account.wrong = 100
    assert process().costs() == SMALL
    assert process(bought_ids=("known", "no such")).costs() == SMALL + BIG
    account.turn("known", "stopped")
    assert process(bought_ids=("known",)).costs() == SMALL
    account.trouble_by_id.append(AnswerLostError("down"))
    with pytest.raises(AnswerLostError):  # it is unknown what the account runs
        process().buy()


def test_what_is_gone_is_asked_for_once_in_a_while(process: Begin, account: FakeAccount) -> None:
    begun = process(bought_ids=("gone",))
    begun.buy()
    begun.buy()
    assert account.asked.count("by id") == 1


def test_a_start_counts_until_it_is_listed_as_billed(process: Begin, account: FakeAccount, clock: FakeClock) -> None:
    account.put("a", "stopped")
    with process().commitments.reserve(anything, SMALL, ("small",), "a"):
        pass  # the list is behind
    assert process().costs() == SMALL
    account.turn("a", "pending")
    assert process().spending() == Spending({"a": SMALL}, (), SMALL)
    account.turn("a", "stopped")
    assert process().costs() == Money.zero("EUR")


def test_a_start_that_came_to_nothing_goes(process: Begin, account: FakeAccount, clock: FakeClock) -> None:
    account.put("a", "stopped")
    with process().commitments.reserve(anything, SMALL, ("small",), "a"):
        pass
    assert process().costs() == SMALL
    clock.advance(LONG)
    assert process().costs() == Money.zero("EUR")


def test_nobody_is_asked_while_the_ledger_is_held(
    account: FakeAccount, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = SharedLedger(tmp_path, "ours", patience=0.0)
    account.put("known")
    account.wrong = 1
    begun = Process(account, tmp_path, bought_ids=("known",))
    listed, named = account.listing, account.by_id
    monkeypatch.setattr(account, "listing", lambda: (witness.change(LedgerChanges()), listed())[1])
    monkeypatch.setattr(account, "by_id", lambda key: (witness.change(LedgerChanges()), named(key))[1])
    begun.buy()
    assert account.asked == ["list", "list", "start"]


def test_who_has_no_ledger_orders_one_after_the_other(account: FakeAccount, tmp_path: Path, clock: FakeClock) -> None:
    account.lag = 4.0
    (tmp_path / "in the way").touch()
    begun = Process(account, tmp_path / "in the way")
    first, second = begun.buy(), begun.buy()
    assert account.machines[second].listed_from - account.machines[first].listed_from >= 4.0
    assert "cannot be used" in begun.troubles[0]
    with begun.commitments.reserve(anything, SMALL, ("small",)), pytest.raises(LedgerError, match="not listed yet"):
        begun.buy()
    assert account.started == 2


def test_a_ledger_that_is_deleted_leaves_what_this_process_knows(
    process: Begin, account: FakeAccount, tmp_path: Path
) -> None:
    account.lag = 4.0
    begun = process()
    begun.buy()
    for path in tmp_path.glob("ledger.sqlite3*"):
        path.unlink()
    assert begun.costs() == SMALL
    begun.buy()
    assert process().costs() == SMALL * 2  # with the next order the others know it, too


def test_what_was_listed_stays_noted_once_until_it_is_gone(
    process: Begin, account: FakeAccount, clock: FakeClock
) -> None:
    begun, witness = process(), process()
    bought = begun.buy()
    for _ in range(3):
        clock.advance(86400)
        begun.costs()
        with begun.commitments.hold(SMALL, bought):
            pass
        assert witness.costs() == SMALL
    assert [note.instance_id for note in witness.ledger.others()] == [bought]
    del account.machines[bought]
    clock.advance(1)
    assert witness.costs() == Money.zero("EUR")
    assert witness.ledger.others() == []


ANOTHER = [-990.0, 86400.0 * 400]
"""Seconds by which the clock of a process is moved."""


def moved(by: float) -> FakeClock:
    clock = FakeClock()
    clock.advance(by)
    return clock


@pytest.mark.parametrize("by", ANOTHER)
def test_another_clock_forgets_no_order_whose_answer_can_still_come(
    process: Begin, clock: FakeClock, by: float
) -> None:
    odd = process(clock=moved(by))
    with process().commitments.reserve(anything, SMALL, ("small",)):
        for _ in range(3):
            assert odd.costs() == SMALL
            odd.clock.advance(LONG)
            clock.advance(LONG)


@pytest.mark.parametrize("by", ANOTHER)
def test_another_clock_forgets_nothing_that_was_listed(
    process: Begin, account: FakeAccount, clock: FakeClock, by: float
) -> None:
    begun, odd = process(), process(clock=moved(by))
    begun.buy()
    clock.advance(1)
    assert begun.costs() == SMALL
    account.wrong = 100
    assert [odd.costs() for _ in range(3)] == [SMALL] * 3
    assert process().costs() == SMALL


@pytest.mark.parametrize("by", [0.0, *ANOTHER])
def test_a_clock_that_runs_faster_settles_nothing(
    process: Begin, account: FakeAccount, clock: FakeClock, by: float
) -> None:
    """Nor does one that differs from that of the process that had looked before."""
    account.lag = 4.0
    process().killed_while_buying(after_it_was_sent=True)
    odd = process(clock=moved(by))
    for any_process in (odd, process(), odd, process(), odd):
        assert any_process.costs() == SMALL
        odd.clock.advance(LONG)
        clock.advance(0.5)


def test_a_ledger_of_an_earlier_version_forgets_nothing_at_once(
    process: Begin, account: FakeAccount, clock: FakeClock, tmp_path: Path
) -> None:
    """Its times are seconds since the machine's start, which are far behind the vendor's clock."""
    process().killed_while_buying(after_it_was_sent=False)
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("UPDATE notes SET answered_at = 1, absent_since = 1")
        database.execute("PRAGMA user_version = 1")
    database.close()
    assert process().costs() == SMALL
    clock.advance(LONG)
    assert process().costs() == Money.zero("EUR")


def test_a_machine_that_was_started_anew_keeps_its_notes(tmp_path: Path, account: FakeAccount) -> None:
    process = Process(account, tmp_path)
    process.killed_while_buying(after_it_was_sent=False)
    account.clock = FakeClock()
    account.clock.advance(-990)
    assert Process(account, tmp_path).costs() == SMALL
    account.clock.advance(1)
    assert Process(account, tmp_path).costs() == SMALL
    account.clock.advance(LONG)
    assert Process(account, tmp_path).costs() == Money.zero("EUR")


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o755, 0o600), (0o2770, 0o660), (0o777, 0o666)])
def test_who_may_write_in_the_folder_may_use_the_ledger(
    tmp_path: Path, clock: FakeClock, folder: int, file: int
) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(folder)
    before = os.umask(0o077)
    try:
        ledger = SharedLedger(place, "ours")
        ledger.change(LedgerChanges(kept=(OrderEntry(1, SMALL, ("small",), frozenset(), clock.now()),)))
    finally:
        os.umask(before)
    made = [path for path in place.rglob("*") if path.is_file()]
    assert len(made) == 4  # with sqlite's two, and the sign that this process lives
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {file}

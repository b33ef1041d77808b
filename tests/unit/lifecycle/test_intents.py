"""What an earlier run has ordered is taken over, asked about or certainly not there; never bought twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.http.errors import AnswerLostError, RefusedError
from pulumi_cortecs.lifecycle import journal
from pulumi_cortecs.lifecycle.cloud import Arguments
from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.journal import Journal, JournalError, Progress, ResourceKey
from pulumi_cortecs.lifecycle.order_log import OrderInProgressError, OrderLog
from pulumi_cortecs.lifecycle.order_recovery import ArgumentsChangedError, OrderRecovery
from pulumi_cortecs.lifecycle.poller import NEVER, Poller, Snapshot
from pulumi_cortecs.lifecycle.purchases import (
    AmbiguousPurchaseError,
    NotBoughtError,
    NotSentError,
    Purchases,
    RefusedOrderError,
)
from pulumi_cortecs.lifecycle.stack_state import StackState, StateRow
from pulumi_cortecs.lifecycle.times import parse_timestamp
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchase, UnclaimedPurchaseError, find_unclaimed
from tests.unit.fakes import EPOCH, FakeAccount, FakeClock, FakeCloud, Machine, refused
from tests.unit.journals import CHAT, OTHER, FakeStates

LAG = 3.0
SMALL, LARGE = ("small",), ("large",)
AHEAD = 3600.0
"""Seconds by which the vendor's clock is ahead of ours."""


class Killed(BaseException):
    """A process ends here."""


class World:
    """An account, a clock, and the directory of a machine's journal. Machines begin when they are started."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.account = FakeAccount(self.clock, lag=LAG)
        self.directory = directory
        self.began: dict[str, float] = {}
        self.runs: list[Run] = []
        self.states = FakeStates(self.clock)
        self.exclusive = False
        self.patience = 20.0

    def vendor_now(self) -> float:
        return EPOCH.timestamp() + self.clock.now() + AHEAD

    def start(self, arguments: Arguments = SMALL) -> Machine:
        machine = self.account.start(*arguments)
        self.began[machine.instance_id] = self.vendor_now()
        return machine

    def run(
        self,
        fingerprint: str = "ours",
        *,
        tells_time: bool = True,
        calendar_off: float = 0.0,
        clocks: float | None = 0.0,
    ) -> Run:
        """`clocks`: by how many seconds the vendor's two clocks were seen to differ."""
        run = Run(self, fingerprint, tells_time, calendar_off, clocks)
        self.runs.append(run)
        return run

    def ids(self) -> set[str]:
        return set(self.account.machines)

    def fleet_killed_at_the_answer(self, keys: list[ResourceKey]) -> set[str]:
        """A run is killed while it buys for all of them; what that bought."""
        runs = [self.run() for _ in keys]
        bought = {run.killed_at_the_answer(key, dies=False) for run, key in zip(runs, keys, strict=True)}
        for run in runs:
            run.dies()
        return bought


class Looks(Poller[Machine]):
    """Notes from when on a look for one instance must be."""

    def __init__(self, cloud: FakeCloud, clock: FakeClock, looked_from: list[float]) -> None:
        super().__init__(cloud, clock)
        self._looked_from = looked_from

    def snapshot(self, *, max_age: float, not_before: float = NEVER, **more: Any) -> Snapshot[Machine]:
        if max_age == 15.0:
            self._looked_from.append(not_before)
        return super().snapshot(max_age=max_age, not_before=not_before, **more)


class Run:
    """A process of the provider's on that machine."""

    def __init__(
        self, world: World, fingerprint: str, tells_time: bool, calendar_off: float, clocks: float | None
    ) -> None:
        self.world, clock, exclusive = world, world.clock, world.exclusive
        self.journal = Journal(
            world.directory, lambda: clock.utc_now().timestamp() + calendar_off, patience=world.patience
        )
        cloud = FakeCloud(
            world.account,
            LAG,
            fingerprint,
            began=lambda machine: world.began.get(machine.instance_id),
            now=lambda: world.vendor_now() if tells_time else None,
        )
        self.looked_from: list[float] = []
        self.poller = Looks(cloud, clock, self.looked_from)
        with suppress(JournalError):
            if clocks is not None:
                self.journal.record_clock_difference(fingerprint, clocks)
        self.told: list[str] = []
        self.warned: list[JournalError] = []
        self.log = OrderLog(cloud, self.journal, self.poller, clock, self.warned.append)
        self.recovery = OrderRecovery(
            self.log,
            creations=Creations(lambda: world.states, clock, self.told.append),
            is_exclusive=lambda: exclusive,
            warn=self.told.append,
        )
        self.purchases = Purchases(cloud, self.poller, clock, self.log)

    def left_behind(self, key: ResourceKey) -> list[UnclaimedPurchase]:
        return find_unclaimed(self.log, self.recovery.creations, key)

    def create(
        self,
        key: ResourceKey = CHAT,
        arguments: Arguments = SMALL,
        order: Callable[[], Machine] | None = None,
        is_awaited: Callable[[], bool] | None = None,
    ) -> str:
        """What Instance.create does; the id."""
        earlier = self.recovery.recover(key, arguments, self.world.clock.now())
        if earlier is not None:
            return earlier.instance_id
        sends = order or (lambda: self.world.start(arguments))
        return self.purchases.buy(key, arguments, {"carried_out": sends}, is_awaited).instance_id

    def killed_at_the_answer(self, key: ResourceKey = CHAT, arguments: Arguments = SMALL, *, dies: bool = True) -> str:
        """Is killed when the vendor has carried the order out and its answer is on its way; what that bought. Without
        `dies` the process stays for a while: another that begins now takes nothing over."""
        before = self.world.ids()

        def carried_out() -> Machine:
            self.world.start(arguments)
            raise Killed

        with pytest.raises(Killed):
            self.create(key, arguments, carried_out)
        if dies:
            self.dies()
        (bought,) = self.world.ids() - before
        return bought

    def killed_before_the_order(
        self, key: ResourceKey = CHAT, arguments: Arguments = SMALL, *, dies: bool = True
    ) -> None:
        def never_sent() -> Machine:
            raise Killed

        with pytest.raises(Killed):
            self.create(key, arguments, never_sent)
        if dies:
            self.dies()

    def killed_with_the_id(self, key: ResourceKey = CHAT, arguments: Arguments = SMALL) -> str:
        """Is killed when it has the answer, before an engine has saved it."""
        bought = self.create(key, arguments)
        self.dies()
        return bought

    def dies(self) -> None:
        self.journal.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "state")
    yield world
    for run in world.runs:
        run.dies()
        assert run.warned == []


def test_what_is_known_by_id_is_taken_over(world: World) -> None:
    bought = world.run().killed_with_the_id()
    assert world.run().create() == bought
    assert world.ids() == {bought}


def test_what_is_not_known_by_id_is_found_and_taken_over(world: World) -> None:
    world.account.put("of-before")
    bought = world.run().killed_at_the_answer()
    assert world.run().create() == bought
    assert world.ids() == {bought, "of-before"}


def test_one_that_was_killed_while_it_took_over_is_taken_over_itself(world: World) -> None:
    bought = world.run().killed_at_the_answer()
    assert world.run().killed_with_the_id() == bought
    assert world.run().killed_with_the_id() == bought
    assert world.run().create() == bought


def test_what_was_never_sent_is_bought(world: World) -> None:
    world.run().killed_before_the_order()
    run = world.run()
    bought = run.create()
    assert world.ids() == {bought}
    assert [order.instance_id for order in run.journal.open_orders()] == [bought]


def test_what_is_certainly_gone_is_bought_anew(world: World) -> None:
    lost = world.run().killed_with_the_id()
    del world.account.machines[lost]
    bought = world.run().create()
    assert world.ids() == {bought} != {lost}


def test_what_an_engine_has_confirmed_is_nothing_to_take_over(world: World) -> None:
    run = world.run()
    first = run.create()
    run.journal.confirm(first)
    run.dies()
    world.states.has(first)
    second = world.run().create()  # a replacement
    assert world.ids() == {first, second}


def test_a_killed_replacement_is_taken_over_and_never_the_old_one(world: World) -> None:
    run = world.run()
    old = run.create()
    run.journal.confirm(old)
    world.states.has(old)
    world.clock.advance(LAG + 1)
    new = run.killed_at_the_answer()
    assert world.run().create() == new != old


@pytest.mark.parametrize("order", [Run.killed_with_the_id, Run.killed_at_the_answer])
def test_edited_arguments_are_refused_with_the_id_of_what_is_there(world: World, order: Callable[[Run], str]) -> None:
    bought = order(world.run())
    for _ in range(2):
        with pytest.raises(ArgumentsChangedError, match=f"--delete {bought}` deletes it, adopt_id='{bought}' takes"):
            world.run().create(arguments=LARGE)
    assert world.ids() == {bought}
    assert world.run().create() == bought  # edited back


def test_edited_arguments_are_bought_when_what_was_there_was_deleted(world: World) -> None:
    bought = world.run().killed_with_the_id()
    with pytest.raises(ArgumentsChangedError):
        world.run().create(arguments=LARGE)
    del world.account.machines[bought]
    assert world.run().create(arguments=LARGE) in world.ids()


def test_another_resource_that_orders_something_else_takes_nothing_over(world: World) -> None:
    first = world.run().killed_with_the_id()
    second = world.run().create(OTHER, LARGE)
    assert world.ids() == {first, second}


@pytest.mark.parametrize("order", [Run.killed_with_the_id, Run.killed_at_the_answer])
def test_a_renamed_resource_takes_over_what_was_bought_under_its_old_name(
    world: World, order: Callable[[Run], str]
) -> None:
    bought = order(world.run())
    assert world.run().create(OTHER) == bought
    assert world.ids() == {bought}


@pytest.mark.parametrize(
    "key",
    [
        ResourceKey("file://elsewhere", CHAT.urn),
        ResourceKey(CHAT.backend, CHAT.urn.replace("::tests::", "::renamed::")),
    ],
    ids=["another backend", "another project"],
)
@pytest.mark.parametrize("order", [Run.killed_with_the_id, Run.killed_at_the_answer])
def test_what_another_project_or_backend_has_left_open_is_asked_about(
    world: World, order: Callable[[Run], str], key: ResourceKey
) -> None:
    bought = order(world.run())
    with pytest.raises(UnclaimedPurchaseError, match=bought) as refusal:
        world.run().create(key)
    assert "1.20 EUR/h" in str(refusal.value)
    assert f"orphans --keep {bought}" in str(refusal.value)
    assert world.ids() == {bought}
    keeper = world.run()
    keeper.journal.mark_kept(bought)
    assert world.run().create(key) != bought


def test_a_host_that_tells_no_urn_takes_nothing_over(world: World) -> None:
    nameless = ResourceKey(CHAT.backend, "")
    first = world.run().killed_with_the_id(nameless)
    assert world.run().create(nameless) != first


def test_a_rotated_key_finds_what_was_bought(world: World) -> None:
    bought = world.run().killed_with_the_id()
    assert world.run("rotated").create() == bought


def test_a_rotated_key_finds_what_was_lost_where_it_shows_what_was_there(world: World) -> None:
    world.account.put("of-before")
    bought = world.run().killed_at_the_answer()
    assert world.run("rotated").create() == bought


@pytest.mark.parametrize("order", [Run.killed_with_the_id, Run.killed_at_the_answer])
def test_another_accounts_order_is_never_taken_for_nothing(world: World, order: Callable[[Run], str]) -> None:
    world.account.put("of-before")
    order(world.run())
    world.account.machines.clear()
    world.account.put("of-the-other", arguments=SMALL)
    world.began["of-the-other"] = world.vendor_now()
    with pytest.raises(AmbiguousPurchaseError, match=r"with other credentials \(account ours\)"):
        world.run("theirs").create()
    assert world.ids() == {"of-the-other"}


def test_what_somebody_else_might_have_bought_is_asked_about(world: World) -> None:
    bought = world.run().killed_at_the_answer()
    foreign = world.start().instance_id
    with pytest.raises(AmbiguousPurchaseError, match="it is not known which instance") as unclear:
        world.run().create()
    assert set(unclear.value.candidates) == {bought, foreign} == world.ids()
    world.runs[-1].dies()
    del world.account.machines[foreign]
    assert world.run().create() == bought


def test_what_began_late_is_asked_about(world: World) -> None:
    world.run().killed_before_the_order()
    world.clock.advance(700)
    foreign = world.start().instance_id
    with pytest.raises(AmbiguousPurchaseError) as unclear:
        world.run().create()
    assert unclear.value.candidates == (foreign,)


@pytest.mark.parametrize("began", [-120, 2400])
def test_what_began_at_quite_another_time_is_not_it(world: World, began: float) -> None:
    world.run().killed_before_the_order()
    world.account.put("foreign", arguments=SMALL)
    world.began["foreign"] = world.vendor_now() + began
    assert world.run().create() != "foreign"


def test_without_the_vendors_time_all_that_fits_and_is_new_may_be_it(world: World) -> None:
    world.run(tells_time=False).killed_before_the_order()
    world.clock.advance(5000)
    foreign = world.start().instance_id
    assert world.run(tells_time=False).create() == foreign


def test_what_another_stack_of_this_machine_has_bought_is_not_it(world: World) -> None:
    other = world.run().create(OTHER)
    lost = world.run().killed_at_the_answer()
    assert world.run().create() == lost != other


def test_what_the_engine_of_this_process_knows_is_not_it(world: World) -> None:
    world.run().killed_before_the_order()
    instance_id = world.start().instance_id
    run = world.run()
    run.journal.confirm(instance_id)  # an import, from another machine
    assert run.create() != instance_id


def test_a_killed_fleet_is_taken_over_one_each(world: World) -> None:
    keys = [ResourceKey(CHAT.backend, f"{CHAT.urn}-{number}") for number in range(3)]
    bought = world.fleet_killed_at_the_answer(keys)
    run = world.run()
    assert {run.create(key) for key in keys} == bought == world.ids()


def test_a_killed_fleet_of_which_some_was_not_sent_is_completed(world: World) -> None:
    keys = [ResourceKey(CHAT.backend, f"{CHAT.urn}-{number}") for number in range(3)]
    runs = [world.run() for _ in keys]
    runs[0].killed_before_the_order(keys[0], dies=False)
    bought = runs[1].killed_at_the_answer(keys[1], dies=False)
    runs[2].killed_before_the_order(keys[2], dies=False)
    for run in runs:
        run.dies()
    run = world.run()
    created = [run.create(key) for key in keys]
    assert len(set(created)) == 3
    assert created[0] == bought
    assert set(created) == world.ids()


def test_of_two_that_take_over_at_once_each_gets_its_own(world: World) -> None:
    keys = [ResourceKey(CHAT.backend, f"{CHAT.urn}-{number}") for number in range(8)]
    bought = world.fleet_killed_at_the_answer(keys)
    world.clock.advance(60)
    runs = [world.run(), world.run()]
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda number: runs[number % 2].create(keys[number]), range(8)))
    assert len(created) == len(set(created)) == 8
    assert set(created) == bought == world.ids()


def test_it_waits_until_what_was_bought_is_listed(world: World) -> None:
    bought = world.run().killed_at_the_answer()
    before = world.clock.now()
    assert world.run().create() == bought
    assert world.clock.now() - before == pytest.approx(3 * LAG)


@pytest.mark.parametrize("off", [-86400, 86400])
def test_a_changed_calendar_makes_no_wait_too_long_or_too_short(world: World, off: float) -> None:
    bought = world.run(calendar_off=off).killed_at_the_answer()
    before = world.clock.now()
    assert world.run().create() == bought
    assert world.clock.now() - before <= 3 * LAG


def test_who_is_still_buying_it_is_waited_for(world: World) -> None:
    first, second = world.run(), world.run()
    number = first.log.record_sent(CHAT, SMALL, frozenset())
    bought = world.start().instance_id
    world.clock.at(20, lambda: first.log.record_bought(number, bought))
    assert second.create() == bought
    assert world.ids() == {bought}


def test_who_undoes_its_purchase_is_waited_for(world: World) -> None:
    first, second = world.run(), world.run()
    number = first.log.record_sent(CHAT, SMALL, frozenset())
    undone = world.start().instance_id

    def undo() -> None:
        first.log.record_bought(number, undone)
        assert first.log.begin_undo(undone)
        world.clock.at(20, gone)

    def gone() -> None:
        del world.account.machines[undone]
        first.log.record_gone(undone)

    world.clock.at(5, undo)
    bought = second.create()
    assert world.ids() == {bought} != {undone}


def test_what_was_taken_over_meanwhile_is_not_undone(world: World) -> None:
    first, second = world.run(), world.run()
    bought = first.create()
    assert second.create() == bought
    assert not first.log.begin_undo(bought)
    assert second.log.begin_undo(bought)


def test_what_could_not_be_undone_is_taken_over(world: World) -> None:
    first = world.run()
    bought = first.create()
    assert first.log.begin_undo(bought)
    first.log.record_undo_failed(bought)
    assert world.run().create() == bought


def test_what_another_order_may_have_bought_is_left_to_it(world: World) -> None:
    first = world.run()
    older = first.killed_at_the_answer(CHAT, dies=False)
    world.clock.sleep(LAG)
    newer = world.run().killed_at_the_answer(OTHER)  # when the older one was there: it did not buy that
    first.dies()
    run = world.run()
    assert (run.create(CHAT), run.create(OTHER)) == (older, newer)
    assert world.ids() == {older, newer}


def test_what_another_process_may_have_bought_is_left_to_it(world: World) -> None:
    theirs: list[str] = []

    def answer_is_lost() -> Machine:
        world.start()
        world.clock.sleep(LAG)
        theirs.append(world.run().killed_at_the_answer(OTHER))
        world.clock.sleep(LAG)
        raise AnswerLostError("it broke")

    ours = world.run().create(order=answer_is_lost)
    assert [ours] != theirs
    assert world.run().create(OTHER) == theirs[0]
    assert world.ids() == {ours, *theirs}


@pytest.mark.parametrize("lags", [0.7, 2.0, 2.7])
@pytest.mark.parametrize("sent_after", [0.0, 6.0, 60.0])
def test_what_a_vendor_carries_out_after_the_kill_is_taken_over(world: World, sent_after: float, lags: float) -> None:
    """However long it took until the order had left: a token, connections that fail."""
    killed = world.run()

    def sent_late() -> Machine:
        world.clock.sleep(sent_after)
        world.clock.at(lags * LAG, world.start)
        raise Killed

    with pytest.raises(Killed):
        killed.create(order=sent_late)
    killed.dies()
    world.clock.sleep(1)
    assert {world.run().create()} == world.ids()


def test_an_order_executed_after_its_run_ended_is_taken_over_by_the_next(world: World) -> None:
    run = world.run()

    def answered_by_a_gateway() -> Machine:
        world.clock.at(5 * LAG, world.start)
        raise AnswerLostError("504")

    with pytest.raises(NotBoughtError):
        run.create(order=answered_by_a_gateway)
    run.dies()
    world.clock.sleep(5 * LAG)
    assert {world.run().create()} == world.ids()


@pytest.mark.parametrize("arguments", [SMALL, LARGE])
def test_a_journal_that_can_only_be_read_buys_nothing_that_it_names(tmp_path: Path, arguments: Arguments) -> None:
    world = World(tmp_path)
    world.patience = 0.05
    bought = world.run().killed_with_the_id()
    run = world.run()
    with closing(sqlite3.connect(tmp_path / journal.FILE_NAME, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with pytest.raises(AmbiguousPurchaseError, match="an earlier run has ordered this resource") as raised:
            run.create(arguments=arguments)
    assert raised.value.candidates == (bought,)
    assert world.ids() == {bought}
    assert len(run.warned) == 1
    run.dies()
    if arguments == SMALL:
        assert world.run().create() == bought


def test_what_an_engine_has_named_is_not_taken_for_what_was_never_noted(tmp_path: Path) -> None:
    """The disk was full when two answers came. One instance is in the state, and the next run's preview says so."""
    world = World(tmp_path)
    run = world.run()
    unsaved, saved = run.killed_at_the_answer(OTHER, dies=False), world.run().killed_at_the_answer(CHAT)
    run.dies()
    preview = world.run()
    preview.journal.confirm(saved)
    preview.dies()
    again = world.run()
    assert again.create(OTHER) == unsaved != min(unsaved, saved)
    again.dies()


def test_what_a_killed_process_was_undoing_is_taken_over(world: World) -> None:
    """Not ended: since then it may have become somebody's, of which this journal does not hear."""
    first = world.run()
    half_gone = first.create()
    assert first.log.begin_undo(half_gone)
    world.account.turn(half_gone, "stopped")
    first.dies()
    run = world.run()
    assert run.create() == half_gone
    assert world.ids() == {half_gone}
    assert [order.progress for order in run.journal.open_orders()] == [Progress.BOUGHT]


def test_who_never_comes_to_an_end_is_not_waited_for_for_ever(world: World) -> None:
    first, second = world.run(), world.run()
    first.log.record_sent(CHAT, SMALL, frozenset())
    with pytest.raises(OrderInProgressError, match="another run is still buying"):
        second.create()
    assert world.ids() == set()


def test_answers_that_are_on_their_way_to_others_are_waited_for(world: World) -> None:
    lost = world.run().killed_at_the_answer()
    busy = world.run()
    number = busy.log.record_sent(OTHER, SMALL, frozenset({lost}))
    theirs = world.start().instance_id
    world.clock.at(20, lambda: busy.log.record_bought(number, theirs))
    assert world.run().create() == lost


def test_a_lost_answer_of_this_run_and_one_of_another_get_one_each(world: World) -> None:
    other = world.run()
    lost = other.killed_at_the_answer(dies=False)

    def carried_out() -> Machine:
        world.start()
        other.dies()
        raise AnswerLostError("it broke")

    bought = world.run().create(OTHER, order=carried_out)
    assert world.ids() == {lost, bought, world.run().create()}
    assert len(world.ids()) == 2


def test_a_lost_answer_does_not_take_what_an_earlier_run_ordered_otherwise(world: World) -> None:
    other = world.run()
    lost = other.killed_at_the_answer(dies=False)
    world.account.turn(lost, "running")
    world.clock.advance(LAG + 1)

    def never_carried_out() -> Machine:
        other.dies()
        raise AnswerLostError("it broke")

    with pytest.raises(NotBoughtError):
        world.run().create(OTHER, order=never_carried_out)
    assert world.run().create() == lost


def test_an_old_order_is_no_excuse_to_take_what_is_not_ours(world: World) -> None:
    world.run().killed_before_the_order()
    world.clock.advance(86400)

    def carried_out_beside_another() -> Machine:
        world.start()
        world.start()
        raise AnswerLostError("it broke")

    with pytest.raises(AmbiguousPurchaseError):
        world.run().create(OTHER, order=carried_out_beside_another)


def test_what_is_adopted_settles_what_was_lost(world: World) -> None:
    lost = world.run().killed_at_the_answer()
    run = world.run()
    run.log.record_adopted(CHAT, lost)
    assert run.journal.open_orders() == []
    run.dies()
    assert world.run().create() != lost


def test_what_is_adopted_does_not_settle_what_is_known_by_id(world: World) -> None:
    bought = world.run().killed_with_the_id()
    world.account.put("another")
    world.run().log.record_adopted(CHAT, "another")
    assert world.run().create() == bought


def test_an_account_that_cannot_be_listed_sells_nothing(world: World) -> None:
    lost = world.run().killed_at_the_answer()
    world.account.trouble.append(refused(500))
    run = world.run()
    with pytest.raises(RefusedError):
        run.create()
    run.dies()
    assert world.ids() == {lost}
    assert world.run().create() == lost


@pytest.mark.parametrize("order", [Run.killed_with_the_id, Run.killed_at_the_answer])
def test_what_is_left_behind_is_told_while_it_is_there(world: World, order: Callable[[Run], str]) -> None:
    bought = order(world.run())
    world.clock.advance(LAG + 1)
    run = world.run()
    (leftover,) = run.left_behind(OTHER)
    assert (leftover.name, leftover.ordered, leftover.instance_ids) == ("chat", str(SMALL), (bought,))
    assert leftover.prices == ("1.20 EUR/h",)
    assert run.left_behind(ResourceKey(CHAT.backend, CHAT.urn.replace(":test::", ":another::"))) == []
    del world.account.machines[bought]
    assert world.run().left_behind(CHAT) == []


def test_what_a_row_of_the_state_has_is_not_told_as_left_behind_but_closed(world: World) -> None:
    bought = world.run().killed_with_the_id()
    world.states.has(bought)
    run = world.run()
    assert run.left_behind(CHAT) == []
    assert run.journal.open_orders() == []


def test_any_list_reports_unclaimed_purchases_and_a_new_one_takes_over(world: World) -> None:
    run = world.run()
    run.create()
    run.dies()
    later = world.run()
    assert len(later.left_behind(CHAT)) == 1
    assert later.looked_from == [NEVER]
    world.clock.advance(100)
    now = world.clock.now()
    later.create()
    assert len(later.looked_from) == 2
    assert later.looked_from[1] >= now


def test_what_lives_is_not_left_behind(world: World) -> None:
    run = world.run()
    bought = run.create()
    assert world.run().left_behind(CHAT) == []
    run.journal.confirm(bought)
    run.dies()
    assert world.run().left_behind(CHAT) == []


def unreadable(directory: Path) -> None:
    directory.mkdir()
    (directory / "orders.sqlite3").write_bytes(b"no database" * 1000)


def no_place(directory: Path) -> None:
    directory.write_text("a file")


@pytest.fixture(params=[unreadable, no_place], ids=lambda spoil: spoil.__name__)
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world whose journal cannot be used."""
    request.param(tmp_path / "state")
    world = World(tmp_path / "state")
    yield world
    assert all(run.warned for run in world.runs)


def test_without_a_journal_one_buys_with_a_warning(bare: World) -> None:
    run = bare.run()
    bought = {run.create(CHAT), run.create(OTHER)}
    assert bare.ids() == bought
    assert "orders.sqlite3 cannot be used" in str(run.warned[0])


def test_without_a_journal_nothing_is_bought_beside_what_may_be_it(bare: World) -> None:
    bare.run().create()  # and is killed
    with pytest.raises(AmbiguousPurchaseError, match="it is not known whether an earlier run"):
        bare.run().create()
    assert len(bare.ids()) == 1
    assert len({bare.run().create(arguments=LARGE), *bare.ids()}) == 2


def test_without_a_journal_what_the_engine_knows_is_not_in_the_way(bare: World) -> None:
    first = bare.run().create()
    run = bare.run()
    with suppress(JournalError):
        run.journal.confirm(first)
    assert run.create(OTHER) != first


def test_without_a_journal_a_fleet_is_not_taken_for_an_earlier_one(bare: World) -> None:
    run = bare.run()
    keys = [ResourceKey(CHAT.backend, f"{CHAT.urn}-{number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(run.create, keys)) == bare.ids()
    assert len(bare.ids()) == 6


def test_progress_is_noted(world: World) -> None:
    run = world.run()

    def lost() -> Machine:
        raise AnswerLostError("it broke")

    with pytest.raises(NotBoughtError):
        run.create(order=lost)
    assert [order.progress for order in run.journal.open_orders()] == [Progress.LOST]
    run.create()
    assert [order.progress for order in run.journal.open_orders()] == [Progress.BOUGHT]


def test_an_order_that_was_not_sent_is_forgotten(world: World) -> None:
    run = world.run()
    with pytest.raises(NotSentError, match="the engine was gone before anything was ordered"):
        run.create(is_awaited=lambda: False)
    assert run.journal.open_orders() == []
    assert world.ids() == set()


def test_what_nobody_expects_may_have_bought_something(world: World) -> None:
    run = world.run()

    def carried_out_and_stumbled() -> Machine:
        world.start()
        raise ValueError("what is this?")

    with pytest.raises(ValueError, match="what is this"):
        run.create(order=carried_out_and_stumbled)
    run.dies()
    assert world.run().create() in world.ids()
    assert len(world.ids()) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01T00:01:00", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_without_a_zone_is_none(text: str | None, seconds: float | None) -> None:
    assert parse_timestamp(text) == seconds


def refused_after(world: World, status: int = 400, times: int = 1) -> Callable[[], Machine]:
    """An order that is carried out and then refused, so many times; after that it is answered."""
    remaining = [times]

    def order() -> Machine:
        machine = world.start()
        world.clock.advance(0.1)
        if remaining[0] == 0:
            return machine
        remaining[0] -= 1
        raise refused(status)

    return order


@pytest.mark.parametrize("status", [302, 400, 402, 403, 404, 405, 413, 422, 460, 499])
def test_what_was_carried_out_and_then_refused_is_found_by_the_next_run(world: World, status: int) -> None:
    """Its list lags, so that the look right after the refusal shows nothing."""
    with pytest.raises(RefusedOrderError, match=r"nothing new is listed so far"):
        world.run().create(order=refused_after(world, status))
    (bought,) = world.ids()
    assert world.run().create() == bought
    assert world.ids() == {bought}


def test_what_was_refused_is_looked_for_also_when_the_arguments_changed(world: World) -> None:
    with pytest.raises(RefusedOrderError):
        world.run().create(order=refused_after(world))
    (bought,) = world.ids()
    with pytest.raises(ArgumentsChangedError, match=bought):
        world.run().create(arguments=LARGE)
    assert world.ids() == {bought}


def test_what_was_refused_long_ago_is_looked_for_without_a_wait(world: World) -> None:
    def never_carried_out() -> Machine:
        raise refused(402)

    first = world.run()
    with pytest.raises(RefusedOrderError):
        first.create(order=never_carried_out)
    first.dies()
    world.clock.advance(3 * LAG)
    began_at = world.clock.now()
    bought = world.run().create()
    assert world.clock.now() - began_at <= 2 * LAG
    assert world.ids() == {bought}


def test_what_was_refused_and_shows_at_once_is_taken(world: World) -> None:
    world.account.lag = 0.0
    run = world.run()
    bought = run.create(order=refused_after(world))
    assert world.ids() == {bought}
    (order,) = run.journal.open_orders()
    assert order.inferred


def test_a_refused_token_is_no_reason_to_order_twice(world: World) -> None:
    bought = world.run().create(order=refused_after(world, 401))
    assert world.ids() == {bought}


def test_an_order_refused_for_its_token_is_sent_again(world: World) -> None:
    refusals = [refused(401)]

    def order() -> Machine:
        if refusals:
            raise refusals.pop()
        return world.start()

    assert {world.run().create(order=order)} == world.ids()


@pytest.mark.parametrize("clocks", [None, 61.0, -3600.0])
@pytest.mark.parametrize("began", [-7200.0, 7200.0])
def test_a_clock_that_is_not_known_to_be_right_excludes_nothing(
    world: World, clocks: float | None, began: float
) -> None:
    bought = world.run(clocks=clocks).killed_at_the_answer()
    world.began[bought] += began
    with pytest.raises(AmbiguousPurchaseError) as unclear:
        world.run(clocks=clocks).create()
    assert unclear.value.candidates == (bought,)
    assert world.ids() == {bought}


def test_a_lost_answer_of_a_two_clock_vendor_is_named_and_not_bought_again(world: World) -> None:
    def carried_out() -> Machine:
        machine = world.start()
        world.began[machine.instance_id] -= 7200.0
        raise AnswerLostError("it broke")

    with pytest.raises(AmbiguousPurchaseError) as unclear:
        world.run(clocks=None).create(order=carried_out)
    assert set(unclear.value.candidates) == world.ids()


def test_by_how_much_a_vendors_clocks_differ_is_learnt_from_a_good_answer(world: World) -> None:
    run = world.run(clocks=None)

    def answered() -> Machine:
        machine = world.start()
        world.began[machine.instance_id] += 100.0
        return machine

    run.create(order=answered)
    assert run.journal.clock_difference("ours") == pytest.approx(100.0)


PENDING = {"arguments": list(SMALL)}


def begun_elsewhere(world: World, *, bought: bool = True) -> str:
    """Another machine, whose journal nobody has, was killed while it created the resource; what it bought."""
    world.states.began(PENDING)
    machine = world.start() if bought else None
    world.clock.advance(60)
    world.states.began(PENDING)  # and this run's own
    return "" if machine is None else machine.instance_id


def test_another_machines_possible_purchase_is_asked_about_first(world: World) -> None:
    bought = begun_elsewhere(world)
    with pytest.raises(UnclaimedPurchaseError) as refusal:
        world.run().create()
    for words in (bought, "1.20 EUR/h", "--adopt", "--delete", "--keep", "--clear-pending-creates"):
        assert words in str(refusal.value)
    assert world.ids() == {bought}


def test_in_an_exclusive_account_another_machines_purchase_is_taken_over(world: World) -> None:
    world.exclusive = True
    bought = begun_elsewhere(world)
    run = world.run()
    assert run.create() == bought
    assert world.ids() == {bought}
    (order,) = run.journal.open_orders()
    assert order.inferred


def test_also_in_an_exclusive_account_two_for_one_creation_are_asked_about(world: World) -> None:
    world.exclusive = True
    begun_elsewhere(world)
    world.start()
    world.clock.advance(LAG + 1)
    with pytest.raises(UnclaimedPurchaseError):
        world.run().create()


def test_in_an_exclusive_account_too_what_predates_the_row_is_asked_about(world: World) -> None:
    world.exclusive = True
    begun_elsewhere(world)
    row = world.start(LARGE)
    world.states.has(row.instance_id)
    world.clock.advance(LAG + 1)
    with pytest.raises(UnclaimedPurchaseError):
        world.run().create()


def test_a_creation_without_a_purchase_is_named_once_and_is_no_obstacle(world: World) -> None:
    begun_elsewhere(world, bought=False)
    world.states.began(PENDING, OTHER.urn)
    world.states.began(PENDING, OTHER.urn)
    run = world.run()
    assert {run.create(), run.create(OTHER)} == world.ids()
    assert len(world.ids()) == 2
    assert [text for text in run.told if "refresh --clear-pending-creates" in text] == run.told
    assert len(run.told) == 1


def test_what_a_row_of_any_stack_has_was_bought_for_that(world: World) -> None:
    owned = begun_elsewhere(world)
    world.states.has(owned, stack="another")
    assert world.run().create() not in ("", owned)


def test_the_creation_of_this_very_run_is_no_earlier_one(world: World) -> None:
    world.start()
    world.clock.advance(60)
    world.states.began(PENDING)
    assert world.run().create() in world.ids()
    assert len(world.ids()) == 2


def test_what_was_adopted_by_a_creation_was_not_bought_by_it(world: World) -> None:
    world.start()
    world.clock.advance(60)
    world.states.began({"adopt_id": "x"})
    world.states.began(PENDING)
    world.run().create()
    assert len(world.ids()) == 2


def test_a_state_that_cannot_be_read_is_said_and_keeps_nobody_from_buying(world: World) -> None:
    begun_elsewhere(world)
    world.states.unreadable = "checkpoints are skipped"
    run = world.run()
    run.create()
    assert run.told == ["checkpoints are skipped"]


def test_a_resource_without_a_begun_creation_costs_no_further_reading(world: World) -> None:
    run = world.run()
    for number in range(5):
        run.create(ResourceKey(CHAT.backend, f"{CHAT.urn}-{number}"), (f"kind {number}",))
    assert world.states.asked == 1


def test_what_an_engine_had_in_memory_only_is_not_bought_again(world: World) -> None:
    """The disk of the state was full: nothing was saved of what this machine bought and the engine named."""
    first = world.run()
    bought = first.create()
    first.journal.confirm(bought)
    first.dies()
    world.clock.advance(LAG + 1)
    with pytest.raises(UnclaimedPurchaseError, match=bought) as refusal:
        world.run().create()
    for words in ("1.20 EUR/h", "--adopt", "--delete", "--keep"):
        assert words in str(refusal.value)
    world.run().journal.mark_kept(bought)
    assert world.run().create() != bought


@pytest.mark.parametrize("owner", ["row", "run", "another stack"])
def test_what_was_bought_and_is_owned_is_no_obstacle(world: World, owner: str) -> None:
    first = world.run()
    bought = first.create()
    first.journal.confirm(bought)
    first.dies()
    world.clock.advance(LAG + 1)
    run = world.run()
    if owner == "run":
        run.journal.confirm(bought)
    else:
        world.states.has(bought, stack="test" if owner == "row" else "another")
    assert run.create() != bought


def test_what_was_bought_and_is_gone_is_no_obstacle(world: World) -> None:
    first = world.run()
    bought = first.create()
    first.journal.confirm(bought)
    first.dies()
    world.clock.advance(LAG + 1)
    del world.account.machines[bought]
    assert world.run().create() != bought


def test_one_wrong_list_does_not_hide_what_was_bought_and_no_state_has(world: World) -> None:
    first = world.run()
    bought = first.create()
    first.journal.confirm(bought)
    first.dies()
    world.start(LARGE)  # the list is not empty all at once
    world.clock.advance(LAG + 1)
    listed = world.account.machines
    world.account.machines = {instance_id: machine for instance_id, machine in listed.items() if instance_id != bought}
    run = world.run()
    run.poller.snapshot(max_age=0.0)
    world.account.machines = listed
    with pytest.raises(UnclaimedPurchaseError, match=bought):
        run.create()


def test_a_journal_that_names_what_another_row_has_takes_nothing_over(world: World) -> None:
    """A program can write the journal."""
    somebodys = world.start().instance_id
    world.states.has(somebodys, stack="another")
    forged = world.run()
    number = forged.journal.record(CHAT, "ours", SMALL, frozenset(), None)
    forged.journal.record_bought(number, somebodys)
    forged.dies()
    run = world.run()
    assert run.create() != somebodys
    (warning,) = run.told
    assert f"{somebodys} (1.20 EUR/h) was bought for chat" in warning
    assert "chat of stack another has it" in warning


def test_an_instance_in_another_stacks_row_is_no_lost_order(world: World) -> None:
    world.run().killed_before_the_order()
    theirs = world.start().instance_id
    world.states.has(theirs, stack="another")
    assert world.run().create() != theirs


def came_otherwise(error: BaseException, world: World) -> Callable[[], Machine]:
    """The vendor carries out something else, and its answer is not heard."""

    def order() -> Machine:
        world.start(("nearly small",))
        raise error

    return order


def test_a_wrong_delivery_with_a_lost_answer_is_named_and_not_bought_again(world: World) -> None:
    run = world.run()
    with pytest.raises(AmbiguousPurchaseError, match="may have been delivered instead") as unclear:
        run.create(order=came_otherwise(AnswerLostError("it broke"), world))
    assert set(unclear.value.candidates) == world.ids()
    run.dies()
    again = world.run()
    with pytest.raises(AmbiguousPurchaseError, match="may have been delivered instead"):
        again.create()
    again.dies()
    assert len(world.ids()) == 1
    world.run().journal.mark_kept(unclear.value.candidates[0])
    world.run().create()
    assert len(world.ids()) == 2


def test_what_came_instead_to_a_killed_run_is_named_and_not_bought_again(world: World) -> None:
    run = world.run()
    with pytest.raises(Killed):
        run.create(order=came_otherwise(Killed(), world))
    run.dies()
    with pytest.raises(AmbiguousPurchaseError) as unclear:
        world.run().create()
    assert set(unclear.value.candidates) == world.ids()


def test_a_wrong_delivery_is_looked_for_before_a_new_token_is_tried(world: World) -> None:
    with pytest.raises(AmbiguousPurchaseError, match="may have been delivered instead") as unclear:
        world.run().create(order=came_otherwise(refused(401), world))
    assert set(unclear.value.candidates) == world.ids()
    assert len(world.ids()) == 1


def test_an_instance_nearly_like_an_earlier_order_is_named_and_no_obstacle(world: World) -> None:
    world.states.began(PENDING)
    nearly = [world.start(("nearly small",)).instance_id for _ in range(2)]
    world.states.has(nearly[0], stack="another")
    world.clock.advance(LAG * 4)
    world.states.began(PENDING)  # this run's own
    run = world.run()
    run.create()
    (warning,) = run.told
    assert f"instances in no state that nearly match: {nearly[1]} (1.20 EUR/h)" in warning
    assert nearly[0] not in warning


def test_what_another_order_has_bought_did_not_come_instead(world: World) -> None:
    run = world.run()
    theirs = run.killed_at_the_answer(OTHER, ("nearly small",), dies=False)
    run.killed_before_the_order()
    again = world.run()
    ours = again.create()
    assert again.create(OTHER, ("nearly small",)) == theirs
    assert world.ids() == {ours, theirs}


def test_what_came_instead_beside_what_another_order_has_bought_is_named(world: World) -> None:
    run = world.run()
    run.killed_at_the_answer(OTHER, ("nearly small",), dies=False)
    with pytest.raises(Killed):
        run.create(order=came_otherwise(Killed(), world))
    run.dies()
    with pytest.raises(AmbiguousPurchaseError, match="may have been delivered instead") as unclear:
        world.run().create()
    assert set(unclear.value.candidates) == world.ids()


def test_what_another_process_has_bought_did_not_come_instead_of_ours(world: World) -> None:
    world.run().killed_at_the_answer(OTHER, ("nearly small",), dies=False)

    def lost() -> Machine:
        raise AnswerLostError("it broke")

    with pytest.raises(NotBoughtError):
        world.run().create(order=lost)


def test_a_closed_purchase_in_no_state_is_named_before_a_takeover(world: World) -> None:
    run = world.run()
    closed = run.create()
    run.journal.confirm(closed)
    run.killed_at_the_answer(OTHER)
    run = world.run()
    with pytest.raises(UnclaimedPurchaseError, match=closed):
        run.create()
    run.journal.mark_kept(closed)
    assert run.create() in world.ids() - {closed}


def test_what_another_machine_has_saved_by_now_is_no_candidate(world: World) -> None:
    world.run().killed_before_the_order()
    theirs = [world.start().instance_id for _ in range(2)]
    read = world.states.every_stack

    def saved_after_the_first_look(urn: str, not_before: float = 0.0) -> tuple[StackState, ...]:
        states = read(urn, not_before)
        world.states.rows.setdefault("another", [StateRow("another", CHAT.urn, instance_id) for instance_id in theirs])
        return states

    world.states.every_stack = saved_after_the_first_look  # type: ignore[method-assign]
    assert world.run().create() not in theirs

"""The orders of an earlier run are taken over, asked about or certainly without an instance; never bought twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pulumi_cortecs.http.errors import AnswerLostError, RefusedError
from pulumi_cortecs.lifecycle import journal
from pulumi_cortecs.lifecycle.cloud import Arguments
from pulumi_cortecs.lifecycle.journal import Progress, ResourceKey
from pulumi_cortecs.lifecycle.order_log import OrderInProgressError
from pulumi_cortecs.lifecycle.order_recovery import ArgumentsChangedError
from pulumi_cortecs.lifecycle.purchases import AmbiguousPurchaseError, NotBoughtError, RefusedOrderError
from pulumi_cortecs.lifecycle.stack_state import StackState, StateRow
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError
from tests.unit.fakes import Machine, refused
from tests.unit.journals import CHAT, OTHER
from tests.unit.runs import LAG, LARGE, SMALL, Killed, Run, World, refused_after


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
    run.journal.confirm("ours", first)
    run.dies()
    world.states.has(first)
    second = world.run().create()  # a replacement
    assert world.ids() == {first, second}


def test_a_killed_replacement_is_taken_over_and_never_the_old_one(world: World) -> None:
    run = world.run()
    old = run.create()
    run.journal.confirm("ours", old)
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
    keeper.journal.mark_kept("ours", bought)
    assert world.run().create(key) != bought


def test_a_host_that_tells_no_urn_takes_nothing_over(world: World) -> None:
    nameless = ResourceKey(CHAT.backend, "")
    first = world.run().killed_with_the_id(nameless)
    assert world.run().create(nameless) != first


def test_a_rotated_key_finds_what_was_bought(world: World) -> None:
    bought = world.run().killed_with_the_id()
    run = world.run("rotated")
    assert run.create() == bought
    run.journal.confirm("rotated", bought)  # what the engine has is of the new key's account
    assert run.journal.open_orders() == []


def test_a_row_of_another_cloud_with_the_same_id_owns_nothing(world: World) -> None:
    bought = world.run().killed_with_the_id()
    world.states.has(bought, CHAT.urn.replace("cortecs:Instance", "elsewhere:Instance"), stack="another")
    assert world.run().create() == bought


def test_a_rotated_key_finds_what_was_lost_where_it_shows_what_was_there(world: World) -> None:
    world.account.put("of-before")
    bought = world.run().killed_at_the_answer()
    assert world.run("rotated").create() == bought


@pytest.mark.parametrize("order", [Run.killed_with_the_id, Run.killed_at_the_answer])
def test_what_another_project_shows_under_that_name_is_not_it(world: World, order: Callable[[Run], str]) -> None:
    world.account.put("of-before")
    order(world.run("key@1"))
    with pytest.raises(AmbiguousPurchaseError, match=r"with other credentials \(account key@1\)"):
        world.run("key@2").create()


def test_a_purchase_of_another_project_is_not_forgotten_for_this_ones_answers(world: World) -> None:
    first = world.run("key@1")
    bought = first.create()
    first.journal.confirm("key@1", bought)
    first.dies()
    world.clock.advance(LAG + 1)
    there, world.account.machines = world.account.machines, {}
    world.run("key@2").create()
    world.account.machines = there
    with pytest.raises(UnclaimedPurchaseError, match=bought):
        world.run("key@1").create()


def test_a_row_of_another_project_with_the_same_name_owns_nothing(world: World) -> None:
    bought = world.run("key@1").killed_with_the_id()
    world.states.has(bought, stack="another", account="key@2")
    assert world.run("key@1").create() == bought


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


def test_what_another_stack_of_this_machine_has_bought_is_not_it(world: World) -> None:
    other = world.run().create(OTHER)
    lost = world.run().killed_at_the_answer()
    assert world.run().create() == lost != other


def test_what_the_engine_of_this_process_knows_is_not_it(world: World) -> None:
    world.run().killed_before_the_order()
    instance_id = world.start().instance_id
    run = world.run()
    run.journal.confirm("ours", instance_id)  # an import, from another machine
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


def test_what_another_order_may_have_bought_is_left_to_it(world: World) -> None:
    first = world.run()
    older = first.killed_at_the_answer(CHAT, dies=False)
    world.clock.sleep(LAG)
    newer = world.run().killed_at_the_answer(OTHER)  # when the older one was there: it did not buy that
    first.dies()
    run = world.run()
    assert (run.create(CHAT), run.create(OTHER)) == (older, newer)
    assert world.ids() == {older, newer}


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
    preview.journal.confirm("ours", saved)
    preview.dies()
    again = world.run()
    assert again.create(OTHER) == unsaved != min(unsaved, saved)
    again.dies()


def test_what_a_killed_process_was_undoing_is_taken_over(world: World) -> None:
    """The instance is not deleted: since then another stack may own it, unknown to this journal."""
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


def test_an_account_that_cannot_be_listed_sells_nothing(world: World) -> None:
    lost = world.run().killed_at_the_answer()
    world.account.trouble.append(refused(500))
    run = world.run()
    with pytest.raises(RefusedError):
        run.create()
    run.dies()
    assert world.ids() == {lost}
    assert world.run().create() == lost


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


def test_what_an_engine_had_in_memory_only_is_not_bought_again(world: World) -> None:
    """The disk of the state was full: nothing was saved of what this machine bought and the engine named."""
    first = world.run()
    bought = first.create()
    first.journal.confirm("ours", bought)
    first.dies()
    world.clock.advance(LAG + 1)
    with pytest.raises(UnclaimedPurchaseError, match=bought) as refusal:
        world.run().create()
    for words in ("1.20 EUR/h", "--adopt", "--delete", "--keep"):
        assert words in str(refusal.value)
    world.run().journal.mark_kept("ours", bought)
    assert world.run().create() != bought


@pytest.mark.parametrize("owner", ["row", "run", "another stack"])
def test_what_was_bought_and_is_owned_is_no_obstacle(world: World, owner: str) -> None:
    first = world.run()
    bought = first.create()
    first.journal.confirm("ours", bought)
    first.dies()
    world.clock.advance(LAG + 1)
    run = world.run()
    if owner == "run":
        run.journal.confirm("ours", bought)
    else:
        world.states.has(bought, stack="test" if owner == "row" else "another")
    assert run.create() != bought


def test_what_was_bought_and_is_gone_is_no_obstacle(world: World) -> None:
    first = world.run()
    bought = first.create()
    first.journal.confirm("ours", bought)
    first.dies()
    world.clock.advance(LAG + 1)
    del world.account.machines[bought]
    assert world.run().create() != bought


def test_one_wrong_list_does_not_hide_what_was_bought_and_no_state_has(world: World) -> None:
    first = world.run()
    bought = first.create()
    first.journal.confirm("ours", bought)
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
    world.run().journal.mark_kept("ours", unclear.value.candidates[0])
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


def test_a_closed_purchase_in_no_state_is_named_before_a_takeover(world: World) -> None:
    run = world.run()
    closed = run.create()
    run.journal.confirm("ours", closed)
    run.killed_at_the_answer(OTHER)
    run = world.run()
    with pytest.raises(UnclaimedPurchaseError, match=closed):
        run.create()
    run.journal.mark_kept("ours", closed)
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


def test_a_candidate_that_another_creation_takes_meanwhile_does_not_make_it_ambiguous(world: World) -> None:
    bought = world.run().killed_at_the_answer()
    world.start()
    (other,) = world.ids() - {bought}
    neighbour, run = world.run(), world.run()
    looked = list[str]()
    every_stack = world.states.every_stack

    def taking(urn: str, not_before: float = float("-inf")) -> tuple[StackState, ...]:
        looked.append(urn)
        if len(looked) == 2:  # the last look before it would be called ambiguous
            number = neighbour.journal.record(OTHER, "ours", SMALL, frozenset({bought}), None)
            neighbour.journal.record_bought(number, other)
        return every_stack(urn, not_before)

    world.states.every_stack = taking  # type: ignore[method-assign]
    assert run.create() == bought
    assert len(looked) >= 2


def test_an_engine_that_outlives_its_provider_keeps_what_it_was_told(world: World) -> None:
    """Another stack orders the same while the first one's engine writes the answer down: nothing is taken from it."""
    bought = world.run().killed_with_the_id(CHAT)
    saved_at = world.clock.now() + 2.0
    run = world.run()
    read = world.states.every_stack

    def read_as_saved(urn: str, not_before: float = float("-inf")) -> tuple[StackState, ...]:
        if world.clock.now() >= saved_at and "first" not in world.states.rows:
            world.states.has(bought, stack="first")
        return read(urn, not_before)

    world.states.every_stack = read_as_saved  # type: ignore[method-assign]
    assert run.create(OTHER) != bought

"""The journal's record of each order, and what may be concluded from it about an instance."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from pulumi_cortecs.http.errors import AnswerLostError
from pulumi_cortecs.lifecycle.journal import JournalError, Progress, ResourceKey
from pulumi_cortecs.lifecycle.purchases import AmbiguousPurchaseError, NotBoughtError, NotSentError
from tests.unit.fakes import Machine, refused
from tests.unit.journals import CHAT, OTHER
from tests.unit.runs import LAG, LARGE, SMALL, World, refused_after


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
        run.journal.confirm("ours", first)
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


def test_what_another_process_has_bought_did_not_come_instead_of_ours(world: World) -> None:
    world.run().killed_at_the_answer(OTHER, ("nearly small",), dies=False)

    def lost() -> Machine:
        raise AnswerLostError("it broke")

    with pytest.raises(NotBoughtError):
        world.run().create(order=lost)

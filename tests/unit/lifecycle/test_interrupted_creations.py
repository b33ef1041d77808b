"""Purchases of interrupted creations, on whatever machine they began, are recovered or asked about."""

from __future__ import annotations

import pytest

from pulumi_cortecs.lifecycle.journal import ResourceKey
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError
from tests.unit.journals import CHAT, OTHER
from tests.unit.runs import LAG, LARGE, SMALL, World

PENDING = {"arguments": list(SMALL)}


def begun_elsewhere(world: World, *, bought: bool = True) -> str:
    """Kills another machine, whose journal is lost, while it creates the resource; returns the id that it bought."""
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

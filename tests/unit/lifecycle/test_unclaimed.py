"""Purchases of killed runs that no state has are reported while they exist."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_cortecs.lifecycle.journal import ResourceKey
from pulumi_cortecs.lifecycle.poller import NEVER
from tests.unit.journals import CHAT, OTHER
from tests.unit.runs import LAG, SMALL, Run, World


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
    run.journal.confirm("ours", bought)
    run.dies()
    assert world.run().left_behind(CHAT) == []

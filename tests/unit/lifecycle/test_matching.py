"""The assignment of instances to orders: each is taken once, none is lost, and luck decides nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.lifecycle.matching import Assignment, assign, assign_in_turn


@dataclass(frozen=True)
class Order:
    """An order that may have bought the instances in `may_have`."""

    name: str
    may_have: frozenset[str]


IDS = st.sampled_from("abcdef")
INSTANCES = st.sets(IDS).map(sorted)
ORDERS = st.lists(st.frozensets(IDS), max_size=6).map(
    lambda wishes: [Order(str(number), may_have) for number, may_have in enumerate(wishes)]
)


def may_be(order: Order, key: str, _: str) -> bool:
    return key in order.may_have


def assigned(instances: list[str], orders: list[Order]) -> Assignment[Order]:
    return assign({key: key for key in instances}, orders, may_be)


def dealt(instances: list[str], orders: list[Order]) -> list[tuple[Order, str]]:
    return assign_in_turn({key: key for key in instances}, orders, may_be)


@given(INSTANCES, ORDERS)
def test_each_instance_is_one_orders_and_each_order_has_one(instances: list[str], orders: list[Order]) -> None:
    pairs = dealt(instances, orders)
    assert len({key for _, key in pairs}) == len({order.name for order, _ in pairs}) == len(pairs)
    assert all(key in order.may_have and key in instances for order, key in pairs)


@given(INSTANCES, ORDERS)
def test_no_order_goes_without_where_something_of_its_is_left(instances: list[str], orders: list[Order]) -> None:
    pairs = dealt(instances, orders)
    served, left_over = {order for order, _ in pairs}, set(instances) - {key for _, key in pairs}
    assert all(order in served or not order.may_have & left_over for order in orders)


@given(INSTANCES, ORDERS)
def test_what_is_certain_is_assigned(instances: list[str], orders: list[Order]) -> None:
    assignment = assigned(instances, orders)
    for order in orders:
        mine = order.may_have & set(instances)
        if len(mine) == 1 and all(taker is order for taker in assignment.takers[min(mine)]):
            assert (order, min(mine)) in dealt(instances, orders)


@given(INSTANCES, ORDERS)
def test_nothing_that_may_be_an_orders_is_called_nobodys(instances: list[str], orders: list[Order]) -> None:
    assignment = assigned(instances, orders)
    explained = {key for key in instances if any(key in order.may_have for order in orders)}
    wanting = [order for order in orders if order.may_have & set(instances)]
    if len(explained) > len(wanting):  # one of them is foreign, and it is unknown which
        assert assignment.unexplained == set(instances)
    else:
        assert assignment.unexplained == set(instances) - explained


@given(INSTANCES, ORDERS)
def test_it_is_crowded_where_not_all_can_be_somebodys(instances: list[str], orders: list[Order]) -> None:
    assignment = assigned(instances, orders)
    assert assignment.is_crowded or len(assignment.orders) >= len(instances)
    if len(dealt(instances, orders)) == len(instances):
        assert not assignment.is_crowded


@given(INSTANCES.filter(bool), ORDERS)
def test_what_is_taken_leaves_the_most_to_the_others(instances: list[str], orders: list[Order]) -> None:
    assignment = assigned(instances, orders)
    wanted_by = {key: sum(key in order.may_have for order in orders) for key in instances}
    assert wanted_by[assignment.least_wanted] == min(wanted_by.values())


@given(INSTANCES.filter(bool), ORDERS, st.randoms())
def test_the_order_of_what_is_given_does_not_matter(
    instances: list[str], orders: list[Order], chance: random.Random
) -> None:
    first = assigned(instances, orders)
    turned, shuffled = list(instances), list(orders)
    chance.shuffle(turned)
    assert dealt(turned, orders) == dealt(instances, orders)
    chance.shuffle(shuffled)
    other = assigned(turned, shuffled)
    assert (other.is_crowded, other.least_wanted, other.unexplained) == (
        first.is_crowded,
        first.least_wanted,
        first.unexplained,
    )
    assert set(other.orders) == set(first.orders)


@given(INSTANCES, ORDERS, st.frozensets(IDS))
def test_what_turns_out_to_be_somebodys_takes_no_order_out(
    instances: list[str], orders: list[Order], taken_ids: frozenset[str]
) -> None:
    assignment = assigned(instances, orders)
    assert assignment.without(taken_ids).orders == assignment.orders
    assert assignment.without(taken_ids).takers.keys() == set(instances) - taken_ids


def test_equal_orders_are_two_orders() -> None:
    order = Order("alike", frozenset("ab"))
    orders = [order, Order("alike", frozenset("ab"))]
    assert [key for _, key in dealt(["a", "b"], orders)] == ["a", "b"]
    assert not assigned(["a", "b"], orders).is_crowded

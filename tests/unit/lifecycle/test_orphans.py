"""`lifecycle/orphans.py`, `holdings.py`, `listed_instance.py`: what no stack owns, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import Money
from pulumi_cortecs.lifecycle.cloud import Phase
from pulumi_cortecs.lifecycle.holdings import PendingPurchase, StackHoldings, StackResource
from pulumi_cortecs.lifecycle.listed_instance import ListedInstance, sum_by_currency
from pulumi_cortecs.lifecycle.orphans import GRACE_PERIOD, Orphan, find_orphans

NOW = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
ORDER = {
    "model_id": "Qwen--Qwen2-7B-Instruct",
    "hardware_type_id": "L4",
    "context_length": 32000,
    "billing_interval": "per_minute",
    "num_workers": 1,
}
URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/cortecs:Instance::chat"


def listed(instance_id: str = "i", **changed: Any) -> ListedInstance:
    """An instance that has run for an hour and half a minute."""
    running = ListedInstance(
        instance_id=instance_id,
        arguments=ORDER,
        ordered="Qwen--Qwen2-7B-Instruct on 1 x L4",
        status="running",
        phase=Phase.READY,
        started_at=NOW - timedelta(hours=1, seconds=30),
        hourly=Money.of("1.20", "EUR"),
        cost_so_far=Money.of("1.22", "EUR"),
    )
    return replace(running, **changed)


def state(
    *rows: StackResource, pending: tuple[PendingPurchase, ...] = (), updating: bool | None = False
) -> StackHoldings:
    return StackHoldings("dev", "file:///states", rows, pending, updating)


def owns(instance_id: str, /, **changed: Any) -> StackResource:
    return replace(StackResource("dev", URN, instance_id), **changed)


def interrupted(**arguments: object) -> tuple[PendingPurchase, ...]:
    return (PendingPurchase("dev", URN, arguments),)


def only(instance: ListedInstance, *stacks: StackHoldings) -> Orphan:
    (orphan,) = find_orphans([instance], stacks, NOW)
    return orphan


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.booleans())
def test_an_orphan_is_what_is_listed_and_no_row_owns(
    there: set[int], owned: set[int], looked_at: set[int], one_stack: bool
) -> None:
    rows = [owns(str(number)) for number in owned] + [owns(str(number), external=True) for number in looked_at]
    stacks = [state(*rows)] if one_stack else [state(row) for row in rows]
    unowned = find_orphans([listed(str(number)) for number in there], stacks, NOW)
    assert {orphan.instance.instance_id for orphan in unowned} == {str(number) for number in there - owned}


def test_what_a_stack_only_looks_at_is_said_to_be() -> None:
    assert only(listed(), state(owns("i", external=True))).remarks == ("only looked at by dev",)


def test_sums_are_per_currency() -> None:
    amounts = [Money.of("1", "EUR"), None, Money.of("2", "USD"), Money.of("3", "EUR")]
    assert {key: str(amount) for key, amount in sum_by_currency(amounts).items()} == {
        "EUR": "4.00 EUR",
        "USD": "2.00 USD",
    }


def test_the_unpriced_come_first_and_then_the_dearest() -> None:
    unpriced = listed("c", hourly=None)
    dear = listed("b", hourly=Money.of("4.20", "EUR"))
    unowned = find_orphans([listed("a"), dear, unpriced], [], NOW)
    assert [orphan.instance.instance_id for orphan in unowned] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("age", "held_back"),
    [(GRACE_PERIOD, ""), (GRACE_PERIOD - timedelta(seconds=1), "young"), (-timedelta(hours=1), "young")],
)
def test_a_young_one_is_held_back(age: timedelta, held_back: str) -> None:
    assert only(listed(started_at=NOW - age)).skip_reason == held_back


def test_one_whose_age_nobody_knows_is_held_back() -> None:
    assert only(listed(started_at=None)).skip_reason == "of unknown age"


def test_what_a_killed_run_may_have_bought_says_so_and_can_be_ended() -> None:
    orphan = only(listed(), state(pending=interrupted(**ORDER, state="running")))
    assert orphan.remarks == ("may be chat, whose creation never ended in dev",)
    assert orphan.skip_reason == ""


def test_what_a_run_may_still_be_taking_over_is_held_back() -> None:
    locked = state(pending=interrupted(**ORDER), updating=True)
    assert only(listed(), locked).skip_reason == "dev is locked"
    adopting = state(pending=interrupted(**ORDER, adopt_id="other"), updating=True)
    assert only(listed(), adopting).skip_reason == ""


def test_another_order_is_no_reason_to_hold_it_back() -> None:
    other = state(pending=interrupted(**{**ORDER, "num_workers": 2.0}), updating=True)
    assert (only(listed(), other).remarks, only(listed(), other).skip_reason) == ((), "")


def test_arguments_that_are_secret_or_not_reported_may_be_anything() -> None:
    secret = interrupted(**{**ORDER, "num_workers": {"4dabf18193072939515e22adb298388d": "1b47"}})
    assert only(listed(), state(pending=secret)).remarks
    without_workers = {key: value for key, value in ORDER.items() if key != "num_workers"}
    assert only(listed(arguments=without_workers), state(pending=interrupted(**ORDER))).remarks


def test_others_can_add_what_they_know() -> None:
    (orphan,) = find_orphans([listed()], [], NOW, {"i": ["noted on this machine"], "j": ["no"]})
    assert orphan.remarks == ("noted on this machine",)


def test_what_something_else_manages_is_held_back() -> None:
    orphan = only(listed(manager="Gcore's application chat"))
    assert orphan.skip_reason == "managed by Gcore's application chat"


def test_a_row_of_another_project_with_the_same_name_owns_nothing() -> None:
    there = state(owns("i", account="key@2", resource_type="t"), owns("j", account="key@1", resource_type="t"))
    here = there.of_types({"t"}, "key@1")
    assert [found.instance.instance_id for found in find_orphans([listed("i"), listed("j")], [here], NOW)] == ["i"]

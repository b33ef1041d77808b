"""`lifecycle/expiry.py`: what has outlived its ttl, by every stack that owns it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pulumi_cortecs.lifecycle.expiry import ExpiredInstance, ExpiryError, find_expired, require_clock_agreement
from pulumi_cortecs.lifecycle.holdings import StackResource
from tests.unit.lifecycle.test_orphans import NOW, listed, owns, state


def until(hours: float, **changed: Any) -> StackResource:
    """An instance whose time is over that many hours from now."""
    return owns("i", expires_at=f"{NOW + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}", **changed)


def expired_of(*rows: StackResource) -> tuple[ExpiredInstance, ...]:
    return find_expired([listed()], [state(row) for row in rows], NOW)


def test_what_is_over_is_found_with_what_it_costs() -> None:
    (instance,) = expired_of(until(-1))
    assert instance.expires_at == NOW - timedelta(hours=1)
    assert (str(instance.hourly), instance.is_protected) == ("1.20 EUR", False)


def test_the_very_moment_counts_as_over() -> None:
    assert expired_of(until(0))


@pytest.mark.parametrize(
    "rows",
    [(), (until(1),), (owns("i"),), (until(-1, external=True),), (until(-1, instance_id="j"),)],
    ids=["unowned", "later", "without end", "only looked at", "another"],
)
def test_what_is_not_over_is_left_alone(rows: tuple[StackResource, ...]) -> None:
    assert expired_of(*rows) == ()


def test_of_two_states_the_later_end_counts() -> None:
    assert expired_of(until(-1), until(1)) == ()
    assert expired_of(until(-1), owns("i")) == ()  # one of them wants it for ever
    (instance,) = expired_of(until(-2), until(-1, stack="prod"))
    assert instance.expires_at == NOW - timedelta(hours=1)
    assert instance.remarks == ("the latest of its ends counts",)


def test_protected_in_one_state_is_protected() -> None:
    (instance,) = expired_of(until(-1), until(-1, protected=True))
    assert instance.is_protected
    assert instance.remarks == ("protected",)


@pytest.mark.parametrize("end", ["tomorrow", "2030-01-01T00:00:00", {"ciphertext": "v1"}, 7])
def test_an_end_that_nobody_can_read_is_an_error(end: object) -> None:
    with pytest.raises(ExpiryError, match="invalid expires_at of i in dev"):
        expired_of(owns("i", expires_at=end))


PROD = "urn:pulumi:prod::shop::pulumi-python:dynamic/cortecs:Instance::answers"


def test_what_two_rows_own_is_held_back_with_the_names_of_both() -> None:
    (instance,) = expired_of(until(-1), until(-2, stack="prod", urn=PROD))
    assert instance.skip_reason == "owned by chat in dev and answers in prod"
    (instance,) = expired_of(until(-1), until(-2, urn=PROD))  # two resources of one stack
    assert instance.skip_reason == "owned by chat in dev and answers in dev"


@pytest.mark.parametrize(
    "other",
    [
        until(-1, urn=PROD, doomed=True),
        until(-1, urn=PROD, external=True),
        until(-1, stack="organization/shop/dev"),
        until(-1),
    ],
    ids=["waits for its deletion", "only looked at", "read under two names", "read twice"],
)
def test_what_one_live_row_owns_is_not_held_back(other: StackResource) -> None:
    (instance,) = expired_of(until(-1), other)
    assert instance.skip_reason == ""


def test_a_row_of_another_backend_is_another_row() -> None:
    other = replace(state(until(-1)), backend="file:///others")
    (instance,) = find_expired([listed()], [state(until(-1)), other], NOW)
    assert instance.skip_reason == "owned by chat in dev and chat in dev"


@pytest.mark.parametrize("sign", [1, -1])
def test_clocks_may_be_five_minutes_apart_and_not_a_second_more(sign: int) -> None:
    require_clock_agreement("Cortecs", NOW, NOW)
    require_clock_agreement("Cortecs", NOW + sign * timedelta(minutes=5), NOW)
    with pytest.raises(ExpiryError):
        require_clock_agreement("Cortecs", NOW + sign * timedelta(minutes=5, seconds=1), NOW)


@pytest.mark.parametrize("apart", [timedelta(minutes=5, seconds=1), timedelta(minutes=-5, seconds=-1)])
def test_clocks_that_are_further_apart_are_both_named(apart: timedelta) -> None:
    with pytest.raises(ExpiryError) as failure:
        require_clock_agreement("Cortecs", NOW + apart, NOW)
    both = (
        f"Cortecs says {NOW + apart:%Y-%m-%dT%H:%M:%SZ}, this machine 2030-01-01T12:00:00Z; allowed: a difference of "
        "5 minutes"
    )
    assert both in str(failure.value)


def test_what_something_else_manages_is_held_back() -> None:
    (instance,) = find_expired([listed(manager="Gcore's application chat")], [state(until(-1))], NOW)
    assert instance.skip_reason == "managed by Gcore's application chat"

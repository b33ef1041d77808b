"""`lifecycle/expiry.py`: what has outlived its ttl, by every stack that owns it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pulumi_cortecs.lifecycle.expiry import Expired, ExpiryError, expired
from pulumi_cortecs.lifecycle.owners import Row
from tests.unit.test_orphans import NOW, PRICES, listed, owns, state


def until(hours: float, **changed: Any) -> Row:
    """An instance whose time is over that many hours from now."""
    return owns("i", expires_at=f"{NOW + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}", **changed)


def found(*rows: Row) -> tuple[Expired, ...]:
    return expired([listed()], [state(each) for each in rows], PRICES, NOW)


def test_what_is_over_is_found_with_what_it_costs() -> None:
    (one,) = found(until(-1))
    assert (one.expires_at, str(one.hourly), one.protected) == (NOW - timedelta(hours=1), "1.20 EUR", False)


def test_the_very_moment_counts_as_over() -> None:
    assert found(until(0))


@pytest.mark.parametrize(
    "rows",
    [(), (until(1),), (owns("i"),), (until(-1, external=True),), (until(-1, instance_id="j"),)],
    ids=["unowned", "later", "without end", "only looked at", "another"],
)
def test_what_is_not_over_is_left_alone(rows: tuple[Row, ...]) -> None:
    assert found(*rows) == ()


def test_of_two_states_the_later_end_counts() -> None:
    assert found(until(-1), until(1)) == ()
    assert found(until(-1), owns("i")) == ()  # one of them wants it for ever
    (one,) = found(until(-2), until(-1, stack="prod"))
    assert one.expires_at == NOW - timedelta(hours=1)
    assert one.remarks == ("the latest of its ends counts",)


def test_protected_in_one_state_is_protected() -> None:
    (one,) = found(until(-1), until(-1, protected=True))
    assert one.protected
    assert one.remarks == ("protected",)


@pytest.mark.parametrize("end", ["tomorrow", "2030-01-01T00:00:00", {"ciphertext": "v1"}, 7])
def test_an_end_that_nobody_can_read_is_an_error(end: object) -> None:
    with pytest.raises(ExpiryError, match="the expires_at of i in dev is no time"):
        found(owns("i", expires_at=end))

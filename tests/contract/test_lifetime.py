"""ttl becomes a moment once, and stays that moment until the program has another ttl."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought
from tests.contract.host import CallFailedError, Diffed, Host, Made
from tests.contract.proxy import Proxy

LONG_AGO = "2020-01-01T00:00:00Z"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _at_the_vendor(simulator: Simulator) -> datetime:
    """The time at the vendor, in whole seconds as in `Date`. Its clock is a day or more ahead of ours."""
    simulator.control.advance(86_400)
    return simulator.control.clock().now.replace(microsecond=0)


def test_a_ttl_becomes_a_moment_by_the_vendors_clock_when_it_is_bought(host: Host, simulator: Simulator) -> None:
    before = _at_the_vendor(simulator)
    made = host.instance().buy({"model_id": QWEN, "ttl": "8h"})
    expires_at = _moment(made.outs["expires_at"])
    assert before <= expires_at - timedelta(hours=8) <= simulator.control.clock().now


def test_a_ttl_counts_from_an_adoption_by_the_vendors_clock(host: Host, simulator: Simulator) -> None:
    adopted, before = bought(simulator).id, _at_the_vendor(simulator)
    made = host.instance().buy({"model_id": QWEN, "ttl": "8h", "adopt_id": adopted})
    expires_at = _moment(made.outs["expires_at"])
    assert before <= expires_at - timedelta(hours=8) <= simulator.control.clock().now


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 1900 00:00:00 GMT"])
def test_a_vendor_that_tells_no_time_to_count_from_stops_no_purchase(
    start_host: Callable[..., Host], proxy: Proxy, simulator: Simulator, date: str
) -> None:
    proxy.date = date
    made = start_host(proxy.env()).instance().buy({"model_id": QWEN, "ttl": "8h"})
    assert abs(_moment(made.outs["expires_at"]) - datetime.now(timezone.utc)) < timedelta(days=1)
    assert [instance.instance_id for instance in simulator.control.instances()] == [made.id]


def test_check_knows_no_moment(host: Host) -> None:
    # one that differed from one check to the next would break every plan
    assert "expires_at" not in host.instance().check({"model_id": QWEN, "ttl": "8h"}).inputs


def test_without_a_ttl_there_is_none(host: Host) -> None:
    assert "expires_at" not in host.instance().buy({"model_id": QWEN, "ttl": ""}).outs


def test_reading_and_other_updates_leave_the_moment_alone(host: Host, simulator: Simulator) -> None:
    made = bought(simulator, ttl="8h")
    made = Made(made.id, {**made.outs, "expires_at": LONG_AGO})
    assert host.instance().read(made).outs["expires_at"] == LONG_AGO
    updated = host.instance().update(made, {**INPUTS, "ttl": "8h", "restart_trigger": "now"})
    assert updated.outs["expires_at"] == LONG_AGO


def test_another_ttl_is_a_change_in_place_and_counts_from_then(host: Host, simulator: Simulator) -> None:
    made = bought(simulator, ttl="8h")
    news = {**INPUTS, "ttl": "9h"}
    assert host.instance().diff(made.outs, news, made.id) == Diffed(None, ())
    before = _at_the_vendor(simulator)
    updated = host.instance().update(Made(made.id, {**made.outs, "expires_at": LONG_AGO}), news)
    assert before <= _moment(updated.outs["expires_at"]) - timedelta(hours=9) <= simulator.control.clock().now
    assert len(simulator.control.ledger().entries) == 1


def test_a_ttl_taken_away_takes_the_moment_with_it(host: Host, simulator: Simulator) -> None:
    made = bought(simulator, ttl="8h")
    updated = host.instance().update(Made(made.id, {**made.outs, "expires_at": LONG_AGO}), INPUTS)
    assert updated.outs == {key: value for key, value in made.outs.items() if key != "ttl"}


def test_an_other_on_timeout_is_a_change_in_place(host: Host, simulator: Simulator) -> None:
    made = bought(simulator)
    news = {**INPUTS, "on_timeout": "stop"}
    assert host.instance().diff(made.outs, news, made.id) == Diffed(None, ())
    assert host.instance().update(made, news).outs["on_timeout"] == "stop"
    assert [instance.status for instance in simulator.control.instances()] != ["stopped"]


def test_a_default_is_in_no_state_and_saying_it_is_no_change(host: Host, simulator: Simulator) -> None:
    # every property in a state costs time at each step of an `up`
    made = bought(simulator)
    defaults = {"ttl": "", "on_timeout": "keep", "adopt_id": ""}
    resource = host.instance()
    checked = resource.check({"model_id": QWEN, **defaults}, INPUTS)
    assert set(checked.inputs) == set(INPUTS)
    assert resource.diff(made.outs, checked.inputs, made.id) == Diffed(False, ())
    assert resource.read(made).outs == made.outs


@pytest.mark.parametrize("ttl", ["8", "8 hours", "-8h", "0s", "367d", "tomorrow", 8.0, True, ["8h"]])
def test_what_is_no_span_of_time_is_refused(shared_host: Host, ttl: object) -> None:
    (reason,) = shared_host.instance().check({"model_id": QWEN, "ttl": ttl}).reasons("ttl")
    assert "must be a" in reason


@pytest.mark.parametrize("on_timeout", ["", "Stop", "terminate", 1.0])
def test_on_timeout_is_one_of_three_words(shared_host: Host, on_timeout: object) -> None:
    assert shared_host.instance().check({"model_id": QWEN, "on_timeout": on_timeout}).reasons("on_timeout")


def test_create_reads_them_as_strictly(host: Host, simulator: Simulator) -> None:
    with pytest.raises(CallFailedError, match="ttl must be a duration"):
        host.instance().create({**INPUTS, "ttl": "soon"})
    assert simulator.control.instances() == ()

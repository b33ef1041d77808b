"""The `Date` of answers and the times of instances come from clocks that disagree."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import ControlError, Simulator
from tests.unit.simulated import start, stop


def date_of(answer: httpx.Response) -> datetime:
    return parsedate_to_datetime(answer.headers["date"])


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def get_instance(api: httpx.Client, instance_id: str) -> Any:
    return api.get(f"/instances/{instance_id}").json()["instance"]["instance_status"]


@pytest.mark.parametrize("seconds", [-430.0, 95.0])
def test_a_load_balancer_dates_the_answers(seconds: float, sim: Simulator, api: httpx.Client) -> None:
    sim.control.settings(date_ahead_seconds=seconds)
    answer = api.post("/instances/start", json={"model_id": "Qwen--Qwen2-7B-Instruct"})
    now = sim.control.clock().now
    assert date_of(answer) == (now + timedelta(seconds=seconds)).replace(microsecond=0)
    assert parse_time(answer.json()["instance"]["instance_status"]["started_at"]) == now


def test_local_time_with_a_z(sim: Simulator, api: httpx.Client) -> None:
    sim.control.settings(instance_clock_ahead_seconds=7200)
    instance_id, now = start(api), sim.control.clock().now
    assert parse_time(get_instance(api, instance_id)["started_at"]) == now + timedelta(hours=2)
    sim.control.advance(10)
    stopped = stop(api, instance_id)["instance_status"]
    assert parse_time(stopped["stopped_at"]) == now + timedelta(hours=2, seconds=10)
    (row,) = api.get("/instances").json()["instances"]
    assert row["instance_status"] == stopped
    assert date_of(api.get("/instances")) == (now + timedelta(seconds=10)).replace(microsecond=0)


def test_the_truth_and_the_bill_keep_to_the_one_clock(sim: Simulator, api: httpx.Client) -> None:
    sim.control.settings(instance_clock_ahead_seconds=-7200, date_ahead_seconds=95)
    start(api)
    (made,), (run,) = sim.control.instances(), sim.control.ledger().entries
    now = sim.control.clock().now
    assert parse_time(made.answer["instance_status"]["started_at"]) == run.started_at == now


def test_a_knob_that_makes_no_sense_is_refused(sim: Simulator) -> None:
    with pytest.raises(ControlError, match="400"):
        sim.control.settings(date_ahead_seconds=-1e12)

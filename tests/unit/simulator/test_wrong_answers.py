"""Answers that parse, but are untrue or of a wrong shape."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import ControlError, Simulator
from pulumi_cortecs.simulator.faults import PARAMETERS
from tests.unit.simulated import BOOT, QWEN, list_statuses, post_order, start


def test_a_good_answer_with_no_instance_in_it(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    sim.control.fault("empty_list", path="/instances", count=1)
    hiccup = api.get("/instances")
    assert (hiccup.status_code, hiccup.json()) == (200, {"instances": []})
    assert list_statuses(api) == {instance_id: "pending"}


def test_only_lists_come_back_empty(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api, num_workers=2)
    fault = sim.control.fault("empty_list")
    assert len(api.get(f"/instances/{instance_id}").json()["instance"]["worker_statuses"]) == 2
    start(api)
    api.get(f"/models/{QWEN}")
    assert sim.control.faults() == {fault: 0}
    for path, name in (
        ("/instances", "instances"),
        ("/instances/", "instances"),
        ("/models", "models"),
        ("/hardware-types", "hardware_types"),
        ("/hardware-types/available", "hardware_types"),
    ):
        assert api.get(path).json() == {name: []}
    assert sim.control.faults() == {fault: 5}


def test_an_error_is_not_turned_into_an_empty_list(sim: Simulator) -> None:
    sim.control.fault("empty_list")
    answer = httpx.get(f"{sim.base_url}/instances", trust_env=False)
    assert (answer.status_code, list(answer.json())) == (401, ["error"])


@pytest.mark.parametrize(
    ("how", "field", "expected"),
    [
        ("missing", "", {}),
        ("missing", "instances", {}),
        ("null", "instances", {"instances": None}),
        ("wrong_type", "instances", {"instances": {"unexpected": True}}),
        ("array", "", []),
    ],
)
def test_an_answer_is_valid_json_of_a_wrong_shape(
    how: str, field: str, expected: Any, sim: Simulator, api: httpx.Client
) -> None:
    start(api)
    sim.control.fault("wrong_shape", path="/instances", count=1, how=how, field=field)
    answer = api.get("/instances")
    assert (answer.status_code, answer.json()) == (200, expected)
    assert len(list_statuses(api)) == 1


def test_a_purchase_is_made_whatever_its_answer_looks_like(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("wrong_shape", path="/instances/start", field="instance_id", count=1)
    answer = post_order(api).raise_for_status().json()["instance"]
    assert "instance_id" not in answer
    assert answer["instance_args"]["model_id"] == QWEN
    assert len(sim.control.instances()) == 1


def test_a_stream_is_left_as_it_is(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    sim.control.advance(BOOT)
    for kind in ("malformed_json", "wrong_shape"):
        sim.control.fault(kind, path="/serve/*")
    body = {"model": QWEN, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx.post(f"{sim.url}/serve/{instance_id}/v1/chat/completions", json=body, trust_env=False)
    assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("wrong_shape", {"how": "odd"}),
        ("wrong_shape", {"how": 1}),
        ("wrong_shape", {"field": None, "status": 500}),
        ("quota_exceeded", {"limit": -1}),
        ("quota_exceeded", {"limit": 1.5}),
        ("out_of_stock", {"status": 200}),
        ("out_of_stock", {"status": 302}),
        ("server_error", {"status": 299}),
        ("server_error", {"status": 304}),
        ("server_error", {"body": "xml"}),
        ("drip", {"real_seconds": -1}),
        ("bomb", {"megabytes": 0}),
        ("other_argument", {"argument": "colour"}),
        ("other_argument", {"value": 2}),
        ("other_argument", {"argument": "num_workers", "value": "two"}),
        ("other_argument", {"argument": "num_workers", "value": 0}),
        ("other_argument", {"argument": "billing_interval", "value": "per_day"}),
        ("reused_id", {"of": "nobody"}),
        ("reused_id", {"value": "id"}),
        ("boot_failure", {"step": 5}),
        ("boot_failure", {"seconds": 5}),
        ("reclaim", {"vanish": "yes"}),
        ("delete_lag", {"seconds": -1}),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(kind: str, parameters: dict[str, Any], sim: Simulator) -> None:
    with pytest.raises(ControlError, match="400"):
        sim.control.fault(kind, **parameters)
    assert sim.control.faults() == {}


def test_every_parameter_of_every_kind_can_be_given(sim: Simulator) -> None:
    for kind, defaults in PARAMETERS.items():
        sim.control.fault(kind, path="/nothing", **defaults)
    rows = httpx.get(f"{sim.url}/_sim/faults", trust_env=False).json()["faults"]
    for row, (kind, defaults) in zip(rows, PARAMETERS.items(), strict=True):
        assert row["kind"] == kind.value
        assert {name: row[name] for name in defaults} == defaults

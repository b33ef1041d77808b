"""The simulator is strict: what the vendor does not document is refused, never guessed at."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator, running

QWEN = "Qwen--Qwen2-7B-Instruct"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def api(sim: Simulator) -> Iterator[httpx.Client]:
    with sim.client() as client:
        yield client


def refusal_text(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    return str(answer.json()["error"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model_id": QWEN, "colour": "red"}, "colour: unknown field"),
        ({"model_id": QWEN, "__provider": "x"}, "__provider: unknown field"),
        ({"hardware_type_id": "NVIDIA_L4_1"}, "model_id: required"),
        ({"model_id": None}, "model_id"),
        ({"model_id": 7}, "model_id"),
        ({"model_id": QWEN, "num_workers": "2"}, "num_workers"),
        ({"model_id": QWEN, "num_workers": True}, "num_workers"),
        ({"model_id": QWEN, "num_workers": 1.5}, "num_workers"),
        ({"model_id": QWEN, "context_length": "32000"}, "context_length"),
        ({"model_id": QWEN, "context_length": [1]}, "context_length"),
        ({"model_id": QWEN, "context_length": False}, "context_length"),
        ({"model_id": QWEN, "billing_interval": 1}, "billing_interval"),
        ({"model_id": "Qwen/Qwen2-7B-Instruct"}, QWEN),
        ([], "JSON object"),
        ("text", "JSON object"),
        (None, "JSON object"),
    ],
)
def test_a_wrong_start_request_buys_nothing(body: Any, message: str, sim: Simulator, api: httpx.Client) -> None:
    assert message in refusal_text(api.post("/instances/start", json=body))
    assert sim.control.instances() == ()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "lost_answer", "cuont": 1}, "cuont: unknown field; did you mean count?"),
        ({"kind": "slow_answer", "match": {"pth": "*"}}, "match.pth: unknown field; did you mean path?"),
        ({"kind": "lost_anwser"}, "kind: did you mean lost_answer? It is one of lost_request, "),
        ({"kind": "lost_answer", "colour": 1, "zzz": 2}, "colour: unknown field; zzz: unknown field"),
    ],
)
def test_a_misspelt_key_of_a_fault_is_named_with_the_nearest(fault: Any, message: str, sim: Simulator) -> None:
    with sim.client() as client:
        address = client.base_url.join("/_sim/faults")
        assert refusal_text(client.post(address, json=fault)).startswith(message)
        untyped = refusal_text(client.post(address, content=json.dumps(fault)))
        assert untyped.startswith("The body is a JSON object without its content type")


def test_a_float_that_is_whole_is_a_whole_number(api: httpx.Client) -> None:
    body = {"model_id": QWEN, "num_workers": 2.0, "context_length": 8000.0}
    args = api.post("/instances/start", json=body).json()["instance"]["instance_args"]
    assert (args["num_workers"], args["context_length"]) == (2, 8000)
    assert all(isinstance(args[name], int) for name in ("num_workers", "context_length"))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"model_id": ', b"\xff\xfe", b"NaN", b'{"context_length": NaN}', b"[" * 100_000, b'"\\ud800"'],
)
def test_a_body_that_is_no_json_object_is_a_400(content: bytes, sim: Simulator, api: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    refusal_text(api.post("/instances/start", content=content, headers=headers))
    refusal_text(api.post("/instances/stop", content=content, headers=headers))
    assert sim.control.instances() == ()


@pytest.mark.parametrize("path", ["/instances/stop", "/instances/restart"])
def test_an_unknown_id_is_a_404_and_a_missing_one_a_400(path: str, api: httpx.Client) -> None:
    assert "'nope'" in refusal_text(api.post(path, json={"instance_id": "nope"}), 404)
    assert "instance_id: required" in refusal_text(api.post(path, json={}))
    refusal_text(api.post(path, json={"instance_id": None}))
    refusal_text(api.post(path, json={"instance_id": "nope", "force": True}))


def test_unknown_ids_in_paths_are_404s(api: httpx.Client) -> None:
    refusal_text(api.get("/instances/nope"), 404)
    refusal_text(api.delete("/instances/nope"), 404)
    refusal_text(api.get("/models/nope"), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nope"),
        ("PATCH", "/instances"),
        ("PUT", "/instances/x"),
        ("POST", "/instances"),
        ("GET", "/models/Qwen/Qwen2-7B-Instruct"),
        ("POST", "/models/startModel"),
    ],
)
def test_an_unlisted_route_is_a_404_and_loud(
    method: str, path: str, api: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="pulumi_cortecs.simulator"):
        refusal_text(api.request(method, path), 404)
    assert f"no such route: {method} /api/v1{path}" in caplog.text


def test_a_literal_route_wins_over_an_id(api: httpx.Client) -> None:
    assert api.delete("/instances/delete-all").json() == {"instance_ids": []}
    assert "hardware_types" in api.get("/hardware-types/available").json()


def test_an_unknown_query_parameter_is_a_400(api: httpx.Client) -> None:
    assert "limit" in refusal_text(api.get("/instances", params={"limit": 5}))
    assert "force" in refusal_text(api.delete("/instances/delete-all", params={"force": "True"}))


@pytest.mark.parametrize("value", ["yes", "", "2", "None"])
def test_a_force_that_is_no_boolean_is_a_400(value: str, api: httpx.Client) -> None:
    refusal_text(api.delete("/instances/delete-all", params={"force_deletion": value}))


def test_a_body_where_none_belongs_is_a_400(api: httpx.Client) -> None:
    refusal_text(api.post("/instances/stop-all", json={"instance_id": "x"}))
    assert api.post("/instances/stop-all", json={}).status_code == 200
    assert api.post("/instances/stop-all").status_code == 200


def test_every_undocumented_answer_is_a_knob(sim: Simulator, api: httpx.Client) -> None:
    sim.control.settings(
        error_key="message",
        unknown_id_status=400,
        unknown_model_status=404,
        stop_pending_status=409,
        stop_stopped_status=410,
    )
    unknown = api.get("/instances/nope")
    assert (unknown.status_code, list(unknown.json())) == (400, ["message"])
    assert api.post("/instances/start", json={"model_id": "nope"}).status_code == 404
    body = {"instance_id": api.post("/instances/start", json={"model_id": QWEN}).json()["instance"]["instance_id"]}
    assert api.post("/instances/stop", json=body).status_code == 409
    sim.control.stop(body["instance_id"])
    assert api.post("/instances/stop", json=body).status_code == 410


def test_a_refusal_never_repeats_a_secret(sim: Simulator) -> None:
    body = {"client_id": ["hunter2"], "client_secret": {"hunter2": 1}, "grant_type": "client_credentials"}
    answer = httpx.post(f"{sim.base_url}/oauth2/token", json=body)
    assert answer.status_code == 400
    assert "hunter2" not in answer.text
    assert "hunter2" not in str(sim.control.requests())

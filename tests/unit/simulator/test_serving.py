"""What a running instance's own API answers, and whether it can be reached at all."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import ControlError, Simulator, running
from tests.clouds.acme import SIMULATED as ACME
from tests.unit.simulated import BOOT, restart, start, stop

MODELS = "GET /serve/{instance_id}/v1/models"


def base_url(api: httpx.Client, instance_id: str) -> str:
    return str(api.get(f"/instances/{instance_id}").raise_for_status().json()["instance"]["base_url"])


def get_models(url: str, key: str = "", seconds: float = 5.0) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.get(f"{url}/models", headers=headers, timeout=seconds, trust_env=False)


def serve_url(sim: Simulator, instance_id: str) -> str:
    return f"{sim.url}/serve/{instance_id}/v1"


@pytest.mark.parametrize("chosen", [{}, {"seconds": 600, "status": 502}])
def test_an_instance_that_runs_does_not_answer_for_a_while(
    chosen: dict[str, Any], sim: Simulator, api: httpx.Client
) -> None:
    sim.control.fault("not_answering", count=1, **chosen)
    instance_id, other = start(api), start(api)
    sim.control.advance(BOOT)
    url = base_url(api, instance_id)
    assert get_models(base_url(api, other)).status_code == 200
    sim.control.advance(chosen.get("seconds", 60) - 0.001)
    assert get_models(url).status_code == chosen.get("status", 503)
    assert httpx.post(f"{url}/chat/completions", json={}).json()["error"]["code"] == "instance_not_answering"
    sim.control.advance(0.001)
    assert get_models(url).status_code == 200


def test_a_dead_container_never_answers(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("not_answering", seconds=-1, count=1)
    instance_id = start(api)
    sim.control.advance(1e8)
    assert get_models(base_url(api, instance_id)).status_code == 503
    stop(api, instance_id)
    restart(api, instance_id).raise_for_status()
    sim.control.advance(BOOT)
    assert get_models(base_url(api, instance_id)).status_code == 200


@pytest.mark.parametrize(("key", "status"), [("", 401), ("other", 401), ("made-up", 200)])
def test_a_gateway_wants_its_key_before_anything_shows(
    key: str, status: int, sim: Simulator, api: httpx.Client
) -> None:
    sim.control.settings(inference_key="made-up")
    sim.control.fault("not_answering", seconds=-1, count=1)
    dead, healthy, pending = start(api), start(api), ""
    sim.control.advance(BOOT)
    pending = start(api)
    assert get_models(serve_url(sim, healthy), key).status_code == status
    for instance_id, shown in ((dead, 503), (pending, 503), ("nope", 404)):
        assert get_models(serve_url(sim, instance_id), key).status_code == (shown if status == 200 else 401)
    refused = httpx.post(f"{serve_url(sim, healthy)}/chat/completions", json={"odd": 1}, headers={"Authorization": key})
    assert refused.json()["error"]["type"] == "authentication_error"


def test_the_key_is_a_setting_like_the_others(sim: Simulator, api: httpx.Client) -> None:
    assert sim.control.settings()["inference_key"] == ""
    instance_id = start(api)
    sim.control.advance(BOOT)
    assert get_models(serve_url(sim, instance_id), "any").status_code == 200
    sim.control.settings(inference_key="k")
    assert get_models(serve_url(sim, instance_id), "any").status_code == 401
    sim.control.settings(inference_key="")
    assert get_models(serve_url(sim, instance_id)).status_code == 200


@pytest.mark.parametrize(
    ("how", "failure", "scheme"),
    [
        ("tls", httpx.ConnectError, "https"),
        ("black_hole", httpx.ConnectTimeout, "http"),
        ("name", httpx.ConnectError, "http"),
        ("refused", httpx.ConnectError, "http"),
    ],
)
def test_a_running_instance_cannot_be_reached_until_a_restart(
    how: str, failure: type[Exception], scheme: str, sim: Simulator, api: httpx.Client
) -> None:
    sim.control.fault("unreachable", how=how, count=1)
    instance_id = start(api)
    sim.control.advance(BOOT)
    url = base_url(api, instance_id)
    assert httpx.URL(url).scheme == scheme
    assert url.endswith(f"/serve/{instance_id}/v1")
    assert (httpx.URL(url).host == "127.0.0.1") is (how != "name")
    for _ in range(2):
        with pytest.raises(failure):
            get_models(url, seconds=0.3)
        assert base_url(api, instance_id) == url
    stop(api, instance_id)
    restart(api, instance_id).raise_for_status()
    sim.control.advance(BOOT)
    assert base_url(api, instance_id) == serve_url(sim, instance_id)
    assert get_models(base_url(api, instance_id)).status_code == 200


def test_the_ports_of_unreachable_addresses_end_with_the_simulator() -> None:
    ports = []
    with running(boot=0) as sim, sim.client() as api:
        for how in ("black_hole", "refused"):
            sim.control.fault("unreachable", how=how, count=1)
            ports.append(httpx.URL(base_url(api, start(api))).port)
    for port in ports:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port or 0))


def test_an_old_container_answers_while_the_new_one_boots(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("old_container")
    instance_id = start(api)
    url = serve_url(sim, instance_id)
    assert get_models(url).status_code == 503
    sim.control.advance(BOOT)
    stop(api, instance_id)
    assert get_models(url).status_code == 503
    restart(api, instance_id).raise_for_status()
    for seconds, status in ((9.999, 200), (0.001, 503), (BOOT - 10.001, 503), (0.001, 200)):
        sim.control.advance(seconds)
        assert get_models(url).status_code == status


def test_an_old_container_hides_that_the_new_one_does_not_answer(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    stop(api, instance_id)
    sim.control.fault("old_container", seconds=BOOT + 10)
    sim.control.fault("not_answering", seconds=30, status=502)
    restart(api, instance_id).raise_for_status()
    for seconds, status in ((BOOT, 200), (10, 502), (19.999, 502), (0.001, 200)):
        sim.control.advance(seconds)
        assert get_models(serve_url(sim, instance_id)).status_code == status


def test_an_old_container_ends_with_a_stop(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    stop(api, instance_id)
    sim.control.fault("old_container", seconds=1000)
    restart(api, instance_id).raise_for_status()
    assert get_models(serve_url(sim, instance_id)).status_code == 200
    stop(api, instance_id)
    assert get_models(serve_url(sim, instance_id)).status_code == 503


def test_the_log_counts_probes_also_those_that_failed(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("not_answering", seconds=1)
    instance_id = start(api)
    sim.control.advance(BOOT)
    for _ in range(2):
        get_models(base_url(api, instance_id))
    sim.control.advance(1)
    get_models(base_url(api, instance_id))
    requests = sim.control.requests()
    assert (requests.count(MODELS), requests.refused[MODELS]) == (3, 2)


def test_a_continued_simulator_keeps_what_does_not_answer(tmp_path: Any) -> None:
    with running(state=tmp_path / "sim.db", boot=0) as sim, sim.client() as api:
        sim.control.fault("not_answering", seconds=-1, count=1)
        sim.control.fault("unreachable", how="name", count=1)
        instance_id = start(api)
    with running(state=tmp_path / "sim.db") as sim, sim.client() as api:
        assert get_models(serve_url(sim, instance_id)).status_code == 503
        assert base_url(api, instance_id) == f"http://instance.invalid/serve/{instance_id}/v1"


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("not_answering", {"seconds": -0.5}, "-1, for ever"),
        ("old_container", {"seconds": -1}, "0 or more"),
        ("unreachable", {"how": "null"}, "tls or black_hole or name or refused"),
        ("wrong_shape", {"how": "tls"}, "missing or null"),
        ("not_answering", {"status": 302}, "400 to 599"),
    ],
)
def test_a_parameter_of_another_kind_is_refused(
    kind: str, parameters: dict[str, Any], message: str, sim: Simulator
) -> None:
    with pytest.raises(ControlError, match=message):
        sim.control.fault(kind, **parameters)


def test_the_instances_of_any_cloud_have_such_an_api() -> None:
    with running(simulated=[ACME], boot=10) as sim:
        sim.control.pause()
        sim.control.fault("not_answering", seconds=30)
        sim.control.fault("unreachable", how="tls")
        with httpx.Client(base_url=f"{sim.url}/acme/v2", headers={"X-Api-Key": "acme-key"}) as api:
            order = {"plan": "small", "zone": "north"}
            instance_id = api.post("/machines", json=order).raise_for_status().json()["id"]
            assert get_models(serve_url(sim, instance_id)).status_code == 503
            sim.control.advance(10)
            address = api.get(f"/machines/{instance_id}").json()["address"]
            assert address == serve_url(sim, instance_id).replace("http:", "https:")
            assert get_models(serve_url(sim, instance_id)).status_code == 503
            sim.control.advance(30)
            listed = get_models(serve_url(sim, instance_id)).json()
            assert [card["id"] for card in listed["data"]] == ["small"]
        assert sim.control.requests().count(MODELS) == 3

"""The addresses of the simulated Shadeform's instances, and what answers there (docs/simulator.md#shadeform)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator, running
from tests.unit.simulator.shadeform.client import BOOT, ShadeformClient, docker

OWN = ip_network("127.64.0.0/10")


def can_bind_own() -> bool:
    """Returns whether this system has addresses for instances."""
    with socket.socket() as sock:
        try:
            sock.bind(("127.64.0.1", 0))
        except OSError:
            return False
    return True


own_addresses = pytest.mark.skipif(not can_bind_own(), reason="this system has no 127.64.0.1")


def url_of(info: Any, port: int) -> str:
    """The address of a port of an instance, as a client finds it."""
    mapped = {row["internal_port"]: row["external_port"] for row in info["port_mappings"]}
    return f"http://{info['ip']}:{mapped.get(port, port)}"


def ask(url: str, key: str = "", path: str = "/v1/models") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.get(f"{url}{path}", headers=headers, trust_env=False, timeout=5)


def active(sim: Simulator, api: ShadeformClient, *launches: Any) -> list[Any]:
    """Instances of these launch configurations, active."""
    ids = [api.create(launch_configuration=launch) for launch in launches]
    sim.control.advance(BOOT)
    return [api.info(instance_id) for instance_id in ids]


@own_addresses
def test_each_instance_answers_at_an_address_of_its_own(sim: Simulator, api: ShadeformClient) -> None:
    one, two = active(sim, api, docker("--model a/b"), docker("--model c/d --served-model-name e"))
    assert one["ip"] != two["ip"]
    assert all(ip_address(info["ip"]) in OWN and info["port_mappings"] == [] for info in (one, two))
    assert ask(url_of(one, 8000)).json()["data"][0]["id"] == "a/b"
    assert ask(url_of(two, 8000)).json()["data"][0]["id"] == "e"
    body = {"model": "e", "messages": [{"role": "user", "content": "hello"}]}
    answer = httpx.post(f"{url_of(two, 8000)}/v1/chat/completions", json=body, trust_env=False)
    assert answer.json()["model"] == "e"


@own_addresses
def test_the_vendors_api_and_the_control_are_not_at_an_instances_address(sim: Simulator, api: ShadeformClient) -> None:
    (info,) = active(sim, api, docker())
    for path in ("/v1/instances", "/_sim/clock", "/api/v1/models"):
        assert ask(url_of(info, 8000), path=path).status_code == 404


@own_addresses
def test_a_port_for_root_only_is_told_by_a_mapping(sim: Simulator, api: ShadeformClient) -> None:
    (info,) = active(sim, api, docker(ports=(80, 8000)))
    (mapping,) = info["port_mappings"]
    assert mapping["internal_port"] == 80 < 1024 <= mapping["external_port"]
    assert [ask(url_of(info, port)).status_code for port in (80, 8000)] == [200, 200]


def test_without_addresses_of_their_own_ports_are_mapped_on_the_shared_one(
    sim: Simulator, api: ShadeformClient
) -> None:
    sim.control.settings(own_addresses=False)
    one, two = active(sim, api, docker("--model a"), docker("--model b"))
    assert (one["ip"], two["ip"]) == ("127.0.0.1", "127.0.0.1")
    assert [ask(url_of(info, 8000)).json()["data"][0]["id"] for info in (one, two)] == ["a", "b"]
    api.delete(one["id"])
    sim.control.advance(BOOT)
    assert api.status(one["id"]) == "deleted"
    with pytest.raises(httpx.ConnectError):
        ask(url_of(one, 8000))


@pytest.mark.parametrize(
    "launch",
    [
        docker("--model a --api-key made-up"),
        docker("a --api-key=made-up"),
        docker(envs=[{"name": "VLLM_API_KEY", "value": "made-up"}]),
    ],
)
def test_a_server_wants_the_key_of_its_arguments(launch: Any, sim: Simulator, api: ShadeformClient) -> None:
    (info,) = active(sim, api, launch)
    answers = [ask(url_of(info, 8000), key) for key in ("", "other", "made-up")]
    assert [answer.status_code for answer in answers] == [401, 401, 200]


def test_nothing_answers_before_active_and_after_the_end(sim: Simulator, api: ShadeformClient) -> None:
    instance_id = api.create(launch_configuration=docker())
    sim.control.advance(BOOT - 1)
    url = url_of(api.info(instance_id), 8000)
    assert ask(url).status_code == 503
    sim.control.advance(1)
    assert ask(url).status_code == 200
    api.delete(instance_id)
    assert ask(url).status_code == 503
    sim.control.advance(BOOT)
    assert api.status(instance_id) == "deleted"
    with pytest.raises(httpx.ConnectError):
        ask(url)


def test_an_open_connection_does_not_outlive_its_instance(sim: Simulator, api: ShadeformClient) -> None:
    (info,) = active(sim, api, docker())
    with httpx.Client(base_url=url_of(info, 8000), trust_env=False) as client:
        assert client.get("/v1/models").status_code == 200
        api.delete(info["id"])
        sim.control.advance(BOOT)
        assert api.listed() == {}
        assert client.get("/v1/models").status_code == 404
        assert client.get("/v1/instances", headers={"X-API-KEY": "sim"}).status_code == 404


@pytest.mark.parametrize("end", [lambda sim: sim.control.reset(), lambda sim: None])
def test_sockets_are_closed_at_a_reset_and_at_the_end(end: Callable[[Simulator], None]) -> None:
    with running(boot=0) as sim:
        api = ShadeformClient(f"{sim.url}/v1", "sim")
        with api.http:
            url = url_of(api.info(api.create(launch_configuration=docker())), 8000)
        assert ask(url).status_code == 200
        end(sim)
        if sim.control.instances() == ():
            with pytest.raises(httpx.ConnectError):
                ask(url)
    with pytest.raises(httpx.ConnectError):
        ask(url)


def test_two_simulators_of_one_seed_share_no_address() -> None:
    with running(boot=0, seed=1) as first, running(boot=0, seed=1) as second:
        urls = list[str]()
        for sim, model in ((first, "a"), (second, "b")):
            api = ShadeformClient(f"{sim.url}/v1", "sim")
            with api.http:
                urls.append(url_of(api.info(api.create(launch_configuration=docker(f"--model {model}"))), 8000))
        assert [ask(url).json()["data"][0]["id"] for url in urls] == ["a", "b"]


def test_a_kept_instance_answers_at_its_address_again(tmp_path: Path) -> None:
    state = tmp_path / "sim.db"
    with running(boot=0, state=state) as sim:
        api = ShadeformClient(f"{sim.url}/v1", "sim")
        with api.http:
            volume = api.create_volume()
            before = api.info(api.create(launch_configuration=docker(ports=(80, 8000)), volume_ids=[volume]))
    with running(state=state) as sim:
        api = ShadeformClient(f"{sim.url}/v1", "sim")
        with api.http:
            assert api.info(before["id"]) == before
        assert [ask(url_of(before, port)).status_code for port in (80, 8000)] == [200, 200]


def test_a_template_launches_its_container(sim: Simulator, api: ShadeformClient) -> None:
    (template,) = api.get("/templates/featured")["templates"]
    instance_id = api.create(template_id=template["id"])
    sim.control.advance(BOOT)
    assert ask(url_of(api.info(instance_id), 8000)).json()["data"][0]["id"] == "Qwen/Qwen2.5-0.5B-Instruct"


def test_a_restart_is_silent_for_a_while_and_stays_active(sim: Simulator, api: ShadeformClient) -> None:
    (info,) = active(sim, api, docker())
    api.restart(info["id"])
    assert (ask(url_of(info, 8000)).status_code, api.status(info["id"])) == (503, "active")
    sim.control.advance(30)
    assert ask(url_of(info, 8000)).status_code == 200


def test_the_old_container_answers_after_a_restart(sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("old_container", seconds=10, region="montreal-canada-2")
    (info,) = active(sim, api, docker())
    api.restart(info["id"])
    seen = list[int]()
    for seconds in (0, 9.999, 0.001, 20):
        sim.control.advance(seconds)
        seen.append(ask(url_of(info, 8000)).status_code)
    assert seen == [200, 200, 503, 200]


def test_a_container_does_not_answer_for_a_while(sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("not_answering", seconds=60, status=502, shade_instance_type="A6000")
    (info,) = active(sim, api, docker())
    assert ask(url_of(info, 8000)).status_code == 502
    sim.control.advance(60)
    assert ask(url_of(info, 8000)).status_code == 200


@pytest.mark.parametrize("how", ["refused", "name"])
def test_an_address_out_of_reach(how: str, sim: Simulator, api: ShadeformClient) -> None:
    sim.control.fault("unreachable", how=how, count=1)
    (info,) = active(sim, api, docker())
    with pytest.raises(httpx.ConnectError):
        ask(url_of(info, 8000))


def test_a_dropped_answer_of_an_instance(sim: Simulator, api: ShadeformClient) -> None:
    (info,) = active(sim, api, docker())
    sim.control.fault("lost_answer", path="/serve/*", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        ask(url_of(info, 8000))
    assert ask(url_of(info, 8000)).status_code == 200

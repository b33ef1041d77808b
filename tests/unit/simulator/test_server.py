"""The socket and the thread: quick up, gone at once, nothing left behind, nothing secret in the log."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from pulumi_cortecs.simulator import running
from pulumi_cortecs.simulator.server import Listener

QWEN = "Qwen--Qwen2-7B-Instruct"


@pytest.fixture
def simulators() -> Callable[[], int]:
    """The number of simulators in this process that were started by the test."""

    def running_now() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "simulator"}

    before = running_now()
    return lambda: len(running_now() - before)


def test_two_simulators_share_nothing() -> None:
    with running() as one, running() as two, one.client() as api, two.client() as other:
        api.post("/instances/start", json={"model_id": QWEN})
        assert len(one.control.instances()) == 1
        assert two.control.instances() == ()
        assert other.get("/instances").json() == {"instances": []}
        assert api.get("/instances", headers=dict(other.headers)).status_code == 401


def test_nothing_is_left_when_the_block_ends(simulators: Callable[[], int]) -> None:
    with running() as sim:
        assert simulators() == 1
    assert simulators() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(sim.url)
    with running(port=sim.port):
        pass


def test_an_error_in_the_block_ends_the_simulator_too(simulators: Callable[[], int]) -> None:
    with pytest.raises(ZeroDivisionError), running():
        raise ZeroDivisionError
    assert simulators() == 0


def test_the_environment_points_here() -> None:
    with running() as sim:
        assert sim.env() == {
            "CORTECS_API_BASE_URL": f"http://127.0.0.1:{sim.port}/api/v1",
            "CORTECS_CLIENT_ID": "sim",
            "CORTECS_CLIENT_SECRET": "sim",
            "SHADEFORM_BASE_URL": f"http://127.0.0.1:{sim.port}/v1",
            "SHADEFORM_API_KEY": "sim",
            "GCORE_BASE_URL": f"http://127.0.0.1:{sim.port}",
            "GCORE_API_KEY": "sim$sim",
            "GCORE_CLOUD_PROJECT_ID": "1",
        }


def test_a_taken_port_is_an_error_and_leaves_nothing_behind(simulators: Callable[[], int]) -> None:
    with running() as sim, pytest.raises(OSError, match="in use"), running(port=sim.port):
        pass
    assert simulators() == 0


def test_a_port_that_another_program_has_on_ipv6_counts_as_taken() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        other.listen()
        with pytest.raises(OSError, match="in use"):
            Listener.bind(other.getsockname()[1])


def test_localhost_reaches_it_by_either_protocol() -> None:
    with running() as sim:
        assert httpx.get(f"http://localhost:{sim.port}/api/v1/models", trust_env=False).status_code == 200


def test_only_the_loopback_is_listened_on() -> None:
    listener = Listener.bind(0)
    try:
        assert {sock.getsockname()[0] for sock in listener.sockets} <= {"127.0.0.1", "::1"}
    finally:
        listener.close()


def test_an_open_stream_is_cut_when_the_simulator_ends() -> None:
    with ExitStack() as block, httpx.Client(trust_env=False) as client:
        sim = block.enter_context(running(boot=0))
        with sim.client() as api:
            instance_id = api.post("/instances/start", json={"model_id": QWEN}).json()["instance"]["instance_id"]
        sim.control.settings(stream_chunk_real_seconds=60)
        body = {"model": QWEN, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        url = f"{sim.url}/serve/{instance_id}/v1/chat/completions"
        with client.stream("POST", url, json=body) as answer:
            assert answer.status_code == 200
            began = time.monotonic()
            block.close()
            assert time.monotonic() - began < 50  # of the 60 s that it would last
            with pytest.raises(httpx.HTTPError):
                answer.read()


def test_an_idle_connection_is_closed_when_the_simulator_ends() -> None:
    with ExitStack() as block, socket.socket() as idle:
        sim = block.enter_context(running())
        idle.settimeout(5)
        idle.connect(("127.0.0.1", sim.port))
        sim.control.clock()
        block.close()
        assert idle.recv(1) == b""


def test_answers_do_not_wait_for_acknowledgements() -> None:
    # with Nagle's delay on the server's side every answer to a POST took 40 ms, but for the first of a connection. The
    # quickest of the others shows the delay, and not that the machine is busy
    with running() as sim, sim.client() as api:
        taken = []
        for _ in range(50):
            began = time.monotonic()
            api.post("/instances/start", json={"model_id": QWEN})
            taken.append(time.monotonic() - began)
    assert min(taken[25:]) < 0.035


def test_one_line_per_request_and_no_secret_in_any(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), running() as sim:
        sim.control.register("acme", "hunter2")
        with sim.client("acme", "hunter2") as api:
            token = api.headers["Authorization"].removeprefix("Bearer ")
            api.get("/instances?secret=hunter2")
            api.get("/instances/%0Ainjected%20line")
            api.post("/oauth2/token", json={"client_id": "acme", "client_secret": "hunter2", "grant_type": "x"})
            httpx.post(f"{sim.base_url}/nope", json={"hunter2": 1}, headers={"Authorization": f"Bearer {token}"})
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("pulumi_cortecs")]
    assert any(line.startswith("GET /api/v1/instances 400 ") for line in lines)
    assert any(line.startswith("GET /api/v1/instances/%0Ainjected%20line 404 ") for line in lines)
    assert any(line == "no such route: POST /api/v1/nope" for line in lines)
    assert not any("\n" in line for line in lines)
    for secret in ("hunter2", token):
        assert not any(secret in line for line in lines)


@pytest.mark.parametrize("path", ["/instances", "/instances/"])
def test_a_dropped_connection_shows_in_the_log(caplog: pytest.LogCaptureFixture, path: str) -> None:
    with caplog.at_level(logging.INFO, logger="pulumi_cortecs.simulator"), running() as sim, sim.client() as api:
        sim.control.fault("lost_answer", path="/instances")
        with pytest.raises(httpx.RemoteProtocolError):
            api.get(path)
    (line,) = [record.getMessage() for record in caplog.records if " dropped " in record.getMessage()]
    assert line.startswith(f"GET /api/v1{path} dropped ")

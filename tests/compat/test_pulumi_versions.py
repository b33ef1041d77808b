"""The code that leans on the insides of Pulumi's host, on the oldest and the newest SDK that we support, and without
each of its pieces. The engine's part is played by gRPC (tests/contract/host.py)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import metadata
from typing import Any

import grpc
import pulumi
import pytest
from google.protobuf import empty_pb2

from pulumi_cortecs.simulator import Simulator
from tests.compat.clients import OLDEST_PULUMI, sdk_folder
from tests.contract.bought import INPUTS, QWEN, bought, ids
from tests.contract.engine import FakeEngine, listening
from tests.contract.host import INSTANCE, CallFailedError, Host, Made, hosting
from tests.contract.patience import until
from tests.contract.test_errors import ANOTHER_HOST

SAY_WHICH = """
import importlib.metadata, pulumi, sys
print(importlib.metadata.version("pulumi"), pulumi.__file__, file=sys.stderr, flush=True)
"""
WITHOUT = "PULUMI_CORTECS_HOST_WITHOUT"
FOUR = 4
"""As many calls at once as Pulumi's host serves by itself."""

Start = Callable[..., Host]


@pytest.fixture(params=["oldest", "newest"])
def sdk(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a host with that SDK; the newest is the one that this test runs with."""
    if request.param == "newest":
        return {}
    folder = sdk_folder(OLDEST_PULUMI)
    assert (folder / "pulumi").is_dir(), f"pulumi {OLDEST_PULUMI} is not in {folder}: run `make setup`"
    return {"PYTHONPATH": str(folder)}


@pytest.fixture
def start_host(sdk: dict[str, str], simulator: Simulator) -> Iterator[Start]:
    """Starts hosts with that SDK. Takes variables for them, and what `hosting` takes."""
    with ExitStack() as stack:

        def start(environment: dict[str, str] | None = None, **options: str) -> Host:
            variables = {**simulator.env(), **sdk, **(environment or {})}
            return stack.enter_context(hosting(variables, **options))

        yield start


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    """An engine that listens."""
    with listening() as engine:
        yield engine


def test_the_host_has_the_sdk_that_it_is_tested_with(start_host: Start, sdk: dict[str, str]) -> None:
    versions = start_host(before=SAY_WHICH).printed().split()
    if sdk:
        assert versions == [OLDEST_PULUMI, str(sdk_folder(OLDEST_PULUMI) / "pulumi" / "__init__.py")]
    else:
        assert versions == [metadata.version("pulumi"), pulumi.__file__]
        assert metadata.version("pulumi") != OLDEST_PULUMI


def test_an_error_is_one_clean_text(start_host: Start, sdk: dict[str, str]) -> None:
    host = start_host()
    with pytest.raises(CallFailedError) as failed:
        host.instance().create({**INPUTS, "hardware_type_id": "NVIDIA_H100_2", "price_tolerance": 1000})
    assert failed.value.code is grpc.StatusCode.UNKNOWN
    text = failed.value.text or ""
    assert text.startswith("Cortecs answered POST /instances/start with 400")
    assert "\n" not in text
    # what the CLI would show without us
    assert failed.value.details.startswith("Exception calling application: " if sdk else "Traceback ")


def test_without_knowledge_of_the_host_an_error_is_the_hosts_own(start_host: Start) -> None:
    host = start_host(before=ANOTHER_HOST)
    with pytest.raises(CallFailedError) as failed:
        host.instance().create({**INPUTS, "hardware_type_id": "NVIDIA_H100_2", "price_tolerance": 1000})
    assert failed.value.text is None
    assert "Cortecs answered POST /instances/start with 400" in failed.value.details


def test_the_urn_is_found_and_without_one_the_type_is_not_judged(start_host: Start) -> None:
    host = start_host()
    with pytest.raises(CallFailedError) as failed:
        host.instance(urn_="urn:pulumi:s::p::a:b:C::n").check({"model_id": QWEN})
    assert failed.value.text == f"this provider serves {INSTANCE} only, not a:b:C"
    nameless = host.instance(urn_="")
    assert nameless.check({"model_id": QWEN}).inputs["hardware_type_id"] == "NVIDIA_L4_1"
    with pytest.raises(CallFailedError) as failed:
        nameless.create({**INPUTS, "hardware_type_id": "NVIDIA_H100_2", "price_tolerance": 1000})
    assert (failed.value.text or "").startswith("Cortecs answered POST")


def test_progress_reaches_the_engine(start_host: Start, engine: FakeEngine, simulator: Simulator) -> None:
    host = start_host(engine=engine.address)
    simulator.control.pause()
    endpoint, made = host.endpoint("chat"), bought(simulator)
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(endpoint.create, wanted(made))
        until(lambda: engine.lines != [])
        simulator.control.resume()
        wait.result(timeout=20)
    assert engine.messages[0].startswith("1/5 Reserving hardware")
    assert {(line.urn, line.ephemeral) for line in engine.lines} == {(endpoint.urn, True)}


@pytest.mark.parametrize("missing", ["engine", "urn", "host"])
def test_without_one_to_tell_or_a_urn_a_wait_is_silent(
    start_host: Start, engine: FakeEngine, simulator: Simulator, missing: str
) -> None:
    options = {"engine": engine.address} if missing != "engine" else {}
    host = start_host(**options, before=ANOTHER_HOST if missing == "host" else "")
    endpoint = host.endpoint(urn_="" if missing == "urn" else None)
    simulator.control.pause()
    made = bought(simulator)
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(endpoint.create, wanted(made))
        until(lambda: simulator.control.requests().count("GET /api/v1/instances") > 1)  # it has seen how far it is
        simulator.control.resume()
        assert wait.result(timeout=20).outs["status"] == "running"
    assert engine.lines == []
    assert host.printed() == ""


def test_many_wait_at_once_hold_nobody_else_and_end_at_the_first_interrupt(
    start_host: Start, engine: FakeEngine, simulator: Simulator
) -> None:
    host = start_host(engine=engine.address)
    host.instance().check({"model_id": QWEN})  # as the engine does before it has anything to wait for
    with waiting(host, simulator, 2 * FOUR) as waits:
        until(lambda: len(heard_of(engine)) == 2 * FOUR)
        assert host.instance().check({"model_id": QWEN}).failures == ()
        host.stub.Cancel(empty_pb2.Empty(), timeout=10)
        for wait in waits:
            with pytest.raises(CallFailedError) as failed:
                wait.result(timeout=10)
            assert "was interrupted; last seen: 1/5 Reserving hardware." in (failed.value.text or "")
    assert len(ids(simulator)) == 2 * FOUR


def test_without_the_wider_pool_four_wait_at_once_and_others_later(
    start_host: Start, engine: FakeEngine, simulator: Simulator
) -> None:
    host = start_host({WITHOUT: "pool"}, engine=engine.address)
    host.instance().check({"model_id": QWEN})
    with waiting(host, simulator, FOUR + 2) as waits:
        until(lambda: len(heard_of(engine)) == FOUR)
        with pytest.raises(grpc.RpcError) as refused:
            host.stub.GetPluginInfo(empty_pb2.Empty(), timeout=0.5)
        assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert len(heard_of(engine)) == FOUR
        simulator.control.resume()
        assert {wait.result(timeout=20).outs["status"] for wait in waits} == {"running"}


def test_without_the_interrupt_a_wait_goes_on_to_its_end(
    start_host: Start, engine: FakeEngine, simulator: Simulator
) -> None:
    host = start_host({WITHOUT: "interrupt"}, engine=engine.address)
    with waiting(host, simulator, 1) as (wait,):
        until(lambda: len(heard_of(engine)) == 1)
        host.stub.Cancel(empty_pb2.Empty(), timeout=10)
        simulator.control.resume()
        assert wait.result(timeout=20).outs["status"] == "running"


def test_a_host_ends_with_its_engine_and_a_wait_before_it(start_host: Start, simulator: Simulator) -> None:
    with ExitStack() as running:
        engine = running.enter_context(listening())
        host = start_host(engine=engine.address)
        with waiting(host, simulator, 1) as (wait,):
            until(lambda: len(heard_of(engine)) == 1)
            running.close()
            # the caller is gone, and the process may end before its answer is on its way
            with pytest.raises(CallFailedError):
                wait.result(timeout=10)
    assert host.process.wait(timeout=10) == 0
    assert len(ids(simulator)) == 1


@pytest.mark.parametrize("without", ["", "engine"])
def test_only_a_host_that_ends_with_its_engine_looks_whether_it_is_there(start_host: Start, without: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        host = start_host({WITHOUT: without}, engine=f"127.0.0.1:{listener.getsockname()[1]}")
        host.instance().check({"model_id": ""})  # a refusal: a price would be logged
        if not without:
            until(lambda: accepted(listener))
            return
        assert not accepted(listener)
    assert host.instance().check({"model_id": QWEN}).failures == ()


@pytest.mark.parametrize("options", [{}, {"before": ANOTHER_HOST}], ids=["nothing taken over", "a host that changed"])
def test_a_whole_life_needs_none_of_it(start_host: Start, simulator: Simulator, options: dict[str, str]) -> None:
    host = start_host({WITHOUT: "pool,interrupt,engine"}, **options)
    resource, endpoint = host.instance(), host.endpoint()
    made = resource.buy({"model_id": QWEN})
    waited = endpoint.create(wanted(made))
    assert waited.outs["status"] == "running"
    assert endpoint.read(waited).outs == waited.outs
    resource.delete(resource.read(made))
    assert ids(simulator) == []


def wanted(made: Made) -> dict[str, Any]:
    """The inputs that an Instance passes to its Endpoint."""
    return {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20, "on_timeout": "keep"}


@contextmanager
def waiting(host: Host, simulator: Simulator, number: int) -> Iterator[list[Future[Made]]]:
    """So many Endpoints that wait for instances which do not get on with booting."""
    simulator.control.pause()
    made = [bought(simulator) for _ in range(number)]
    with ThreadPoolExecutor(number) as pool:
        yield [pool.submit(host.endpoint().create, wanted(instance)) for instance in made]


def heard_of(engine: FakeEngine) -> set[str]:
    """The Endpoints that have reported progress."""
    return {line.urn for line in engine.lines if ":Endpoint::" in line.urn}


def accepted(listener: socket.socket) -> bool:
    """Returns whether a connection was made."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True

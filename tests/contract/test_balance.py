"""A balance that runs out soon is named before anything is bought or started, at the price of two requests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import QWEN, bought
from tests.contract.engine import FakeEngine
from tests.contract.host import Host

BALANCE, LIST = "GET /api/v1/user/balance", "GET /api/v1/instances"
NEW = {"model_id": QWEN}


@pytest.fixture
def started(start_host: Callable[..., Host], engine: FakeEngine) -> Host:
    """A host that has an engine to warn."""
    return start_host(engine=engine.address)


def warnings(engine: FakeEngine) -> list[str]:
    return [text for text in engine.messages if "balance" in text]


def asked(simulator: Simulator) -> tuple[int, int]:
    requests = simulator.control.requests()
    return requests.count(BALANCE), requests.count(LIST)


def test_a_purchase_is_warned_of_once_with_what_runs(started: Host, engine: FakeEngine, simulator: Simulator) -> None:
    bought(simulator)
    simulator.control.settings(initial_balance="12.30")
    simulator.control.pause()
    before = asked(simulator)
    assert started.instance().check(NEW).failures == ()
    assert started.instance().check({**NEW, "num_workers": 9}).failures  # refused, so it is not bought
    (text,) = warnings(engine)
    assert text.startswith("the balance of 12.2")  # what runs has cost something already
    assert text.endswith(" lasts about 5 h for what runs (1.20 EUR/h) and what this run buys (1.20 EUR/h)")
    started.instance().check(NEW)
    assert warnings(engine) == [text]
    assert tuple(after - was for after, was in zip(asked(simulator), before, strict=True)) == (1, 1)


def test_a_hundred_new_instances_are_two_requests_more(started: Host, engine: FakeEngine, simulator: Simulator) -> None:
    simulator.control.settings(initial_balance="100.00")
    with ThreadPoolExecutor(8) as pool:
        checks = pool.map(lambda _: started.instance().check(NEW), range(100))
        assert all(checked.failures == () for checked in checks)
    assert asked(simulator) == (1, 1)
    # eight threads warn at once, so that the lines arrive in any order
    assert any("of 100.00 EUR lasts about 20 h" in warning for warning in warnings(engine))
    assert 3 <= len(warnings(engine)) <= 5  # each at less than half of the hours before it


def test_a_start_is_warned_of_and_what_is_unchanged_asks_nothing(
    started: Host, engine: FakeEngine, simulator: Simulator
) -> None:
    instance = started.instance()
    inputs = instance.check(NEW).inputs
    assert (asked(simulator)[0], warnings(engine)) == (1, [])  # 1000 EUR are enough
    simulator.control.settings(initial_balance="3.00")
    assert instance.check(NEW, inputs).failures == ()
    stopping = instance.check({**NEW, "state": "stopped"}, inputs)
    assert asked(simulator)[0] == 1
    assert instance.check(NEW, stopping.inputs).failures == ()
    assert asked(simulator)[0] == 1


def test_a_start_in_a_run_of_its_own(start_host: Callable[..., Host], engine: FakeEngine, simulator: Simulator) -> None:
    earlier = start_host().instance("chat")
    stopped = earlier.check({**NEW, "state": "stopped"}, earlier.check(NEW).inputs).inputs
    simulator.control.settings(initial_balance="3.00")
    restarting = start_host(engine=engine.address).instance("chat")
    before = asked(simulator)[0]
    restarting.check({**NEW, "state": "stopped"}, stopped)
    assert (asked(simulator)[0], warnings(engine)) == (before, [])
    assert restarting.check(NEW, stopped).failures == ()
    (text,) = warnings(engine)
    assert "lasts about 2 h for what runs (0.00 EUR/h) and what this run buys (1.20 EUR/h)" in text


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("server_error", {"status": 403}),
        ("malformed_json", {}),
        ("wrong_shape", {"how": "null", "field": "current_balance"}),
        ("wrong_shape", {"how": "wrong_type", "field": "currency"}),
    ],
)
def test_a_balance_that_cannot_be_read_stops_nothing(
    kind: str, parameters: dict[str, str | int], started: Host, engine: FakeEngine, simulator: Simulator
) -> None:
    simulator.control.settings(initial_balance="3.00")
    simulator.control.fault(kind, path="/user/balance", **parameters)
    assert started.instance().check(NEW).failures == ()
    assert started.instance().check(NEW).failures == ()
    assert (warnings(engine), asked(simulator)[0]) == ([], 1)


def test_without_credentials_nothing_is_asked(
    start_host: Callable[..., Host], engine: FakeEngine, simulator: Simulator
) -> None:
    nobody = {"CORTECS_CLIENT_ID": "", "CORTECS_CLIENT_SECRET": ""}
    assert start_host(nobody, engine=engine.address).instance().check(NEW).failures == ()
    assert (asked(simulator), warnings(engine)) == ((0, 0), [])


def test_an_adoption_buys_nothing(started: Host, engine: FakeEngine, simulator: Simulator) -> None:
    running = bought(simulator)
    simulator.control.settings(initial_balance="1.00")
    assert started.instance().check({**NEW, "adopt_id": running.id}).failures == ()
    assert (asked(simulator)[0], warnings(engine)) == (0, [])

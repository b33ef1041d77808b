"""The market as one process sees it: each list asked for once in a while, without waiting for another's question."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from pulumi_cortecs.cortecs.client import CortecsPublicClient
from pulumi_cortecs.cortecs.market import LiveOffers
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.errors import NotFoundError, UnavailableError, UnreachableError
from pulumi_cortecs.provider.answer_cache import AnswerCache
from tests.unit.fakes import FakeClock

MAX_AGE = 30.0
ROW = {
    "hardware_type_id": "H",
    "price_info": {"price_per_hour": 1.2, "price_per_minute": 0.02, "currency": "EUR"},
    "hardware_info": {},
}
BODIES = {
    "/models/": {"models": [{"model_id": "m"}]},
    "/models/m": {"model": {"model_id": "m"}},
    "/models/n": {"model": {"model_id": "n"}},
    "/hardware-types/": {"hardware_types": [ROW]},
    "/hardware-types/available": {"hardware_types": []},
}


class Vendor:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False
        self.unplugged = False
        self.hold: Callable[[str], object] = lambda _path: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        self.hold(path)
        if self.unplugged:
            raise httpx.ConnectError("no route to it")
        if self.broken:
            return httpx.Response(503)
        return httpx.Response(200, json=BODIES[path]) if path in BODIES else httpx.Response(404)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def market(vendor: Vendor, clock: FakeClock) -> LiveOffers:
    http = new_client(httpx.MockTransport(vendor))
    return LiveOffers(CortecsPublicClient("https://vendor.example", http), AnswerCache(clock, MAX_AGE))


def test_each_list_is_asked_for_once_in_a_while(market: LiveOffers, vendor: Vendor, clock: FakeClock) -> None:
    for _ in range(100):
        assert market.model_ids() == ["m"]
        assert market.model("m").model_id == "m"
        assert market.model("n").model_id == "n"
        assert list(market.hardware_types()) == ["H"]
        assert market.in_stock() == {}
    assert sorted(vendor.asked) == sorted(BODIES)
    clock.advance(MAX_AGE + 0.1)
    market.model_ids()
    assert vendor.asked[-1] == "/models/"
    assert len(vendor.asked) == len(BODIES) + 1


def test_many_threads_ask_once(market: LiveOffers, vendor: Vendor) -> None:
    start = threading.Barrier(16, timeout=10)

    def one(_: int) -> list[str]:
        start.wait()
        return market.model_ids()

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(16))) == [["m"]] * 16
    assert vendor.asked == ["/models/"]


def test_a_slow_answer_keeps_nobody_waiting_who_asks_something_else(market: LiveOffers, vendor: Vendor) -> None:
    market.hardware_types()
    asked, go = threading.Event(), threading.Event()

    def slow(path: str) -> None:
        if path == "/models/m":
            asked.set()
            assert go.wait(10)

    vendor.hold = slow
    with ThreadPoolExecutor(1) as pool:
        slowly = pool.submit(market.model, "m")
        assert asked.wait(10)
        assert list(market.hardware_types()) == ["H"]
        assert market.model("n").model_id == "n"
        go.set()
        assert slowly.result(10).model_id == "m"


def test_an_error_is_not_remembered(market: LiveOffers, vendor: Vendor) -> None:
    vendor.broken = True
    with pytest.raises(UnavailableError):
        market.model_ids()
    vendor.broken = False
    assert market.model_ids() == ["m"]


def test_without_a_network_one_attempt_serves_all(market: LiveOffers, vendor: Vendor, clock: FakeClock) -> None:
    market.hardware_types()
    vendor.unplugged = True
    with pytest.raises(UnreachableError):
        market.model_ids()
    tried = len(vendor.asked)
    for ask in (market.model_ids, market.in_stock, lambda: market.model("m")):
        with pytest.raises(UnreachableError):
            ask()
    assert len(vendor.asked) == tried
    assert list(market.hardware_types()) == ["H"]
    vendor.unplugged = False
    clock.advance(MAX_AGE + 0.1)
    assert market.model_ids() == ["m"]


def test_a_model_that_does_not_exist_is_asked_for_each_time(market: LiveOffers, vendor: Vendor) -> None:
    for _ in range(2):
        with pytest.raises(NotFoundError):
            market.model("none")
    assert vendor.asked == ["/models/none"] * 2

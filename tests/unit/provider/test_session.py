"""The memory of a provider process stands in one place, and another process knows nothing of it."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from concurrent.futures import ThreadPoolExecutor

from pulumi_cortecs import provider
from pulumi_cortecs.provider.session import Session, locked_cached_property

_LOCK = type(threading.Lock())
_OF_THE_PROCESS = {"process.interrupted", "process._lock", "process._call_count", "process._idle"}
"""What belongs to the host process itself, whoever it works for: its signals, and the calls that it serves."""


def test_no_module_of_the_provider_keeps_anything() -> None:
    kept = set()
    for module in pkgutil.walk_packages(provider.__path__, f"{provider.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            may_change = isinstance(value, (dict, set, list, threading.Event, threading.Condition, _LOCK))
            if name.islower() and name[:2] != "__" and (may_change or type(value) is int):
                kept.add(f"{module.name.removeprefix(f'{provider.__name__}.')}.{name}")
    assert kept == _OF_THE_PROCESS


def test_two_sessions_share_nothing() -> None:
    one, other = Session(), Session()
    one.requested_adoptions.add("an instance")
    one.reviewed["a urn"] = one.quotes["a urn"] = object()  # type: ignore[assignment]
    assert (other.requested_adoptions, other.reviewed, other.quotes) == (set(), {}, {})
    assert [session.is_first("a warning") for session in (one, one, other)] == [True, False, True]


def test_among_many_threads_one_is_first() -> None:
    session = Session()
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: session.is_first("a warning"), range(200))) == 1


def test_what_two_threads_ask_for_at_once_is_made_once() -> None:
    entered, asking, release = threading.Event(), threading.Event(), threading.Event()

    class Kept:
        @locked_cached_property
        def thing(self) -> object:
            entered.set()
            assert release.wait(30)
            return object()

    kept = Kept()

    def ask() -> object:
        asking.set()
        return kept.thing

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: kept.thing)
        assert entered.wait(30)
        second = pool.submit(ask)
        assert asking.wait(30)
        release.set()
        assert first.result(30) is second.result(30)

"""The values that we take from the host's frames, and the way of an error, with a stand-in for the host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pulumi.runtime.proto import status_pb2

from pulumi_cortecs.http.errors import ConfigurationError
from pulumi_cortecs.provider import host
from pulumi_cortecs.provider.host import EngineCall, current_call, provider_method

URN = "urn:pulumi:prod::shop::my:house:Room$pulumi-python:dynamic/cortecs:Instance::chat::one"


@dataclass
class Context:
    """A grpc.ServicerContext, as far as we use it."""

    active: bool = True
    trailer: dict[str, bytes] = field(default_factory=dict)

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        self.trailer.update(metadata)

    def is_active(self) -> bool:
        return self.active


@dataclass
class Request:
    """Any of the engine's requests."""

    urn: str = URN


def Create(request: Any, context: Any, method: Callable[[], Any]) -> Any:
    """A host's method, by whose name and locals it is found."""
    return method()


def Invoke(request: Any, context: Any, method: Callable[[], Any]) -> Any:
    """A method that is none of those that serve a resource."""
    return method()


@provider_method
def served_call() -> EngineCall:
    return current_call()


def test_a_call_is_found_in_the_frame_above() -> None:
    context = Context()
    call = Create(Request(), context, lambda: served_call())
    assert call == EngineCall(URN, context)
    assert current_call() == EngineCall()


def test_a_call_knows_the_resources_own_type() -> None:
    assert EngineCall(URN).resource_type == "pulumi-python:dynamic/cortecs:Instance"


@pytest.mark.parametrize("urn", ["", "chat", "urn:pulumi:prod::shop"])
def test_a_urn_that_is_none_tells_nothing(urn: str) -> None:
    assert EngineCall(urn).resource_type == ""


def test_outside_of_a_host_there_is_no_call() -> None:
    call = served_call()
    assert call == EngineCall()
    assert call.is_cancelled() is False
    call.report_progress("nobody hears this")


def test_other_methods_of_the_host_are_not_taken_for_calls() -> None:
    assert Invoke(Request(), Context(), served_call) == EngineCall()


@pytest.mark.parametrize(
    ("request_", "context", "expected"),
    [(object(), Context(), ""), (Request(), object(), URN), (None, None, "")],
)
def test_a_host_that_has_changed_is_taken_as_it_is(request_: Any, context: Any, expected: str) -> None:
    call = Create(request_, context, served_call)
    assert call.urn == expected
    assert call.is_cancelled() is False


def test_each_thread_sees_its_own_call() -> None:
    calls: dict[str, EngineCall] = {}
    both = threading.Barrier(2)

    @provider_method
    def slow() -> None:
        both.wait(timeout=10)
        calls[current_call().urn] = current_call()
        both.wait(timeout=10)

    threads = [threading.Thread(target=Create, args=(Request(urn), Context(), slow)) for urn in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key: call.urn for key, call in calls.items()} == {"a": "a", "b": "b"}


def test_a_caller_that_is_gone_is_noticed() -> None:
    context = Context()
    call = Create(Request(), context, served_call)
    assert call.is_cancelled() is False
    context.active = False
    assert call.is_cancelled() is True


def _error_text(error: Exception) -> str:
    context = Context()

    @provider_method
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        Create(Request(), context, fail)
    status = status_pb2.Status.FromString(context.trailer["grpc-status-details-bin"])
    assert status.code == 2
    return str(status.message)


def test_our_own_errors_speak_for_themselves() -> None:
    assert _error_text(ConfigurationError("no credentials, no service")) == "no credentials, no service"


def test_any_other_error_is_a_bug_of_ours_and_says_where() -> None:
    message = _error_text(KeyError("state"))
    assert message.startswith("unexpected KeyError in pulumi-cortecs at ")
    assert message.endswith(": 'state'")


def test_an_error_reaches_the_host_when_nobody_takes_the_trailer() -> None:
    class Deaf(Context):
        def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
            raise RuntimeError("too late")

    @provider_method
    def fail() -> None:
        raise ConfigurationError("no credentials")

    with pytest.raises(ConfigurationError):
        Create(Request(), Deaf(), fail)


def test_a_warning_reaches_an_engine_that_is_busy_for_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []

    class BusyEngine:
        def Log(self, request: Any, timeout: float) -> None:
            if timeout < 10.0:
                raise TimeoutError("deadline exceeded")
            logged.append(request.message)

    monkeypatch.setattr(host, "_engine", BusyEngine)
    call = EngineCall(URN)
    for say in (call.report_progress, call.inform, call.warn):
        say(say.__name__)
    assert logged == ["inform", "warn"]  # progress delays no paid call

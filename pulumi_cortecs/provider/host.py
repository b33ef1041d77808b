"""The URN, progress and clean errors, which Pulumi's dynamic provider host does not pass to a provider method.

The host passes a provider method neither the resource's URN nor a way to report progress or a clean error. All three
are read from the frame of the host's gRPC method further up the stack (`process.find_method_frame`). None is taken for
granted: where a host has changed, the URN is unknown, progress is silent, and an error comes with the host's own
traceback.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol, TypeVar

from pulumi_cortecs._engine_watch import parse_address
from pulumi_cortecs.http.text import escape_unprintable
from pulumi_cortecs.provider.process import TrackedCall, engine_address, find_method_frame

P = ParamSpec("P")
R = TypeVar("R")

_UNKNOWN = 2  # google.rpc.Code.UNKNOWN
_PROGRESS_SECONDS, _REPORT_SECONDS = 2.0, 30.0
"""How long the engine has to take a line: a warning must not be lost on a machine that is busy."""


class _Context(Protocol):
    """The part of a grpc.ServicerContext that is used."""

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None: ...

    def is_active(self) -> bool: ...


@dataclass(frozen=True)
class EngineCall:
    """The engine's call that is being served. `urn` is "" where the host does not pass it. `gets`: the call reads for
    `opts.id`, so its properties are the program's; those of a refresh are the state's."""

    urn: str = ""
    context: _Context | None = None
    gets: bool = False

    @property
    def resource_type(self) -> str:
        """The resource's own type token, "" where unknown: the last of `parent$child` in the URN."""
        parts = self.urn.split("::", 3)
        return parts[2].rsplit("$", 1)[-1] if len(parts) == 4 else ""

    def is_cancelled(self) -> bool:
        """Returns whether the engine no longer waits for the answer: it was killed, or gave up on the call."""
        return self.context is not None and not self.context.is_active()

    def report_progress(self, text: str) -> None:
        """Shows `text` on the resource's own row while the call runs; does nothing outside of a host."""
        self._log(text)

    def inform(self, text: str) -> None:
        """Adds a line about the resource to what the command reports; does nothing outside of a host."""
        self._log(text, warning=False, ephemeral=False)

    def warn(self, text: str) -> None:
        """Adds a warning about the resource to what the command reports; does nothing outside of a host."""
        self._log(text, warning=True, ephemeral=False)

    def _log(self, text: str, *, warning: bool = False, ephemeral: bool = True) -> None:
        engine = _engine()
        if engine is None or not self.urn:
            return
        with suppress(Exception):  # progress is a courtesy: its errors must not fail a paid call
            from pulumi.runtime.proto import engine_pb2

            # never as an ERROR: that marks the row as failed while the exit code stays 0
            severity = engine_pb2.WARNING if warning else engine_pb2.INFO
            line = engine_pb2.LogRequest(
                severity=severity, message=_terminal_text(self.urn, text), urn=self.urn, ephemeral=ephemeral
            )
            engine.Log(line, timeout=_PROGRESS_SECONDS if ephemeral else _REPORT_SECONDS)


_current: contextvars.ContextVar[EngineCall] = contextvars.ContextVar("pulumi_cortecs_call")


def current_call() -> EngineCall:
    """The engine's call that this thread serves; an empty one outside of a host."""
    return _current.get(EngineCall())


def provider_method(method: Callable[P, R]) -> Callable[P, R]:
    """Decorates a provider method: `current_call` is set while it runs, and its errors reach the CLI as one text.

    Any exception ends as `error: TEXT` on the resource, without the traceback that newer hosts print.
    """

    @functools.wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        call = _find_call()
        token = _current.set(call)
        try:
            with TrackedCall():
                return method(*args, **kwargs)
        except Exception as error:
            _send_clean_error(call, _error_text(error))
            raise
        finally:
            _current.reset(token)

    return wrapper


def silence_retry_log() -> None:
    """Keeps libraries from printing: whatever a host process prints is shown on the stack's row."""
    import stamina.instrumentation

    stamina.instrumentation.set_on_retry_hooks(())  # one line for each retry


def _find_call() -> EngineCall:
    if (frame := find_method_frame()) is None:
        return EngineCall()
    request, context = frame.f_locals["request"], frame.f_locals["context"]
    is_usable = hasattr(context, "set_trailing_metadata") and hasattr(context, "is_active")
    gets = frame.f_code.co_name == "Read" and not getattr(request, "properties", True)
    return EngineCall(str(getattr(request, "urn", "")), context if is_usable else None, gets)


def _error_text(error: Exception) -> str:
    """The text of an error of this package; any other exception is a bug, and the text names its place."""
    text = str(error)
    if type(error).__module__.startswith("pulumi_cortecs."):
        return text
    where = ""
    trace = error.__traceback__
    while trace is not None:
        where = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"unexpected {type(error).__name__} in pulumi-cortecs{where}: {text}"


def _terminal_text(urn: str, text: str) -> str:
    """The text as the program spells its values, without control characters: it may quote other stacks' states."""
    from pulumi_cortecs.provider.as_written import as_written  # programs import this module

    return escape_unprintable(as_written(urn, text), keep="\n")


def _send_clean_error(call: EngineCall, text: str) -> None:
    if call.context is None:
        return
    with suppress(Exception):  # the plain error follows in any case
        from pulumi.runtime.proto import status_pb2

        status = status_pb2.Status(code=_UNKNOWN, message=_terminal_text(call.urn, text))
        call.context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))


@functools.cache
def _engine() -> Any:
    """The engine's own gRPC service; None outside of a host."""
    address = engine_address()
    if parse_address(address) is None:
        return None
    try:
        import grpc
        from pulumi.runtime.proto import engine_pb2_grpc

        return engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))
    except Exception:
        return None

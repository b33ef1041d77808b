"""A deadline for a whole request: the connection, each write and each read get no more than its remaining time.

The HTTP library limits each read separately, so an answer of one byte every five seconds would never end.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import httpcore

Clock = Callable[[], float]

_MAX_READ_BYTES: Final = 16 * 1024
"""Bytes of one read. Their decompressed content (up to a thousand times as much) is in memory before its size can be
checked."""


class _Deadline:
    """A deadline of `seconds` from now by `clock`."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until = clock() + seconds

    def remaining(self) -> float:
        """The remaining seconds, zero or less after the deadline."""
        return self._until - self._clock()

    def describe(self) -> str:
        """The error text after the deadline."""
        return f"it was not complete within {self._seconds:.0f} s"


_current: ContextVar[_Deadline | None] = ContextVar("pulumi_cortecs_deadline", default=None)


@contextmanager
def limit_duration(seconds: float, clock: Clock) -> Iterator[None]:
    """A block in which the connections of a `DeadlineBackend` wait no longer than that in all."""
    token = _current.set(_Deadline(seconds, clock))
    try:
        yield
    finally:
        _current.reset(token)


class DeadlineBackend(httpcore.NetworkBackend):
    """The network `inner`, within the deadline of the waiting thread."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection. Raises httpcore.ConnectTimeout when the time is over."""
        seconds = _remaining_timeout(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.connect_tcp(host, port, seconds, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """A connection. Raises httpcore.ConnectTimeout when the time is over."""
        seconds = _remaining_timeout(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.connect_unix_socket(path, seconds, socket_options))

    def sleep(self, seconds: float) -> None:
        """Sleeps, for the library's own retries, which are switched off."""
        self._inner.sleep(seconds)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(min(max_bytes, _MAX_READ_BYTES), _remaining_timeout(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _remaining_timeout(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = _remaining_timeout(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _remaining_timeout(timeout: float | None, too_late: type[Exception]) -> float | None:
    deadline = _current.get()
    if deadline is None:
        return timeout
    remaining = deadline.remaining()
    if remaining <= 0:
        raise too_late(deadline.describe())
    return remaining if timeout is None else min(timeout, remaining)

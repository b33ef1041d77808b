"""The market's answers that a process keeps: one request per question and period for any number of resources."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import nan
from typing import Any, Protocol, TypeVar, cast

from pulumi_cortecs.cost.quote import LIVE
from pulumi_cortecs.http.errors import UnreachableError
from pulumi_cortecs.lifecycle.account_cloud import VendorClient

T = TypeVar("T")


class Timed(Protocol):
    """A clock, or whatever else tells the time in seconds; nan where it is unknown, so that nothing is kept."""

    def now(self) -> float: ...


class VendorClock:
    """The vendor's clock, by its answers to this client."""

    def __init__(self, client: VendorClient) -> None:
        self._client = client

    def now(self) -> float:
        """The vendor's time, nan where it is unknown."""
        time = self._client.vendor_time()
        return nan if time is None else time


class AnswerCache:
    """The answers of one base URL, each good for `max_age` seconds. Threads may share it. `source` is the name that
    quotes give their prices.

    A failure to reach the vendor is kept as long as an answer: without a network, a preview of a hundred instances must
    not try a hundred times.
    """

    def __init__(self, clock: Timed, max_age: float, source: str = LIVE) -> None:
        self.source = source
        self._clock = clock
        self._max_age = max_age
        self._lock = threading.Lock()
        self._question_locks: dict[object, threading.Lock] = {}
        self._answers: dict[object, tuple[float, Any]] = {}
        self._last_failure: tuple[float, UnreachableError] | None = None
        self._oldest = float("-inf")

    def forget_older(self, than: float) -> None:
        """Drops the answers that were asked for earlier than that, by the clock."""
        with self._lock:
            self._oldest = max(self._oldest, than)

    def get(self, key: object, ask: Callable[[], T]) -> T:
        """The answer to the question that is called `key`, asked again where it is too old. Raises CloudError."""
        with self._lock:
            asking = self._question_locks.setdefault(key, threading.Lock())
        with asking:  # one lock per question, so that a slow answer does not delay other questions
            cached = self._answers.get(key)
            asked_at = self._clock.now()
            if cached is not None and self._is_usable(cached[0], asked_at):
                answer: T = cached[1]
                return answer
            unreachable = self._last_failure
            if unreachable is not None and self._is_usable(unreachable[0], asked_at):
                raise unreachable[1]
            try:
                answer = ask()
            except UnreachableError as error:
                self._last_failure = (self._clock.now(), error)
                raise
            self._answers[key] = (asked_at, answer)
            return answer

    def _is_usable(self, asked_at: float, now: float) -> bool:
        return now - asked_at <= self._max_age and asked_at >= self._oldest


def sharing(client: T, answers: AnswerCache) -> T:
    """The same client, for its reads only: those with equal arguments share an answer."""
    return cast("T", _Sharing(client, answers))


class _Sharing:
    def __init__(self, client: Any, answers: AnswerCache) -> None:
        self._client = client
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        read = getattr(self._client, name)
        return lambda *args: self._answers.get((name, repr(args)), lambda: read(*args))

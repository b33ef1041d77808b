"""Buying exactly one, whatever happens to the answer.

A start request is never sent twice unlooked. When its answer is lost, the account's list is compared with what it held
before: an instance with the same arguments that is new and that nobody else in this process has bought is the one. If
that cannot be told, nothing more is bought, and the candidates are named.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pulumi_cortecs.clouds.errors import CloudError
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.poller import Poller

T = TypeVar("T")

_BASELINE_AGE = 5.0
_PAUSE = 0.25
_TRIES = 40


class UnclearPurchaseError(Exception):
    """Whether something was bought cannot be told. `candidates` are ids that may be it."""

    def __init__(self, text: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.candidates = candidates


class NotBoughtError(Exception):
    """The vendor did not carry the request out: it was looked for and is certainly not there."""


@dataclass
class _Book:
    """The purchases of one set of arguments in this process."""

    in_flight: int = 0
    in_doubt: int = 0
    ours: set[str] = field(default_factory=set)


class Purchases(Generic[T]):
    """All purchases of this process in one account. Threads may share it."""

    def __init__(self, poller: Poller[T], clock: Clock, lag: float, arguments_of: Callable[[T], Hashable]) -> None:
        """`arguments_of` tells what an instance was ordered with, comparable with `buy`'s `arguments`."""
        self._poller = poller
        self._clock = clock
        self._lag = lag
        self._arguments_of = arguments_of
        self._changed = threading.Condition()
        self._books: dict[Hashable, _Book] = {}

    def buy(self, arguments: Hashable, order: Callable[[], T], id_of: Callable[[T], str]) -> T:
        """Sends `order` once and returns what was bought.

        Raises CloudError when the vendor refused it, NotBoughtError when the answer was lost and nothing was bought,
        and UnclearPurchaseError when that could not be told.
        """
        baseline = frozenset(self._poller.snapshot(max_age=_BASELINE_AGE).instances)
        with self._changed:
            book = self._books.setdefault(arguments, _Book())
            book.in_flight += 1
        try:
            bought = order()
        except CloudError as error:
            if not error.may_have_taken_effect:
                self._settle(book)
                raise
            lost = error
        except BaseException:
            self._settle(book)
            raise
        else:
            self._settle(book, id_of(bought))
            return bought
        with self._changed:
            book.in_flight -= 1
            book.in_doubt += 1
            self._changed.notify_all()
        try:
            return self._reconcile(arguments, book, baseline, lost)
        finally:
            with self._changed:
                book.in_doubt -= 1
                self._changed.notify_all()

    def _settle(self, book: _Book, instance_id: str | None = None) -> None:
        with self._changed:
            book.in_flight -= 1
            if instance_id is not None:
                book.ours.add(instance_id)
            self._changed.notify_all()

    def _reconcile(self, arguments: Hashable, book: _Book, baseline: frozenset[str], lost: CloudError) -> T:
        """Finds what a lost answer was about, in listings that were asked for after it."""
        lost_at = self._clock.now()
        last: CloudError = lost
        for _ in range(_TRIES):
            try:
                seen = self._poller.snapshot(max_age=_PAUSE, not_before=lost_at)
            except CloudError as error:
                if not error.transient:
                    break
                last = error
                self._clock.sleep(_PAUSE)
                continue
            with self._changed:
                while book.in_flight and self._changed.wait(timeout=60.0):
                    pass  # an answer that is still on its way may be about what we have found
                fresh = {
                    instance_id: instance
                    for instance_id, instance in seen.instances.items()
                    if instance_id not in baseline
                    and instance_id not in book.ours
                    and self._arguments_of(instance) == arguments
                }
                if len(fresh) > book.in_doubt:
                    raise UnclearPurchaseError(f"{lost}, and more than one instance may be it", tuple(sorted(fresh)))
                if fresh:
                    # equal orders are interchangeable: any of them will do, as long as each is taken once
                    instance_id = min(fresh)
                    book.ours.add(instance_id)
                    return fresh[instance_id]
            if seen.taken_at - lost_at > self._lag:
                raise NotBoughtError(f"{lost}; the account's list shows that nothing was started")
            self._clock.sleep(max(_PAUSE, self._lag / 4))
        raise UnclearPurchaseError(f"{lost}, and the account cannot be listed to see whether it was started: {last}")

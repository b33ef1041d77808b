"""Buying exactly one, whatever happens to the answer.

A start request is never sent twice unlooked. When its answer is lost, the account's list is compared with what it held
before: an instance with the same arguments that is new and that nobody else in this process has bought is the one. If
that cannot be told, nothing more is bought, and the candidates are named.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from pulumi_cortecs.clouds.errors import CloudError
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.poller import Poller, Snapshot

T = TypeVar("T")
Arguments = tuple[object, ...]

_BASELINE_AGE = 5.0
_PAUSE = 0.25
_PATIENCE = 60.0
"""Seconds for which an account that cannot be listed is asked again."""
_LONGEST_ORDER = 300.0
"""Seconds after which no order can still be on its way: its time limits and repeated connections are far below."""


class UnclearPurchaseError(Exception):
    """Whether something was bought cannot be told. `candidates` are ids that may be it."""

    def __init__(self, text: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.candidates = candidates


class NotBoughtError(Exception):
    """The vendor did not carry the request out: it was looked for and is certainly not there."""


class Purchases(Generic[T]):
    """All purchases of this process in one account. Threads may share it."""

    def __init__(self, poller: Poller[T], clock: Clock, lag: float, fits: Callable[[T, Arguments], bool]) -> None:
        """`fits` tells whether an instance may be what was ordered with `buy`'s `arguments`: it says no only where the
        vendor shows that something else was ordered."""
        self._poller = poller
        self._clock = clock
        self._lag = lag
        self._fits = fits
        self._changed = threading.Condition()
        self._orders = 0
        self._in_flight: set[int] = set()
        self._in_doubt: list[Arguments] = []
        self._ours: set[str] = set()

    def buy(self, arguments: Arguments, order: Callable[[], T], id_of: Callable[[T], str]) -> T:
        """Sends `order` once and returns what was bought.

        Raises CloudError when the vendor refused it, NotBoughtError when the answer was lost and nothing was bought,
        and UnclearPurchaseError when that could not be told.
        """
        baseline = frozenset(self._poller.snapshot(max_age=_BASELINE_AGE).instances)
        with self._changed:
            self._orders += 1
            number = self._orders
            self._in_flight.add(number)
        try:
            bought = order()
        except BaseException as error:
            lost = error if isinstance(error, CloudError) and error.may_have_taken_effect else None
            with self._changed:
                self._in_flight.discard(number)
                if lost is not None:
                    self._in_doubt.append(arguments)
                self._changed.notify_all()
            if lost is None:
                raise
        else:
            with self._changed:
                self._in_flight.discard(number)
                self._ours.add(id_of(bought))
                self._changed.notify_all()
            return bought
        try:
            return self._reconcile(arguments, baseline, lost)
        except BaseException:
            with self._changed:
                self._in_doubt.remove(arguments)
            raise

    def _reconcile(self, arguments: Arguments, baseline: frozenset[str], lost: CloudError) -> T:
        """Finds what a lost answer was about, in listings that were asked for after it."""
        lost_at = self._clock.now()
        while True:
            try:
                seen = self._poller.snapshot(max_age=_PAUSE, not_before=lost_at)
            except CloudError as error:
                if not error.transient or self._clock.now() - lost_at > _PATIENCE:
                    text = f"{lost}, and the account cannot be listed to see whether it was started: {error}"
                    raise UnclearPurchaseError(text) from None
                self._clock.sleep(_PAUSE)
                continue
            found = self._claimed(arguments, baseline, seen, lost)
            if found is not None:
                return found
            if seen.taken_at - lost_at > self._lag:
                raise NotBoughtError(f"{lost}; the account's list shows that nothing was started")
            self._clock.sleep(max(_PAUSE, self._lag / 4))

    def _claimed(self, arguments: Arguments, baseline: frozenset[str], seen: Snapshot[T], lost: CloudError) -> T | None:
        """One of those that appeared, and from now on ours; None while there is none. Raises UnclearPurchaseError."""
        with self._changed:
            found = self._unclaimed(arguments, baseline, seen)
            if not found:
                return None
            # an answer that is still on its way may be about what we have found
            earlier = frozenset(self._in_flight)
            settled = self._changed.wait_for(lambda: not earlier & self._in_flight, _LONGEST_ORDER)
            found = self._unclaimed(arguments, baseline, seen)
            if not found:
                return None
            rivals = [other for other in self._in_doubt if any(self._fits(each, other) for each in found.values())]
            # equal orders are interchangeable: any of them will do, as long as each is taken once
            if not settled or len(found) > rivals.count(arguments) or any(other != arguments for other in rivals):
                text = f"{lost}, and it cannot be told which instance it started, if any"
                raise UnclearPurchaseError(text, tuple(sorted(found)))
            instance_id = min(found)
            self._ours.add(instance_id)
            self._in_doubt.remove(arguments)
            return found[instance_id]

    def _unclaimed(self, arguments: Arguments, baseline: frozenset[str], seen: Snapshot[T]) -> dict[str, T]:
        return {
            instance_id: instance
            for instance_id, instance in seen.instances.items()
            if instance_id not in baseline and instance_id not in self._ours and self._fits(instance, arguments)
        }

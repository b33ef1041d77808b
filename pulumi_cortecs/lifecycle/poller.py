"""One list call for all: all waits, and all reads of a refresh, share the listing of an account.

There is one call per interval for any number of waiting threads: the first calls the vendor, the others wait for that
answer and share it. No thread of its own is needed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.cloud import Lists

T = TypeVar("T")

NEVER = float("-inf")


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """One successful listing. `taken_at`: the time of its request; its content is not older than that."""

    taken_at: float
    instances: Mapping[str, T]


class Poller(Generic[T]):
    """The shared view of one account. Threads may share it.

    An error of a listing reaches exactly the callers that needed a new one and called before it was known. A later
    caller lists again.
    """

    def __init__(self, cloud: Lists[T], clock: Clock) -> None:
        self._cloud = cloud
        self._lag = cloud.list_lag
        self.clock = clock
        self._lock = threading.Lock()
        self._latest: Snapshot[T] | None = None
        self._failures = 0
        self._failure: tuple[float, Exception] | None = None
        self._history: deque[tuple[float, frozenset[str]]] = deque()
        self._changed_at: dict[str, float] = {}
        self._started_at: dict[str, float] = {}

    def snapshot(
        self, *, max_age: float, not_before: float = NEVER, in_a_hurry: Callable[[], bool] = lambda: False
    ) -> Snapshot[T]:
        """A listing at most `max_age` seconds old and asked for at `not_before` or later.

        A caller that is `in_a_hurry` by the time that another caller's request has failed gets that failure, however
        old, instead of sending a request of its own.
        """
        failures = self._failures
        oldest = max(self.clock.now() - max_age, not_before)
        latest = self._latest
        if latest is not None and latest.taken_at >= oldest:
            return latest
        with self._lock:
            if self._latest is not None and self._latest.taken_at >= oldest:
                return self._latest  # another thread listed while we waited for the lock
            failure = self._failure if self._failures != failures else None
            if failure is not None and (failure[0] >= oldest or in_a_hurry()):
                raise failure[1]  # shared: a hundred waiters must not each try in turn
            taken_at = self.clock.now()
            try:
                listed = self._cloud.list_instances()
                if not listed and self._needs_second_listing(taken_at):
                    # a list may be wrong, and instances that it hides would be bought again, or not count against a
                    # limit
                    taken_at = self.clock.now()
                    listed = self._cloud.list_instances()
                self._latest = Snapshot(taken_at, listed)
            except Exception as error:
                self._failures, self._failure = self._failures + 1, (taken_at, error)
                raise
            self._remember(self._latest)
            return self._latest

    def glance(self, *, max_age: float) -> Mapping[str, T]:
        """The instances by the latest listing, if it is at most `max_age` seconds old, or else by a new one, which is
        not kept: for a look on which no purchase and no deletion depends."""
        latest = self._latest
        if latest is not None and latest.taken_at >= self.clock.now() - max_age:
            return latest.instances
        return self._cloud.list_instances()

    def mark_changed(self, instance_id: str) -> None:
        """Records that this process has just changed the instance: older listings do not count for it any more."""
        self._changed_at[instance_id] = self.clock.now()

    def changed_at(self, instance_id: str) -> float:
        """The time of this process's last change of the instance, NEVER if there was none."""
        return self._changed_at.get(instance_id, NEVER)

    def mark_started(self, instance_id: str) -> None:
        """Records that this process has just started the instance again. Older listings stay usable: one that lacks it
        only means that it is starting."""
        self._started_at[instance_id] = self.clock.now()

    def started_at(self, instance_id: str) -> float:
        """The time of this process's last start of the instance, NEVER if there was none."""
        return self._started_at.get(instance_id, NEVER)

    def is_confirmed_absent(self, instance_id: str) -> bool:
        """Returns whether two good listings further apart than the lag both lacked the instance, and all between them
        did.

        One listing without it proves nothing: the vendor's list may be behind.
        """
        counts_from = max(self.changed_at(instance_id), self.started_at(instance_id))
        with self._lock:
            first: float | None = None
            for taken_at, ids in self._history:
                if instance_id in ids or taken_at < counts_from:
                    first = None
                elif first is None:
                    first = taken_at
            last = self._history[-1][0] if self._history else NEVER
            return first is not None and last - first > self._lag

    def _needs_second_listing(self, at: float) -> bool:
        """Returns whether the listing is surprising: it is suddenly empty, or lacks an instance that should be listed
        by now."""
        if self._latest is None or self._latest.instances:
            return True
        return any(
            began > self.changed_at(key) and at - began > self._lag for key, began in list(self._started_at.items())
        )

    def _remember(self, snapshot: Snapshot[T]) -> None:
        self._history.append((snapshot.taken_at, frozenset(snapshot.instances)))
        # keep one listing that is older than the lag, so that a pair far enough apart can be found
        while len(self._history) > 2 and snapshot.taken_at - self._history[1][0] > self._lag:
            self._history.popleft()

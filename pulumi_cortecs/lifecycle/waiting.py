"""Waiting as data: the target, what ends the wait early, how often to look, and the deadline.

Retrying a call and waiting for an outcome are two things. Errors of single calls are tolerated until the deadline;
a wait ends early for a phase that settles it (ready, failed, stopped, gone), a task that failed, an error that stays,
refused credentials, or an interrupt.
What the vendor calls ready is asked itself (readiness.py), while the shared listing goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from pulumi_cortecs.http.errors import CloudError, UnauthorizedError
from pulumi_cortecs.lifecycle.clock import Clock, InterruptedWaitError
from pulumi_cortecs.lifecycle.cloud import Cloud, HasTasks, Phase, ReportsErrors, TaskFailedError
from pulumi_cortecs.lifecycle.poller import NEVER, Poller, Snapshot
from pulumi_cortecs.lifecycle.presence import find_or_confirm_gone
from pulumi_cortecs.lifecycle.readiness import Readiness

T = TypeVar("T")

SCHEDULE: Final[Sequence[tuple[float, float]]] = ((30.0, 0.5), (120.0, 1.0), (float("inf"), 5.0))
"""(up to this age of the instance, look this often), both in seconds."""

_EPSILON: Final = 0.001
"""Seconds by which a listing is too old when the next one is due."""

_REPORT_INTERVAL: Final = 10.0
"""Seconds after which the same status is reported again, to show that the wait goes on."""


class WaitEndedError(Exception):
    """A wait that ended before its target. `last_status` is the last status as text."""

    def __init__(self, last: str) -> None:
        super().__init__(last)
        self.last_status = last


class DeadlineError(WaitEndedError):
    """The time is up; the instance may still be booting, and billed."""


class UnreachableWhileWaitingError(DeadlineError):
    """The time is up; the vendor calls the instance ready, and this machine could not ask it: no connection, or a
    refused key."""


class StoppedWhileWaitingError(WaitEndedError):
    """The instance was stopped by a user or the vendor."""


class FailedWhileWaitingError(WaitEndedError):
    """The vendor reports that the instance failed or is being deleted, that its task failed, or for some time the same
    error of it."""


class GoneWhileWaitingError(WaitEndedError):
    """The instance does not exist any more."""


class InterruptedWhileWaitingError(WaitEndedError):
    """The wait was interrupted; the instance goes on booting."""


@dataclass(frozen=True)
class AwaitedChange(Generic[T]):
    """The order or change that a wait follows.

    `task` is the vendor's task of it (HasTasks), "" for none. `missing_text` returns the part of the change that a
    listed instance does not show yet, "" for none. `listings` is the number of listings since the end of the task that
    have to call the instance ready: the first one may show the time before the change.
    """

    task: str = ""
    missing_text: Callable[[T], str] = lambda _: ""
    listings: int = 1


@dataclass
class _Watch(Generic[T]):
    """The observations of one wait: the end of the task, the listings since then, and an error that stays."""

    cloud: Cloud[T]
    change: AwaitedChange[T]
    give_up_after: float
    _task_ended_at: float | None = None
    _ready_listings: set[float] = field(default_factory=set)
    _error: str = ""
    _error_since: float = NEVER

    def task_progress(self, clock: Clock) -> str:
        """The state of the task as text, "" once it has ended well. Raises FailedWhileWaitingError and CloudError."""
        if self._task_ended_at is None:
            try:
                if isinstance(self.cloud, HasTasks) and self.change.task:
                    if progress := self.cloud.task_progress(self.change.task):
                        return progress
                    self._task_ended_at = clock.now()
                else:
                    self._task_ended_at = NEVER
            except TaskFailedError as error:
                raise FailedWhileWaitingError(str(error)) from None
        return ""

    @property
    def not_before(self) -> float:
        """The time from which on a listing counts. The next one that is due anyway will do: tasks end one by one, and a
        listing after each would be as many as there are waits."""
        return NEVER if self._task_ended_at is None else self._task_ended_at

    def missing_text(self, instance: T, listing: Snapshot[T]) -> str:
        """The reason why an instance that its vendor calls ready may still be that of before the change; "" for
        none."""
        if text := self.change.missing_text(instance):
            return text
        self._ready_listings.add(listing.taken_at)
        return "" if len(self._ready_listings) >= self.change.listings else "to be confirmed by another list"

    def record_starting(self, instance: T, instance_id: str, now: float) -> None:
        """Records the errors of a starting instance. Raises FailedWhileWaitingError for one that has stayed the same
        for `give_up_after` seconds."""
        self._ready_listings.clear()
        if isinstance(self.cloud, ReportsErrors):
            self.record_error(self.cloud.standing_error(instance), instance_id, now)

    def record_error(self, text: str, instance_id: str, now: float) -> None:
        """Records what keeps an instance from being ready, "" for nothing. Raises FailedWhileWaitingError."""
        if text != self._error:
            self._error, self._error_since = text, now
        if text and now - self._error_since >= self.give_up_after:
            lines: list[str] = []
            with suppress(CloudError):
                lines = self.cloud.last_log_lines(instance_id) if isinstance(self.cloud, ReportsErrors) else []
            log = f"; its last log lines: {' | '.join(lines)}" if lines else ""
            raise FailedWhileWaitingError(f"{text}, the same for {self.give_up_after:.0f} s{log}")


@dataclass(frozen=True)
class Wait(Generic[T]):
    """The wait for one cloud's instances. `is_interrupted` returns whether the wait is to end."""

    cloud: Cloud[T]
    poller: Poller[T]
    clock: Clock
    schedule: Sequence[tuple[float, float]] = SCHEDULE
    is_interrupted: Callable[[], bool] = lambda: False

    def until_ready(
        self,
        instance_id: str,
        *,
        started_at: float,
        timeout: float,
        report: Callable[[str], None],
        on_look: Callable[[T], object] = lambda _: None,
        readiness: Readiness[T] | None = None,
        change: AwaitedChange[T] | None = None,
        give_up_after: float = float("inf"),
    ) -> T:
        """The instance once it is ready. Raises WaitEndedError, UnknownStatusError or UnauthorizedError.

        `readiness` decides about an instance that the vendor calls ready; by default its status is enough.

        `timeout` counts from `started_at` (this clock's seconds), so that a queued wait gets no longer than the others.
        `report` receives each new status as text, and an unchanged one now and then; nothing if the instance is ready
        at once. `on_look` is called with the instance at each look, and its exceptions end the wait. `change` is what
        the wait follows, and `give_up_after` the seconds after which an unchanged error of the vendor's ends it.
        """
        readiness = readiness or Readiness(self.cloud, self.clock)
        watch = _Watch(self.cloud, change or AwaitedChange(), give_up_after)
        last, reported, reported_at = "not listed yet", "", self.clock.now()
        while True:
            age = self.clock.now() - started_at
            look_again_at = self.clock.now() + self._interval(age)
            instance: T | None = None
            gone = False
            try:
                if task := watch.task_progress(self.clock):
                    last = task
                else:
                    listing = self._snapshot(instance_id, age)
                    # at the shared listing's next due time, not an interval after this wait's own look
                    look_again_at = listing.taken_at + self._interval(age)
                    if listing.taken_at >= watch.not_before:
                        instance = listing.instances.get(instance_id)
                        gone = instance is None and age > self.cloud.list_lag and self._is_gone(instance_id)
            except UnauthorizedError:
                raise
            except CloudError as error:
                last = f"no answer: {error}"
            if gone:
                raise GoneWhileWaitingError(last)
            if instance is not None:
                on_look(instance)
                phase, last = self.cloud.ready_phase(instance), self.cloud.progress_text(instance)
                if phase is not Phase.READY:
                    readiness.record_not_ready()
                    self._raise_if_over(phase, last, instance_id)
                    watch.record_starting(instance, instance_id, self.clock.now())
                elif missing := watch.missing_text(instance, listing):
                    last = f"{last}, {missing}"
                    watch.record_error(last, instance_id, self.clock.now())  # some changes may never be carried out
                elif readiness.check(instance):
                    if reported:
                        report(last)
                    return instance
                else:
                    last = f"{last}, but it does not answer yet: {readiness.reason}"
                    look_again_at = min(look_again_at, readiness.next_probe_at)
            if last != reported or self.clock.now() - reported_at >= _REPORT_INTERVAL:
                report(last)
                reported, reported_at = last, self.clock.now()
            remaining = started_at + timeout - self.clock.now()
            if remaining <= 0:
                raise (UnreachableWhileWaitingError if readiness.may_be_ready else DeadlineError)(last)
            try:
                self.clock.sleep(min(max(look_again_at - self.clock.now(), 0) + _EPSILON, remaining))
            except InterruptedWaitError:
                raise InterruptedWhileWaitingError(last) from None

    def _snapshot(self, instance_id: str, age: float) -> Snapshot[T]:
        since = self.poller.changed_at(instance_id)
        return self.poller.snapshot(max_age=self._interval(age), not_before=since, in_a_hurry=self.is_interrupted)

    def _is_gone(self, instance_id: str) -> bool:
        return find_or_confirm_gone(instance_id, self.cloud, self.poller) is None

    def _raise_if_over(self, phase: Phase, last: str, instance_id: str) -> None:
        if phase is Phase.STOPPED and not self._has_just_started(instance_id):
            raise StoppedWhileWaitingError(last)
        if phase in (Phase.FAILED, Phase.DELETING):
            raise FailedWhileWaitingError(last)

    def _has_just_started(self, instance_id: str) -> bool:
        """Returns whether this process has just started the instance, so that a lagging list may show the state
        before."""
        return self.clock.now() - self.poller.started_at(instance_id) <= self.cloud.list_lag

    def _interval(self, age: float) -> float:
        return next(interval for up_to, interval in self.schedule if age < up_to)

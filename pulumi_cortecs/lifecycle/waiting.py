"""Waiting as data: the target, what ends the wait early, how often to look, and the deadline.

Retrying a call and waiting for an outcome are two things. Errors of single calls are tolerated until the deadline;
a wait ends early for a phase that settles it (ready, failed, stopped, gone), refused credentials, or an interrupt.
What the vendor calls ready is asked itself (readiness.py), while the shared listing goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pulumi_cortecs.http.errors import CloudError, UnauthorizedError
from pulumi_cortecs.lifecycle.clock import Clock, InterruptedWaitError
from pulumi_cortecs.lifecycle.cloud import Cloud, Phase
from pulumi_cortecs.lifecycle.poller import Poller, Snapshot
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
    """The vendor reports that the instance failed or is being deleted."""


class GoneWhileWaitingError(WaitEndedError):
    """The instance does not exist any more."""


class InterruptedWhileWaitingError(WaitEndedError):
    """The wait was interrupted; the instance goes on booting."""


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
    ) -> T:
        """The instance once it is ready. Raises WaitEndedError, UnknownStatusError or UnauthorizedError.

        `readiness` decides about an instance that the vendor calls ready; by default its status is enough.

        `timeout` counts from `started_at` (this clock's seconds), so that a queued wait gets no longer than the others.
        `report` receives each new status as text, and an unchanged one now and then; nothing if the instance is ready
        at once. `on_look` is called with the instance at each look, and its exceptions end the wait.
        """
        readiness = readiness or Readiness(self.cloud, self.clock)
        last, reported, reported_at = "not listed yet", "", self.clock.now()
        while True:
            age = self.clock.now() - started_at
            look_again_at = self.clock.now() + self._interval(age)
            try:
                listing = self._snapshot(instance_id, age)
                instance = listing.instances.get(instance_id)
                # at the shared listing's next due time, not an interval after this wait's own look
                look_again_at = listing.taken_at + self._interval(age)
                gone = instance is None and age > self.cloud.list_lag and self._is_gone(instance_id)
            except UnauthorizedError:
                raise
            except CloudError as error:
                last = f"no answer: {error}"
            else:
                if gone:
                    raise GoneWhileWaitingError(last)
                if instance is not None:
                    on_look(instance)
                    phase, last = self.cloud.ready_phase(instance), self.cloud.progress_text(instance)
                    if phase is not Phase.READY:
                        readiness.record_not_ready()
                        self._raise_if_over(phase, last, instance_id)
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
        changed_at = self.poller.changed_at(instance_id)
        return self.poller.snapshot(max_age=self._interval(age), not_before=changed_at, in_a_hurry=self.is_interrupted)

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

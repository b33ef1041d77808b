"""Readiness: when an instance that its vendor calls ready counts as ready, and by what.

The vendor's status alone does not prove that an instance can answer, so the instance itself is asked (`Probes`), with
growing pauses, until it answers or the wait ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, TypeVar

from pulumi_cortecs.http.probe import Answer, Outcome, ProbeSpec
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.cloud import Cloud, Probes
from pulumi_cortecs.lifecycle.poller import NEVER

T = TypeVar("T")

PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds from one probe to the next; the last pause repeats."""
UNREACHABLE_SECONDS: Final = 120.0
"""Seconds for which an instance is unreachable before it counts as ready by its status."""
OLD_CONTAINER_SECONDS: Final = 30.0
"""Seconds after a restart for which an answer may come from the container of before."""


class ReadyBy(Enum):
    """The reason why an instance counts as ready."""

    ANSWER = "answer"
    """It answered a request."""
    REFUSED = "refused"
    """It refused a request's key itself, so it runs."""
    STATUS = "status"
    """Its vendor calls it ready; it was not asked, has no address, or could not be asked."""


@dataclass
class Readiness(Generic[T]):
    """The readiness of one instance during one wait. `how`: None if the vendor's status is to decide. `restarted_at`:
    the time of a restart that the wait follows.

    `by` is None until it is ready; `warning` is a text for the user, or ""; `reason` is the last reason why it is not
    ready. `may_be_ready`: the last probe could not ask the instance, so that it may well answer others.
    """

    cloud: Cloud[T]
    clock: Clock
    how: ProbeSpec | None = None
    restarted_at: float = NEVER
    by: ReadyBy | None = None
    warning: str = ""
    reason: str = ""
    may_be_ready: bool = False
    next_probe_at: float = NEVER
    _probe_count: int = 0
    _unreachable_since: float | None = None
    _old_container_gone: bool = False

    def check(self, instance: T) -> bool:
        """Returns whether the instance, which its vendor calls ready, is ready. Asks it if a probe is due."""
        cloud = self.cloud
        if self.how is None or not isinstance(cloud, Probes):
            return self._set_ready(ReadyBy.STATUS)
        asked_at = self.clock.now()
        if asked_at < self.next_probe_at:
            return False
        answer = cloud.probe(instance, self.how)
        if answer is None:
            return self._set_ready(ReadyBy.STATUS)
        self.reason = answer.reason
        if cloud.sleeps(instance) and answer.outcome is not Outcome.ANSWERED:
            return self._set_ready(
                ReadyBy.STATUS, f"it has no running container now, and was asked once ({answer.reason})"
            )
        if self._judge(answer, asked_at, has_gateway=cloud.has_gateway, has_key=bool(self.how.key)):
            return True
        self.next_probe_at = self.clock.now() + PAUSES[min(self._probe_count, len(PAUSES) - 1)]
        if self._unreachable_since is not None:
            self.next_probe_at = min(self.next_probe_at, self._unreachable_since + UNREACHABLE_SECONDS)
        self._probe_count += 1
        return False

    def record_not_ready(self) -> None:
        """Records that the vendor does not call the instance ready (any more)."""
        self._unreachable_since, self.may_be_ready = None, False

    def _judge(self, answer: Answer, asked_at: float, *, has_gateway: bool, has_key: bool) -> bool:
        outcome = answer.outcome
        self.may_be_ready = False
        if outcome is not Outcome.UNREACHABLE:
            self._unreachable_since = None
        if outcome is Outcome.REFUSED and has_gateway:
            # the vendor's gateway refuses before it looks for the instance
            self.may_be_ready = has_key
            return not has_key and self._set_ready(
                ReadyBy.STATUS,
                f"{answer.reason}, by a gateway that wants a key. Set ready_key to have the instance itself asked, or "
                "ready='status' if its status is enough",
            )
        if outcome in (Outcome.ANSWERED, Outcome.REFUSED):
            if not self._old_container_gone and asked_at - self.restarted_at < OLD_CONTAINER_SECONDS:
                self.reason = "the container of before the restart still answers"
                return False
            return self._set_ready(ReadyBy.ANSWER if outcome is Outcome.ANSWERED else ReadyBy.REFUSED)
        self._old_container_gone = True
        if outcome is Outcome.NOT_YET:
            return False
        self.may_be_ready = True
        if self._unreachable_since is None:
            self._unreachable_since = asked_at
        return self.clock.now() - self._unreachable_since >= UNREACHABLE_SECONDS and self._set_ready(
            ReadyBy.STATUS,
            f"this machine could not reach it for {UNREACHABLE_SECONDS:.0f} s ({answer.reason}). If it has no route to "
            "it, set ready='status'",
        )

    def _set_ready(self, by: ReadyBy, warning: str = "") -> bool:
        self.by, self.warning = by, warning
        return True

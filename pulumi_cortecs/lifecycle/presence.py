"""The decision that an instance is gone: only from successful answers, never from an error. After a deletion that the
vendor has accepted, less is needed: see deletion.py."""

from __future__ import annotations

from typing import TypeVar

from pulumi_cortecs.lifecycle.cloud import Cloud
from pulumi_cortecs.lifecycle.poller import NEVER, Poller

T = TypeVar("T")

_READ_MAX_AGE = 15.0
"""Seconds for which one listing serves a burst of reads: a refresh of a thousand rows is one call."""

_MIN_PAUSE, _MAX_PAUSE = 0.1, 1.0


def find_or_confirm_gone(instance_id: str, cloud: Cloud[T], poller: Poller[T], not_before: float = NEVER) -> T | None:
    """The instance as it was some seconds ago, at `not_before` or later, or None when it is certainly gone.

    Gone = missing from two listings further apart than the list's lag *and* from the answer by id: a vendor may
    document no 404, and its list may be behind. Looking for something gone takes as long as the lag. Raises CloudError.
    """
    snapshot = poller.snapshot(max_age=_READ_MAX_AGE, not_before=max(not_before, poller.changed_at(instance_id)))
    if instance_id in snapshot.instances:
        return snapshot.instances[instance_id]
    instance = cloud.get_instance(instance_id)
    pause = min(max(cloud.list_lag / 4, _MIN_PAUSE), _MAX_PAUSE)
    while instance is None and not poller.is_confirmed_absent(instance_id):
        poller.clock.sleep(pause)
        snapshot = poller.snapshot(max_age=pause / 2, not_before=poller.changed_at(instance_id))
        if instance_id in snapshot.instances:
            return snapshot.instances[instance_id]
    if instance is None:
        instance = cloud.get_instance(instance_id)  # once more at the end: it may have been listed late
    return instance

"""Deletion of an instance, proven: stop it where the cloud can, delete it, and confirm by good answers that it is
gone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from pulumi_cortecs.http.errors import NotFoundError, RefusedError, UnauthorizedError, UnavailableError
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.cloud import CanStop, Cloud, HasTasks, Phase, TaskFailedError, UnknownStatusError
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.lifecycle.presence import find_or_confirm_gone

T = TypeVar("T")

_PAUSE = 0.5
_CONFLICT = 409
"""The HTTP status for a request that the present state of the instance does not allow."""


class DeletionUnconfirmedError(Exception):
    """The vendor accepted the deletion, and still shows the instance."""


@dataclass(frozen=True)
class Deletion(Generic[T]):
    """The deletion of one cloud's instances."""

    cloud: Cloud[T]
    poller: Poller[T]
    clock: Clock

    def delete(self, instance_id: str, on_instance: Callable[[T], object] = lambda _: None) -> None:
        """Deletes an instance, and returns when it is certainly gone; silent if it already was.

        `on_instance` is called with the instance as the vendor shows it when it is stopped, or before it is deleted.
        Raises CloudError when the vendor refuses or cannot be asked, and DeletionUnconfirmedError; the instance may
        then still be billed.
        """
        if isinstance(self.cloud, CanStop) and self.cloud.stops_before_delete:
            is_there = self._ensure_stopped(self.cloud, instance_id, on_instance)
        else:
            is_there = self._report_existing(instance_id, on_instance)
        if not is_there:
            return
        try:
            self._request_deletion(instance_id)
        except NotFoundError as refused:
            # the first answer was lost: the vendor does not know the instance any more, and its list is behind
            if not self._wait_until_gone(refused, instance_id):
                raise
        except RefusedError as refused:
            instance = self._find_despite(refused, instance_id)
            if instance is None:
                return
            if not self._is_being_deleted(instance):
                raise
            self._confirm(instance_id)  # an earlier answer was lost
        else:
            self._confirm(instance_id)

    def _request_deletion(self, instance_id: str) -> None:
        try:
            self.cloud.delete(instance_id)
        finally:
            self.poller.mark_changed(instance_id)

    def _wait_until_gone(self, refused: RefusedError, instance_id: str) -> bool:
        until = self.clock.now() + self._timeout
        while self._find_despite(refused, instance_id) is not None:
            if self.clock.now() > until:
                return False
            self.clock.sleep(_PAUSE)
            self.poller.mark_changed(instance_id)
        return True

    def _report_existing(self, instance_id: str, on_instance: Callable[[T], object]) -> bool:
        """Returns whether there is something to delete, where nothing has to be stopped before."""
        instance = find_or_confirm_gone(instance_id, self.cloud, self.poller)
        if instance is not None:
            on_instance(instance)
        return instance is not None

    def _ensure_stopped(self, cloud: CanStop[T], instance_id: str, on_instance: Callable[[T], object]) -> bool:
        """Returns whether there is something to delete. Raises the vendor's refusal if the instance still runs."""
        for last_try in (False, True):
            try:
                instance: T | None = cloud.stop(instance_id)
            except RefusedError as refused:
                instance = self._find_despite(refused, instance_id)
                if instance is None:
                    return False
                if not self._is_running(instance):
                    on_instance(instance)
                    return True
                if last_try:
                    raise
                # the list may be older than the refusal, and a new instance may be known by now: try once more, because
                # no later run would stop it
            else:
                if instance is not None:
                    on_instance(instance)
                return True
            finally:
                self.poller.mark_changed(instance_id)
        raise AssertionError("the last try returns or raises")

    def _is_running(self, instance: T) -> bool:
        try:
            return self.cloud.phase(instance) is not Phase.STOPPED
        except UnknownStatusError:
            return False  # the status is unknown: the vendor decides whether the instance can be deleted

    def _is_being_deleted(self, instance: T) -> bool:
        with suppress(UnknownStatusError):
            return self.cloud.phase(instance) is Phase.DELETING
        return False

    def _find_despite(self, refused: RefusedError, instance_id: str) -> T | None:
        """The instance, if it exists although the vendor refused; an error alone never means "gone"."""
        is_about_instance = refused.status == _CONFLICT or not isinstance(
            refused, (UnauthorizedError, UnavailableError)
        )
        if not is_about_instance:
            raise refused
        return find_or_confirm_gone(instance_id, self.cloud, self.poller)

    def _confirm(self, instance_id: str) -> None:
        deleted_at = self.poller.changed_at(instance_id)
        while True:
            listed = self.poller.snapshot(max_age=_PAUSE, not_before=deleted_at).instances
            if instance_id not in listed and self.cloud.get_instance(instance_id) is None:
                return
            self._require_task(instance_id, listed.get(instance_id))
            if self.clock.now() - deleted_at > self._timeout:
                raise DeletionUnconfirmedError(f"the vendor accepted the deletion of {instance_id}, and still shows it")
            self.clock.sleep(_PAUSE)

    def _require_task(self, instance_id: str, listed: T | None) -> None:
        """Raises DeletionUnconfirmedError if the vendor's deletion has ended with an error: then the instance is not
        being deleted any more."""
        if not isinstance(self.cloud, HasTasks) or listed is None or self._is_being_deleted(listed):
            return
        try:
            if task := self.cloud.last_task(instance_id):
                self.cloud.task_progress(task)
        except TaskFailedError as error:
            raise DeletionUnconfirmedError(f"the deletion of {instance_id} failed: {error}") from None

    @property
    def _timeout(self) -> float:
        return max(self.cloud.deletion_seconds, 2 * self.cloud.list_lag)

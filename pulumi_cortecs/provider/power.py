"""Stops, starts, reboots and changes an instance in place; each call tolerates a lost answer to an earlier attempt."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from pulumi_cortecs.http.errors import BadAnswerError, CloudError
from pulumi_cortecs.lifecycle.clock import InterruptedWaitError
from pulumi_cortecs.lifecycle.cloud import CanReboot, CanStop, CanUpdate, HasLabels, HasTasks, Phase, TaskFailedError
from pulumi_cortecs.lifecycle.labels import Labels
from pulumi_cortecs.provider import session
from pulumi_cortecs.provider.accounts import Account

_STOP_SECONDS: Final = 10.0
"""Seconds within which an accepted stop has to show."""
_PAUSE: Final = 0.5
_TASK_SECONDS: Final = 600.0
"""Seconds for which the task of a change is followed."""
_TASK_PAUSE: Final = 1.0


def stop(account: Account, instance_id: str) -> None:
    """Stops an instance. A refusal because it is stopped already counts as success: an earlier answer may have been
    lost; an acceptance does not, until the vendor reports the instance as stopped.

    Raises CloudError and UnknownStatusError.
    """
    try:
        live = _stoppable(account).stop(instance_id)
        _require_stopped(account, instance_id, live)
    except CloudError:
        live = account.cloud.get_instance(instance_id)
        if live is None or account.cloud.phase(live) is not Phase.STOPPED:
            raise
    finally:
        account.poller.mark_changed(instance_id)


def start(account: Account, instance_id: str) -> None:
    """Starts a stopped instance. A refusal because it runs already counts as success. Raises CloudError."""
    try:
        _stoppable(account).start(instance_id)
    except CloudError:
        live = account.cloud.get_instance(instance_id)
        if live is None or account.cloud.phase(live) is Phase.STOPPED:
            raise
    finally:
        account.poller.mark_changed(instance_id)
        account.poller.mark_started(instance_id)


def reboot(account: Account, instance_id: str) -> None:
    """Reboots a running instance, where the vendor can without a stop. Raises CloudError."""
    if not isinstance(account.cloud, CanReboot):
        raise TypeError("this cloud's instances cannot be rebooted")
    account.cloud.reboot(instance_id)
    account.poller.mark_started(instance_id)


def update(account: Account, instance_id: str, inputs: Mapping[str, Any], changed: frozenset[str]) -> None:
    """Changes what the vendor can change in place, and returns when its task, if it has any, has ended. Raises
    CloudError."""
    cloud = account.cloud
    if not isinstance(cloud, CanUpdate):
        raise TypeError("this cloud's instances cannot be changed")
    try:
        cloud.update(instance_id, inputs, changed)
        _follow_task(account, instance_id)
    finally:
        account.poller.mark_changed(instance_id)


def _follow_task(account: Account, instance_id: str) -> None:
    """Waits for the task of a change, for some minutes and until an interrupt: then the Endpoint goes on waiting.
    Raises TaskFailedError."""
    cloud, clock = account.cloud, session.current().waiting_clock
    if not isinstance(cloud, HasTasks) or not (task := cloud.last_task(instance_id)):
        return
    until = clock.now() + _TASK_SECONDS
    with suppress(InterruptedWaitError):
        while clock.now() < until:
            try:
                if not cloud.task_progress(task):
                    return
            except TaskFailedError:
                raise
            except CloudError:
                pass  # the change was accepted; only its outcome cannot be asked for now
            clock.sleep(_TASK_PAUSE)


def update_labels(account: Account, instance_id: str, former: Labels, own: Mapping[str, str]) -> Labels:
    """Gives an instance other labels of the program, at its vendor and in the journal. Returns all its labels. Raises
    CloudError."""
    labels = replace(former, own=own)
    if labels != former:
        if isinstance(account.cloud, HasLabels):
            removed = former.merged.keys() - labels.merged.keys()
            account.cloud.update_labels(instance_id, labels.merged, frozenset(removed))
        account.log.record_labels(instance_id, own)
    return labels


def _require_stopped(account: Account, instance_id: str, live: Any | None) -> None:
    """Waits until the vendor reports the instance as stopped; `live` is the answer to the stop, if it has it."""
    until = account.clock.now() + max(_STOP_SECONDS, 2 * account.cloud.list_lag)
    while live is None or account.cloud.phase(live) is not Phase.STOPPED:
        if account.clock.now() > until:
            shown = "does not show it" if live is None else f"still reports {account.cloud.progress_text(live)}"
            raise BadAnswerError(f"the stop of {instance_id} was accepted, and the vendor {shown}")
        live = account.cloud.get_instance(instance_id)
        if live is None or account.cloud.phase(live) is not Phase.STOPPED:
            account.clock.sleep(_PAUSE)


def _stoppable(account: Account) -> CanStop[Any]:
    """The cloud, which must be able to stop instances; for others the table of arguments has no state `stopped`."""
    if not isinstance(account.cloud, CanStop):
        raise TypeError("this cloud's instances cannot be stopped")
    return account.cloud

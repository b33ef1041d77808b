"""Stops, starts, reboots and changes an instance in place; each call tolerates a lost answer to an earlier attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.cloud import CanReboot, CanStop, CanUpdate, HasLabels, Phase
from pulumi_cortecs.lifecycle.labels import Labels
from pulumi_cortecs.provider.accounts import Account


def stop(account: Account, instance_id: str) -> None:
    """Stops an instance. A refusal because it is stopped already counts as success: an earlier answer may have been
    lost.

    Raises CloudError.
    """
    try:
        _stoppable(account).stop(instance_id)
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
    """Changes what the vendor can change in place. Raises CloudError."""
    cloud = account.cloud
    if not isinstance(cloud, CanUpdate):
        raise TypeError("this cloud's instances cannot be changed")
    try:
        cloud.update(instance_id, inputs, changed)
    finally:
        account.poller.mark_changed(instance_id)


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


def _stoppable(account: Account) -> CanStop[Any]:
    """The cloud, which must be able to stop instances; for others the table of arguments has no state `stopped`."""
    if not isinstance(account.cloud, CanStop):
        raise TypeError("this cloud's instances cannot be stopped")
    return account.cloud

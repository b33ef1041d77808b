"""The deletion of a purchase that no resource will own, because the engine has gone."""

from __future__ import annotations

from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError
from pulumi_cortecs.provider import machine_limits
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.kind import ResourceKind


def undo_purchase(kind: ResourceKind, account: Account, instance_id: str) -> str:
    """Deletes it, unless another run has taken it over. Returns the outcome as text."""
    if not account.log.begin_undo(instance_id):
        return "another run has taken it over"
    try:
        account.deletion().delete(instance_id)
    except (CloudError, DeletionUnconfirmedError) as error:
        account.log.record_undo_failed(instance_id)
        return f"it may still exist and be billed: {error}"
    account.log.record_gone(instance_id)
    machine_limits.release(kind, account, instance_id)
    return "it was stopped and deleted again"

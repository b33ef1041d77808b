"""What the vendor knows before an order that would prevent it: quota, capacity, and what is attached, which may not be
free yet; and who holds what cannot be deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.cloud import ChecksOrders, HasAttachments
from pulumi_cortecs.provider import accounts, host, session
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.kind import CrudKind

_TIMEOUT: Final = 300.0
_PAUSE: Final = 2.0


class NotOrderableError(Exception):
    """The vendor could not carry out the order or change now, so it was not sent. The text names the reasons."""


def require_orderable(account: Account, inputs: Mapping[str, Any], current: Mapping[str, Any] | None = None) -> None:
    """Raises NotOrderableError if the vendor could not carry out the order, or the change of a running instance's
    `current` inputs; and CloudError."""
    if isinstance(account.cloud, ChecksOrders) and (problems := account.cloud.order_problems(inputs, current)):
        raise NotOrderableError("; ".join(f"{problem.argument}: {problem.reason}" for problem in problems))


def wait_until_free(account: Account, inputs: Mapping[str, Any]) -> None:
    """Waits as long as an instance that is being deleted holds what the order attaches, for at most five minutes: after
    that the vendor decides.

    Raises CloudError and InterruptedWaitError.
    """
    if not isinstance(account.cloud, HasAttachments):
        return
    clock = session.current().waiting_clock
    until = clock.now() + _TIMEOUT
    while (reason := account.cloud.reason_to_wait(inputs)) and clock.now() < until:
        host.current_call().report_progress(f"waiting until it can be bought: {reason}")
        clock.sleep(_PAUSE)


def holders_text(kind: CrudKind[Any, Any], account: Account, resource_id: str, user: str = "") -> str:
    """The instances that hold a resource and that no stack owns, so that no wait ends that, with the next step; "" for
    none, and where that cannot be found out. `user` is the one that uses it, if the resource names it."""
    states = account.recovery.creations.all_stacks(host.current_call().urn)
    if states is None:
        return ""
    owned = {row.instance_id for state in states for row in state.rows if row.resource_type == kind.instances.token}
    try:
        holders = " ".join(sorted(_holders(accounts.account(kind.instances), resource_id, user) - owned))
    except CloudError:
        return ""
    if not holders:
        return ""
    return (
        f"; no stack of this backend owns {holders}, which holds it: `pulumi-cortecs orphans --all-stacks` shows it, "
        f"and `pulumi-cortecs orphans --all-stacks --delete {holders}` deletes it"
    )


def _holders(instances: Account, resource_id: str, user: str) -> set[str]:
    """The instances that hold a resource and are not being deleted. Raises CloudError."""
    if user:
        return set() if instances.find_detail(user) is None else {user}
    cloud = instances.cloud
    if not isinstance(cloud, HasAttachments):
        return set()
    details = [instances.find_detail(instance_id) for instance_id in sorted(cloud.list_instances())]
    return {cloud.id_of(live) for live in details if live is not None and resource_id in cloud.attached_ids(live)}

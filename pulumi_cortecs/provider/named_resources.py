"""What an earlier run has created under the name of a resource, found by that name.

A vendor has no two resources of one name in an account. So a name that check has made (generated_names.py) proves whose
resource it is, from any machine; one that the program gives does not, because anybody may have chosen it.
"""

from __future__ import annotations

from typing import Any, Final

from pulumi_cortecs.lifecycle.cloud import Arguments, NamesInstances
from pulumi_cortecs.lifecycle.journal import JournalError, ResourceKey
from pulumi_cortecs.lifecycle.purchases import AmbiguousPurchaseError, RecoveredInstance
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError
from pulumi_cortecs.provider import session
from pulumi_cortecs.provider.accounts import Account

NAME: Final = "name"
"""The argument that every named resource has."""


class NameTakenError(Exception):
    """Something that is not this resource's has its name. The text has the next step."""


def recover_by_name(
    account: Account, key: ResourceKey, ordered: Arguments, name: str, began_at: float
) -> RecoveredInstance[Any] | None:
    """The resource that an earlier run has created for this one and that no state has, or None. `began_at`: the time at
    which this creation began. Raises NameTakenError, and what OrderRecovery.recover raises."""
    problem: AmbiguousPurchaseError | UnclaimedPurchaseError | None = None
    try:
        if (recovered := account.recovery.recover(key, ordered, began_at)) is not None:
            return recovered
    except (AmbiguousPurchaseError, UnclaimedPurchaseError) as error:
        problem = error  # the name may still prove whose it is
    existing = _find_by_name(account, name, began_at)
    if existing is None:
        if problem is not None:
            raise problem
        return None
    resource_id = account.cloud.id_of(existing)
    owners = account.recovery.creations.find_owners(key.urn)
    owner = (owners or {}).get(resource_id)
    if owner is None and (is_generated(key.urn, name) or _has_ordered(account, key, resource_id)):
        return RecoveredInstance(resource_id, existing)
    whose = "no order of this resource has created it" if owner is None else f"{owner.name} has it"
    if owner is not None and owner.urn == key.urn:
        next_step = "set delete_before_replace=True, or leave name out, so that a new one is made"
    else:
        next_step = "choose another name, or leave it out, so that one is made"
    raise NameTakenError(f"name: {name!r} exists already ({resource_id}); {whose}; {next_step}")


def is_generated(urn: str, name: str) -> bool:
    """Returns whether check has made the name for this resource."""
    return session.current().generated_names.get(urn) == name


def _find_by_name(account: Account, name: str, not_before: float) -> Any | None:
    """The resource of this name. The list may still have a deleted one, so the vendor is asked for it by id, too."""
    cloud = account.cloud
    assert isinstance(cloud, NamesInstances)
    listed = account.poller.snapshot(max_age=float("inf"), not_before=not_before).instances
    resource_id = next((key for key, resource in listed.items() if cloud.name_of(resource) == name), None)
    return None if resource_id is None else cloud.get_instance(resource_id)


def _has_ordered(account: Account, key: ResourceKey, resource_id: str) -> bool:
    """Returns whether the journal says that an order for this resource has created it."""
    try:
        return any(order.instance_id == resource_id for order in account.log.journal.closed_orders(key))
    except JournalError as error:
        account.log.on_journal_error(error)
        return False

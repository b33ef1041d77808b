"""Resources that have a name of their own in their account: the name that check makes for one, and what an earlier run
has created under it.

A name that check has made (generated_names.py) proves whose resource it is, from any machine; one that the program
gives does not, because anybody may have chosen it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from pulumi_cortecs.http.credentials import are_apart
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.cloud import Arguments, NamesInstances
from pulumi_cortecs.lifecycle.journal import JournalError, OrderRecord, ResourceKey
from pulumi_cortecs.lifecycle.purchases import AmbiguousPurchaseError, RecoveredInstance
from pulumi_cortecs.lifecycle.times import parse_timestamp, utc_text
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError
from pulumi_cortecs.provider import accounts, host, reviewed_inputs, session
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.generated_names import generated_name, prefix_of
from pulumi_cortecs.provider.kind import Generated, ResourceKind

NAME: Final = "name"
"""The argument that every named resource has."""


CREATED_AT: Final = "created_at"
"""The property of a row with the time at which its resource was created, by the vendor's clock; see `require_same`."""
_LISTING_MAX_AGE: Final = 5.0
"""Seconds that the list may be old by which a name is chosen."""
_CREATION_SECONDS: Final = 900.0
"""Seconds after its order by which a resource has certainly been created."""


class NamesakeError(Exception):
    """What has the name of a row was created after what the row is about. The text has the next step."""


class NameTakenError(Exception):
    """Something that is not this resource's has its name. The text has the next step."""


def has_generated_name(kind: ResourceKind) -> bool:
    """Returns whether check makes the names of the type's resources, where the program gives none."""
    return NAME in kind.arguments and isinstance(kind.arguments[NAME].default, Generated)


def creation_time(account: Account, instance: Any | None) -> str:
    """The time of the instance's creation, now where only the order has been answered, in ISO-8601; "" where names do
    not identify instances, and where the vendor's clock is not known: that of this machine may be wrong."""
    if not isinstance(account.cloud, NamesInstances):
        return ""
    created_at = None if instance is None else account.cloud.started_at(instance)
    seconds = account.cloud.vendor_time() if created_at is None else created_at
    return "" if seconds is None else utc_text(seconds)


def require_same(account: Account, instance: Any, urn: str, recorded_at: str) -> None:
    """Raises NamesakeError if the instance was created after the one that a row has, which was at `recorded_at`: that
    may have been deleted elsewhere, and its name chosen again since. It is a refusal and not "gone", for it may be the
    same after all."""
    if not isinstance(account.cloud, NamesInstances):
        return
    recorded, created_at = parse_timestamp(recorded_at), account.cloud.created_at(instance)
    if recorded is not None and created_at is not None and created_at > recorded + _CREATION_SECONDS:
        name = account.cloud.name_of(instance)
        next_step = "another name then makes a new one"
        if not account.cloud.is_taken_by_name:
            next_step = f"adopt_id={name!r} then takes over what has the name now"
        raise NamesakeError(
            f"{name!r} was created at {utc_text(created_at)}, and this resource at {recorded_at}: it may be "
            "another's, which chose the name after this one had been deleted elsewhere. `pulumi state delete "
            f"--target-dependents {shlex.quote(urn)}` forgets this resource; {next_step}"
        )


def next_name(kind: ResourceKind, olds: Mapping[str, Any]) -> tuple[str, bool]:
    """The name of a new resource that replaces the one of `olds`, if there is one; and whether it replaces one."""
    if NAME in olds:
        return _make_name(kind, str(olds[NAME])), True
    return _first_name(kind)


def record_former_name(olds: Mapping[str, Any]) -> None:
    """Records the name of the resource's row, for the second check of a replacement, which does not get it."""
    if olds:
        session.current().former_names[host.current_call().urn] = str(olds.get(NAME, ""))


def has_former_name(inputs: Mapping[str, Any]) -> bool:
    """Returns whether the inputs of a replacement still have the name of the resource that it replaces."""
    return bool(inputs.get(NAME) == session.current().former_names.get(host.current_call().urn, ""))


def changed_since_review(kind: ResourceKind, inputs: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """The arguments of a purchase that differ from the reviewed ones; a name that check has made since is none."""
    changed = reviewed_inputs.changed_arguments(kind, inputs, shown)
    return [key for key in changed if key != NAME or not is_generated(host.current_call().urn, str(inputs.get(NAME)))]


def _make_name(kind: ResourceKind, former: str) -> str:
    urn, default = host.current_call().urn, kind.arguments[NAME].default
    assert isinstance(default, Generated)
    name = generated_name(accounts.order_key(urn), former, default.max_length)
    session.current().generated_names[urn] = name
    return name


def _first_name(kind: ResourceKind) -> tuple[str, bool]:
    """The name of a new resource. `up --replace` passes no old inputs, so it may be a replacement: then the state has
    the old resource, whose name begins the same."""
    name, urn = _make_name(kind, ""), host.current_call().urn
    with suppress(CloudError):
        account = accounts.account(kind)
        listed = account.poller.snapshot(max_age=_LISTING_MAX_AGE).instances
        names = {key: str(account.cloud.reported_inputs(one).get(NAME)) for key, one in listed.items()}
        alike = {key: other for key, other in names.items() if prefix_of(other) == prefix_of(name)}
        rows = (account.recovery.creations.rows(urn) or {}) if alike else {}
        former = [other for key, other in sorted(alike.items()) if rows.get(key) == urn]
        if former:
            made = (_make_name(kind, other) for other in former)
            return next(other for other in made if other not in former), True
    return name, False


def recover_by_name(
    account: Account, key: ResourceKey, ordered: Arguments, name: str, began_at: float
) -> RecoveredInstance[Any] | None:
    """The resource that an earlier run has created for this one and that no state has, or None. `began_at`: the time at
    which this creation began. Raises NameTakenError, and what OrderRecovery.recover raises."""
    problem: AmbiguousPurchaseError | UnclaimedPurchaseError | None = None
    # by a name that the program gives, the instance of an order without an answer is only inferred
    inferred = not is_generated(key.urn, name) and any(
        order.instance_id is None for order in _orders(account, account.log.journal.open_orders, key)
    )
    try:
        recovered = account.recovery.recover(key, ordered, began_at)
        if recovered is not None and (is_generated(key.urn, name) or not _is_later(account, key, recovered.instance)):
            return replace(recovered, inferred=recovered.inferred or inferred)
    except (AmbiguousPurchaseError, UnclaimedPurchaseError) as error:
        problem = error  # the name may still prove whose it is
    existing = _find_by_name(account, name, began_at)
    if existing is None:
        if problem is not None:
            raise problem
        _require_no_row(account, key, name)
        return None
    resource_id = account.cloud.id_of(existing)
    owners = account.recovery.creations.find_owners(key.urn)
    owner = (owners or {}).get(resource_id)
    is_its_own = is_generated(key.urn, name) or _has_ordered(account, key, resource_id, existing)
    if owners is not None and owner is None and is_its_own:
        return RecoveredInstance(resource_id, existing)
    whose = "no order of this resource has created it" if owner is None else f"{owner.name} has it"
    next_step = "choose another name, or leave it out, so that one is made"
    if owner is not None and owner.urn == key.urn:
        next_step = "set delete_before_replace=True, or leave name out, so that a new one is made"
        if is_generated(key.urn, name):  # the row could not be seen when check made it
            next_step = "run `pulumi up` again, which makes another one"
    elif owners is None and is_its_own:  # it may be the one that is being replaced
        whose = "whether a row of the stack has it is not known, because the state cannot be read"
        next_step = "run `pulumi up` again when it can"
    raise NameTakenError(f"name: {name!r} exists already ({resource_id}); {whose}; {next_step}")


def _require_no_row(account: Account, key: ResourceKey, name: str) -> None:
    """Raises NameTakenError if a row of the stack has the name as its id, although nothing has that name any more: when
    that row goes, what was created under the name would be deleted."""
    creations = account.recovery.creations
    if name not in (creations.rows(key.urn) or {}):
        return
    if (urn := (creations.rows(key.urn, account.clock.now()) or {}).get(name)) is not None:  # a refresh may remove it
        raise NameTakenError(
            f"name: {name!r} is the id of {urn}, which does not exist any more; a new one of that name would be "
            "deleted with that row; run `pulumi up --refresh`, which removes the row"
        )


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


def _has_ordered(account: Account, key: ResourceKey, resource_id: str, resource: Any) -> bool:
    """Returns whether the journal says that an order for this resource has created it."""
    orders = _orders(account, account.log.journal.closed_orders, key)
    return not _is_later(account, key, resource) and any(
        order.instance_id == resource_id and not are_apart(order.account, account.log.account) for order in orders
    )


def _is_later(account: Account, key: ResourceKey, resource: Any) -> bool:
    """Returns whether what has the name was created after the orders for this resource that the journal has: another
    chose the name, once it was free."""
    cloud, journal = account.cloud, account.log.journal
    assert isinstance(cloud, NamesInstances)
    orders = [*_orders(account, journal.open_orders, key), *_orders(account, journal.closed_orders, key)]
    ordered_at = [order.vendor_time for order in orders if order.instance_id in (None, cloud.id_of(resource))]
    created_at = cloud.created_at(resource)
    if created_at is None or not ordered_at:
        return False
    return all(at is not None and created_at > at + _CREATION_SECONDS for at in ordered_at)


def _orders(
    account: Account, select: Callable[[ResourceKey], list[OrderRecord]], key: ResourceKey
) -> list[OrderRecord]:
    try:
        return select(key)
    except JournalError as error:
        account.log.on_journal_error(error)
        return []

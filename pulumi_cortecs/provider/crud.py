"""The life of a plain resource: created once under a name that is the account's only one, changed in place where the
vendor can, and provably deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Final

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, UpdateResult

from pulumi_cortecs.cost.limits_file import LimitsFileError
from pulumi_cortecs.http.errors import CloudError, ConfigurationError, NotFoundError, RefusedError, UnauthorizedError
from pulumi_cortecs.lifecycle.clock import InterruptedWaitError
from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError
from pulumi_cortecs.lifecycle.journal import JournalError, ResourceKey
from pulumi_cortecs.lifecycle.order_log import OrderInProgressError
from pulumi_cortecs.lifecycle.order_recovery import ArgumentsChangedError
from pulumi_cortecs.lifecycle.purchases import (
    AmbiguousPurchaseError,
    NotBoughtError,
    NotSentError,
    RefusedOrderError,
)
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError
from pulumi_cortecs.provider import accounts, host, machine_limits, quote_records, reviewed_inputs, session
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.kind import CrudKind
from pulumi_cortecs.provider.plain_cloud import NAME, PlainCloud
from pulumi_cortecs.provider.properties import equal_values, read_properties, without_float
from pulumi_cortecs.provider.undo import undo_purchase

Kind = CrudKind[Any, Any]

_MAX_LOST_ANSWERS: Final = 3
"""How often a resource with values that are told once is deleted and created again because its answer was lost."""
_IN_USE_PAUSE: Final = 2.0


class CrudError(Exception):
    """A plain resource could not be created, changed, read or deleted. The text says what that means for the bill."""


class _InUseError(Exception):
    """Something uses the resource, so that it is not deleted now."""


def diff(kind: Kind, resource_id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> DiffResult:
    """Compares the arguments: the table decides between replacement and update. Other credentials than the state's are
    an update, too. The old resource goes first if both would have the same name. Sends no request."""
    accounts.confirm_known(kind, resource_id)
    reviewed_inputs.update(host.current_call().urn, _program_inputs(kind, news))
    replaces = [key for key in kind.arguments.replacing if not equal_values(olds.get(key), news.get(key))]
    if replaces or _changed_in_place(kind, olds, news):
        has_same_name = bool(replaces) and NAME not in replaces
        return DiffResult(changes=None, replaces=replaces, delete_before_replace=has_same_name)
    return DiffResult(changes=accounts.credentials_changed(kind, olds.get("account")))


def create(kind: Kind, props: Mapping[str, Any]) -> CreateResult:
    """Creates the resource, or takes over what an earlier run has created for it. Raises CrudError."""
    call, began_at = host.current_call(), session.current().clock.now()
    inputs = _validated(kind, props)
    shown = reviewed_inputs.get(call.urn)
    if shown is not None and (differing := _differing_from(kind, inputs, shown.inputs)):
        raise CrudError(f"refused: {', '.join(differing)} would differ from what the plan showed; nothing was created")
    with _explained(kind, inputs[NAME]):
        account = accounts.account(kind)
        account.require_usable_environment()
        for _ in range(_MAX_LOST_ANSWERS):
            resource_id, resource, is_new = _create_or_take_over(kind, account, inputs, began_at)
            if is_new and call.is_cancelled():
                undone = undo_purchase(kind, account, resource_id)
                raise CrudError(f"the engine exited before it received {resource_id}: {undone}")
            if resource is None and kind.told_once:
                resource = account.cloud.get_instance(resource_id)
            if not kind.told_once - (kind.outputs(resource).keys() if resource is not None else frozenset()):
                return CreateResult(
                    resource_id, _outputs(kind, account, inputs, _detail(account, resource_id, resource))
                )
            call.warn(f"{resource_id} is deleted and created again: the answer with its secret was lost")
            _delete_when_unused(kind, account, resource_id)
    raise CrudError(f"nothing was created: {kind.possessive} answers were lost. Run `pulumi up` again")


def read(kind: Kind, resource_id: str, props: Mapping[str, Any]) -> ReadResult:
    """The resource as it is; its inputs show the differences from the program.

    Only successful answers prove that it is gone. Raises CrudError if that is unknown, or if the resource to get does
    not exist."""
    is_recorded = "account" in props and not host.current_call().gets
    if is_recorded:
        accounts.confirm_known(kind, resource_id)
    try:
        account = accounts.account(kind)
        account.require_owner(resource_id, props.get("account"))
        resource = account.find(resource_id)
        if resource is None:
            if is_recorded:
                return ReadResult("", {})
            raise CrudError(f"{kind.vendor} {kind.name} {resource_id!r} does not exist in this account")
        recorded = _program_inputs(kind, props) if is_recorded else {}
        inputs = {**kind.arguments.defaults, **recorded, **account.cloud.reported_inputs(resource)}
        if kind.market is not None and "quote" not in inputs:
            inputs["quote"], _ = accounts.market(kind).quote(inputs)
    except CloudError as error:
        raise CrudError(f"the status of {resource_id} is unknown, so the state stays as it was: {error}") from None
    outputs = _outputs(kind, account, inputs, resource, props)
    return ReadResult(resource_id, outputs, kind.arguments.omit_defaults(inputs))


def update(kind: Kind, resource_id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> UpdateResult:
    """Changes the resource in place. Raises CrudError."""
    inputs = _validated(kind, {**({"quote": olds["quote"]} if "quote" in olds else {}), **news})
    accounts.confirm_known(kind, resource_id)
    try:
        account = accounts.account(kind)
        account.require_owner(resource_id, olds.get("account"))
        if _changed_in_place(kind, olds, inputs):
            _change(kind, account, resource_id, inputs)
    except NotFoundError:
        raise CrudError(
            f"{kind.vendor} does not know {resource_id} any more; `pulumi up --refresh` creates a new one"
        ) from None
    except ConfigurationError as error:
        raise CrudError(f"nothing was changed: {error}") from None
    except CloudError as error:
        raise CrudError(f"{resource_id} may not have the wanted arguments: {error}") from None
    return UpdateResult(_outputs(kind, account, inputs, _detail(account, resource_id, None), olds))


def delete(kind: Kind, resource_id: str, props: Mapping[str, Any]) -> None:
    """Deletes the resource, and returns when it is certainly gone. One that is in use is waited for, because the
    deletion of an instance takes its time. Raises CrudError."""
    accounts.confirm_known(kind, resource_id)
    try:
        account = accounts.account(kind)
        account.require_owner(resource_id, props.get("account"))
        _delete_when_unused(kind, account, resource_id)
    except (CloudError, DeletionUnconfirmedError, _InUseError) as error:
        billed = " and be billed" if kind.market is not None else ""
        raise CrudError(
            f"{resource_id} may still exist{billed}: {error}. Run `pulumi destroy` again, or delete it in "
            f"{kind.possessive} console"
        ) from None
    except InterruptedWaitError:
        raise CrudError(f"interrupted; {resource_id} still exists") from None


def _create_or_take_over(
    kind: Kind, account: Account, inputs: dict[str, Any], began_at: float
) -> tuple[str, Any | None, bool]:
    """The id of the resource, the resource as far as an answer had it, and whether this call has created it. Sets the
    quote of one that costs money."""
    call, cloud = host.current_call(), _plain_cloud(account)
    key, ordered = accounts.order_key(call.urn), cloud.arguments_of(inputs)
    assert ordered is not None  # create gets no unknown values
    quote = quote_records.purchase_quote(kind, inputs) if kind.market is not None else None
    if (earlier := _earlier(kind, account, key, inputs, began_at)) is not None:
        _take_over(kind, account, inputs, earlier)
        return cloud.id_of(earlier), earlier, False
    if kind.market is not None:
        quote_records.require_shown(kind, call.urn, inputs, quote)
    is_awaited = call.context.is_active if call.context else None
    limits = machine_limits.enforce(kind, account, inputs) if kind.market is not None else nullcontext()
    with limits as pending_cost:
        number = None if pending_cost is None else pending_cost.entry.number
        bought = account.purchases.buy(key, ordered, inputs, is_awaited, number)
        if pending_cost is not None:
            pending_cost.set_instance(bought.instance_id)
    if kind.market is not None:
        inputs["quote"] = quote
    account.poller.mark_started(bought.instance_id)
    return bought.instance_id, bought.instance, True


def _earlier(kind: Kind, account: Account, key: ResourceKey, inputs: Mapping[str, Any], began_at: float) -> Any | None:
    """The resource that an earlier run has created for this one and that no state has, or None. Raises CrudError for a
    name that something else has, and what OrderRecovery.recover raises."""
    cloud, problem = _plain_cloud(account), None
    ordered = cloud.arguments_of(inputs)
    assert ordered is not None
    try:
        if (recovered := account.recovery.recover(key, ordered, began_at)) is not None:
            return recovered.instance
    except (AmbiguousPurchaseError, UnclaimedPurchaseError) as error:
        problem = error  # the name may still prove whose it is
    listed = account.poller.snapshot(max_age=0.0).instances
    existing = next((resource for resource in listed.values() if cloud.name_of(resource) == inputs[NAME]), None)
    if existing is None:
        if problem is not None:
            raise problem
        return None
    resource_id = cloud.id_of(existing)
    owner = (account.recovery.creations.find_owners(key.urn) or {}).get(resource_id)
    is_generated = session.current().generated_names.get(key.urn) == inputs[NAME]
    if owner is None and (is_generated or _has_ordered(account, key, resource_id)):
        return existing
    whose = "no order of this resource has created it" if owner is None else f"{owner.name} has it"
    if owner is not None and owner.urn == key.urn:
        next_step = "set delete_before_replace=True, or leave name out, so that a new one is made"
    else:
        next_step = "choose another name, or leave it out, so that one is made"
    raise CrudError(f"name: {inputs[NAME]!r} exists already ({resource_id}); {whose}; {next_step}. Nothing was created")


def _has_ordered(account: Account, key: ResourceKey, resource_id: str) -> bool:
    """Returns whether the journal says that an order for this resource has created it."""
    try:
        return any(order.instance_id == resource_id for order in account.log.journal.closed_orders(key))
    except JournalError as error:
        account.log.on_journal_error(error)
        return False


def _take_over(kind: Kind, account: Account, inputs: dict[str, Any], earlier: Any) -> None:
    """Makes a resource that an earlier run has created this one's, changed in place where it differs. Raises CrudError
    for one that differs otherwise, and what machine_limits.enforce raises."""
    resource_id, reported = account.cloud.id_of(earlier), account.cloud.reported_inputs(earlier)
    differing = [key for key in kind.arguments.replacing if key in reported and reported[key] != inputs[key]]
    if differing:
        raise CrudError(_other_arguments_text(kind, inputs[NAME], resource_id, f"another {', '.join(differing)}"))
    if kind.market is not None:
        with machine_limits.enforce(kind, account, {**inputs, **reported}, resource_id):
            pass  # orders nothing
    if _changed_in_place(kind, reported, {**reported, **inputs}):
        _change(kind, account, resource_id, inputs)
    host.current_call().warn(
        f"{resource_id} is taken over: an earlier run created it, and was killed before it was recorded in the state"
    )


def _other_arguments_text(kind: Kind, name: str, resource_id: str, what: str) -> str:
    return (
        f"an earlier run has created {resource_id} for this resource with {what}, and no state has it; nothing was "
        f"created. Restore the arguments to take it over, or delete it in {kind.possessive} console"
    )


def _change(kind: Kind, account: Account, resource_id: str, inputs: Mapping[str, Any]) -> None:
    assert kind.update is not None  # else no row of the table is one that changes in place
    try:
        kind.update(_plain_cloud(account).client, resource_id, {key: inputs[key] for key in kind.arguments})
    finally:
        account.poller.mark_changed(resource_id)


def _delete_when_unused(kind: Kind, account: Account, resource_id: str) -> None:
    """Deletes, and tries again while the vendor refuses or the resource is in use, until `release_timeout`.

    Raises CloudError, DeletionUnconfirmedError and _InUseError.
    """
    clock = session.current().waiting_clock
    until = clock.now() + kind.release_timeout

    def require_deletable(resource: Any) -> None:
        if reason := kind.undeletable(resource):
            raise DeletionUnconfirmedError(reason)
        if user := kind.used_by(resource):
            raise _InUseError(f"{user} uses it")

    while True:
        try:
            account.deletion().delete(resource_id, require_deletable)
            break
        except (RefusedError, _InUseError) as error:
            is_final = isinstance(error, (UnauthorizedError, NotFoundError)) or clock.now() > until
            if is_final:
                raise
            host.current_call().report_progress(f"waiting until it can be deleted: {error}")
        clock.sleep(min(_IN_USE_PAUSE, kind.release_timeout / 4))
        account.poller.mark_changed(resource_id)
    account.log.record_gone(resource_id)
    if kind.market is not None:
        machine_limits.release(kind, account, resource_id)


@contextmanager
def _explained(kind: Kind, name: str) -> Iterator[None]:
    """A block that creates; its errors leave it as CrudErrors."""
    try:
        yield
    except AmbiguousPurchaseError as error:
        raise CrudError(
            f"it is unknown whether {name!r} was created: {error}. Run `pulumi up` again: it searches for that name "
            "before it creates anything"
        ) from None
    except RefusedOrderError as error:
        raise CrudError(f"{error}. The next `pulumi up` searches for {name!r} before it creates anything") from None
    except ArgumentsChangedError as error:
        raise CrudError(_other_arguments_text(kind, name, error.instance_id, "other arguments")) from None
    except InterruptedWaitError:
        raise CrudError("interrupted; nothing was created") from None
    except (NotBoughtError, OrderInProgressError) as error:
        raise CrudError(f"nothing was created: {error}. Run `pulumi up` again") from None
    except (
        CloudError,
        DeletionUnconfirmedError,
        LimitsFileError,
        NotSentError,
        UnclaimedPurchaseError,
        _InUseError,
        machine_limits.LimitExceededError,
        quote_records.NoQuoteError,
    ) as error:
        raise CrudError(f"nothing was created: {error}") from None


def _plain_cloud(account: Account) -> PlainCloud[Any]:
    assert isinstance(account.cloud, PlainCloud)  # that of every CrudKind
    return account.cloud


def _changed_in_place(kind: Kind, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    defaults = kind.arguments.defaults
    return any(
        not equal_values(olds.get(key, defaults.get(key)), news.get(key, defaults.get(key)))
        for key in kind.arguments.updatable
    )


def _differing_from(kind: Kind, inputs: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """The arguments of a creation that differ from the reviewed ones; a name that check has made since is none."""
    made = session.current().generated_names.get(host.current_call().urn)
    changed = reviewed_inputs.changed_arguments(kind, inputs, shown)
    return [key for key in changed if key != NAME or inputs[NAME] != made]


def _program_inputs(kind: Kind, props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of the resource, without those that the host adds."""
    return {key: without_float(props[key]) for key in kind.inputs if key in props}


def _validated(kind: Kind, props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as check completed them. Raises CrudError for invalid ones: a policy's remediation comes after
    check."""
    given = {key: value for key, value in props.items() if key != "quote"}
    settled, problems = read_properties({**kind.arguments.defaults, **given}, kind.arguments)
    refusals = [f"{problem.property} {problem.reason}" for problem in problems]
    refusals += [f"{key} is missing" for key in kind.arguments if key not in settled]
    if kind.market is not None and "quote" not in props:
        refusals.append("it has no price, because it could not be asked for when the inputs were checked")
    if refusals:
        raise CrudError(f"refused, because the inputs differ from those that were checked: {'; '.join(refusals)}")
    return settled if kind.market is None else {**settled, "quote": props["quote"]}


def _detail(account: Account, resource_id: str, resource: Any | None) -> Any | None:
    """The resource for the outputs. Raises nothing, because its id has to get into the state; a refresh completes
    them."""
    with suppress(CloudError):
        return account.cloud.get_instance(resource_id) if resource is None else resource
    return None


def _outputs(
    kind: Kind, account: Account, inputs: Mapping[str, Any], resource: Any | None, olds: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The properties in the state: the inputs, the vendor's, and from `olds` those that the vendor tells only once."""
    known = {key: value for key, value in (olds or {}).items() if key in kind.told_once}
    vendors = {} if resource is None else kind.outputs(resource)
    own = {key: value for key, value in vendors.items() if key not in kind.arguments}
    return {**kind.arguments.omit_defaults(inputs), **known, **own, "account": account.fingerprint}

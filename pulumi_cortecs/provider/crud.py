"""The life of a plain resource: changed in place where the vendor can, and provably deleted. Its creation is in
crud_create.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from pulumi.dynamic import DiffResult, ReadResult, UpdateResult

from pulumi_cortecs.http.errors import CloudError, ConfigurationError, NotFoundError, RefusedError
from pulumi_cortecs.lifecycle.clock import InterruptedWaitError
from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError
from pulumi_cortecs.provider import accounts, host, machine_limits, quote_records, reviewed_inputs, session
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.attachments import holders_text
from pulumi_cortecs.provider.kind import CrudKind
from pulumi_cortecs.provider.named_resources import CREATED_AT, NAME, NamesakeError, require_same
from pulumi_cortecs.provider.plain_cloud import PlainCloud
from pulumi_cortecs.provider.properties import equal_values, has_unknown, read_properties, without_float

Kind = CrudKind[Any, Any]

_IN_USE_PAUSE: Final = 2.0
_MAY_BE_IN_USE: Final = frozenset({400, 409, 422, 423})
"""The statuses with which a vendor may refuse to delete what is in use."""


class CrudError(Exception):
    """A plain resource could not be created, changed, read or deleted. The text says what that means for the bill."""


class InUseError(Exception):
    """The instance `user` uses the resource, so that it is not deleted now."""

    def __init__(self, user: str) -> None:
        super().__init__(f"{user} uses it")
        self.user = user


def diff(kind: Kind, resource_id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> DiffResult:
    """Compares the arguments: the table decides between replacement and update. Other credentials than the state's are
    an update, too. The old resource goes first if both would have the same name. Sends no request."""
    accounts.confirm_known(kind, resource_id, olds.get("account"))
    before, after = _program_inputs(kind, olds), _program_inputs(kind, news)
    reviewed_inputs.update(host.current_call().urn, after)
    replaces = [key for key in kind.arguments.replacing if not equal_values(before.get(key), after.get(key))]
    if replaces or _changed_in_place(kind, before, after):
        has_same_name = bool(replaces) and NAME not in replaces
        return DiffResult(changes=None, replaces=replaces, delete_before_replace=has_same_name)
    return DiffResult(changes=accounts.credentials_changed(kind, olds.get("account")))


def read(kind: Kind, resource_id: str, props: Mapping[str, Any]) -> ReadResult:
    """The resource as it is; its inputs show the differences from the program.

    Only successful answers prove that it is gone. Raises CrudError if that is unknown, or if the resource to get does
    not exist."""
    is_recorded = "account" in props and not host.current_call().gets
    if is_recorded:
        accounts.confirm_known(kind, resource_id, props.get("account"))
    try:
        account = accounts.account(kind)
        account.require_owner(resource_id, props.get("account"))
        resource = account.find(resource_id)
        if resource is None:
            if is_recorded:
                account.log.record_gone(resource_id)  # its name may be chosen again
                return ReadResult("", {})
            raise CrudError(f"{kind.vendor} {kind.name} {resource_id!r} does not exist in this account")
        if is_recorded:
            _require_same(account, resource, props)
        recorded = _program_inputs(kind, props) if is_recorded else {}
        inputs = {**kind.arguments.defaults, **recorded, **account.cloud.reported_inputs(resource)}
        if kind.market is not None and "quote" not in inputs:
            inputs["quote"], _ = accounts.market(kind).quote(inputs)
    except (CloudError, NamesakeError) as error:
        raise CrudError(f"the status of {resource_id} is unknown, so the state stays as it was: {error}") from None
    warn(kind, inputs)
    properties = outputs(kind, account, inputs, resource, props)
    return ReadResult(resource_id, properties, kind.arguments.omit_defaults(inputs))


def update(kind: Kind, resource_id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> UpdateResult:
    """Changes the resource in place. Raises CrudError."""
    inputs = validated(kind, {**({"quote": olds["quote"]} if "quote" in olds else {}), **news})
    accounts.confirm_known(kind, resource_id, olds.get("account"))
    try:
        account = accounts.account(kind)
        account.require_owner(resource_id, olds.get("account"))
        if _changed_in_place(kind, _program_inputs(kind, olds), inputs):
            if CREATED_AT in olds and (live := account.cloud.get_instance(resource_id)) is not None:
                _require_same(account, live, olds)
            change(kind, account, resource_id, inputs)
    except NotFoundError:
        raise CrudError(
            f"{kind.vendor} does not know {resource_id} any more; `pulumi up --refresh` creates a new one"
        ) from None
    except (ConfigurationError, NamesakeError) as error:
        raise CrudError(f"nothing was changed: {error}") from None
    except CloudError as error:
        raise CrudError(f"{resource_id} may not have the wanted arguments: {error}") from None
    return UpdateResult(outputs(kind, account, inputs, detail(account, resource_id, None), olds))


def delete(kind: Kind, resource_id: str, props: Mapping[str, Any]) -> None:
    """Deletes the resource, and returns when it is certainly gone. One that is in use is waited for, because the
    deletion of an instance takes its time. Raises CrudError."""
    accounts.confirm_known(kind, resource_id, props.get("account"))
    try:
        account = accounts.account(kind)
        account.require_owner(resource_id, props.get("account"))
        delete_when_unused(kind, account, resource_id, lambda live: _require_same(account, live, props))
    except NamesakeError as error:
        raise CrudError(f"{resource_id} was not deleted: {error}") from None
    except (CloudError, DeletionUnconfirmedError, InUseError) as error:
        billed = " and be billed" if kind.market is not None else ""
        held = holders_text(kind, account, resource_id, getattr(error, "user", "")) if may_be_in_use(error) else ""
        raise CrudError(
            f"{resource_id} may still exist{billed}: {error}{held}. Run `pulumi destroy` again, or delete it in "
            f"{kind.possessive} console"
        ) from None
    except InterruptedWaitError:
        raise CrudError(f"interrupted; {resource_id} still exists") from None


def warn(kind: Kind, inputs: Mapping[str, Any]) -> None:
    """Shows the kind's warning of a resource with these inputs, once."""
    call = host.current_call()
    text = kind.warning(inputs, session.current().clock.utc_now())
    if text and session.current().is_first(f"{call.urn}: {text}"):
        call.warn(text)


def change(kind: Kind, account: Account, resource_id: str, inputs: Mapping[str, Any]) -> None:
    """Changes what the vendor can change in place. Raises CloudError."""
    assert kind.update is not None  # else no row of the table is one that changes in place
    try:
        kind.update(plain_cloud(account).client, resource_id, {key: inputs[key] for key in kind.arguments})
    finally:
        account.poller.mark_changed(resource_id)


def delete_when_unused(
    kind: Kind, account: Account, resource_id: str, compare: Callable[[Any], None] = lambda _: None
) -> None:
    """Deletes, and tries again while the resource is, or may be, in use, until `release_timeout`. `compare` is called
    with it before it is deleted.

    Raises CloudError, DeletionUnconfirmedError and InUseError.
    """
    clock = session.current().waiting_clock
    until, has_waited = clock.now() + kind.release_timeout, False

    def require_deletable(resource: Any) -> None:
        compare(resource)
        if reason := kind.undeletable(resource):
            raise DeletionUnconfirmedError(reason)
        if user := kind.used_by(resource):
            raise InUseError(user)

    while True:
        try:
            account.deletion().delete(resource_id, require_deletable)
            break
        except (RefusedError, InUseError) as error:
            if not may_be_in_use(error) or clock.now() > until:
                raise
            has_waited = True
            host.current_call().report_progress(f"waiting until it can be deleted: {error}")
        clock.sleep(min(_IN_USE_PAUSE, kind.release_timeout / 4))
        account.poller.mark_changed(resource_id)
    account.log.record_gone(resource_id)
    if kind.market is not None:
        machine_limits.release(kind, account, resource_id)
    if has_waited:  # the last progress stays on the row
        host.current_call().report_progress("waited until it could be deleted")


def may_be_in_use(error: Exception) -> bool:
    """Returns whether a deletion may have failed because something uses the resource."""
    return isinstance(error, InUseError) or (isinstance(error, RefusedError) and error.status in _MAY_BE_IN_USE)


def plain_cloud(account: Account) -> PlainCloud[Any]:
    """The account as that of a CrudKind."""
    assert isinstance(account.cloud, PlainCloud)  # that of every CrudKind
    return account.cloud


def _require_same(account: Account, resource: Any, props: Mapping[str, Any]) -> None:
    require_same(account, resource, host.current_call().urn, str(props.get(CREATED_AT, "")))


def _changed_in_place(kind: Kind, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return any(not equal_values(before.get(key), after.get(key)) for key in kind.arguments.updatable)


def _program_inputs(kind: Kind, props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of the resource, without those that the host adds, and with the defaults that states omit."""
    inputs = {key: without_float(props[key]) for key in kind.inputs if key in props}
    return kind.arguments.restore_defaults(inputs)


def validated(kind: Kind, props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as check completed them. Raises CrudError for invalid ones: a policy's remediation comes after
    check."""
    arguments = {key: value for key, value in props.items() if key != "quote"}
    settled, problems = read_properties({**kind.arguments.defaults, **arguments}, kind.arguments)
    refusals = [f"{problem.property} {problem.reason}" for problem in problems]
    refusals += [f"{key} is unknown" for key, value in settled.items() if has_unknown(value)]
    refusals += [f"{key} is missing" for key in kind.arguments if key not in settled]
    if kind.market is not None and "quote" not in props:
        refusals.append("it has no price, because it could not be asked for when the inputs were checked")
    if refusals:
        if unpriced := quote_records.unpriced_text(host.current_call().urn):
            raise CrudError(f"nothing was created: {unpriced}")
        raise CrudError(f"refused, because the inputs differ from those that were checked: {'; '.join(refusals)}")
    return settled if kind.market is None else {**settled, "quote": props["quote"]}


def detail(account: Account, resource_id: str, resource: Any | None) -> Any | None:
    """The resource for the outputs. Raises nothing, because its id has to get into the state; a refresh completes
    them."""
    with suppress(CloudError):
        return account.cloud.get_instance(resource_id) if resource is None else resource
    return None


def outputs(
    kind: Kind, account: Account, inputs: Mapping[str, Any], resource: Any | None, olds: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The properties in the state: the inputs, the vendor's, and from `olds` those that the vendor tells only once."""
    kept = {key: value for key, value in (olds or {}).items() if key in kind.told_once}
    vendors = {} if resource is None else kind.outputs(resource)
    own = {key: value for key, value in vendors.items() if key not in kind.arguments}
    return {**kind.arguments.omit_defaults(inputs), **kept, **own, "account": account.fingerprint}

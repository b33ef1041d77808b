"""The life of an Instance: bought at once, changed in place where the vendor can, and provably ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, UpdateResult

from pulumi_cortecs.cost.limits_file import LimitsFileError
from pulumi_cortecs.http.errors import CloudError, ConfigurationError
from pulumi_cortecs.lifecycle.clock import InterruptedWaitError
from pulumi_cortecs.lifecycle.cloud import Phase, UnknownStatusError
from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError
from pulumi_cortecs.lifecycle.order_log import OrderInProgressError
from pulumi_cortecs.lifecycle.order_recovery import ArgumentsChangedError
from pulumi_cortecs.lifecycle.purchases import (
    AmbiguousPurchaseError,
    NotBoughtError,
    NotSentError,
    PurchasedInstance,
    RecoveredInstance,
    RefusedOrderError,
)
from pulumi_cortecs.lifecycle.shared_rows import DeletionPlan
from pulumi_cortecs.lifecycle.times import timestamp_after
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError
from pulumi_cortecs.provider import (
    accounts,
    adoption,
    delivery,
    host,
    instance_records,
    machine_limits,
    ownership,
    power,
    quote_records,
    reviewed_inputs,
    session,
)
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.arguments import vendor_arguments, vendor_changes
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.properties import equal_values, read_properties, without_float


class InstanceError(Exception):
    """An instance could not be bought, changed, read or deleted. The text says what that means for the bill."""


def diff(kind: InstanceKind, instance_id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> DiffResult:
    """A change replaces or updates as the table of arguments says; nothing else counts, but for credentials that
    are not those of the state.

    Pure towards the vendor: refresh calls it too.
    """
    accounts.confirm_known(kind, instance_id)
    ownership.report_unclaimed(kind)
    instance_records.record_quote(instance_id, olds.get("quote"))
    instance_records.record_row(kind, instance_id, host.current_call().urn, olds)
    reviewed_inputs.update(host.current_call().urn, _program_inputs(kind, news))
    # what the vendor does not report of an adopted instance is in no row, and nothing that it could have changed to
    compared = [key for key in kind.arguments.replacing if (key in olds and key in news) or not news.get("adopt_id")]
    replaces = [key for key in compared if not equal_values(olds.get(key), news.get(key))]
    defaults = kind.arguments.defaults
    updatable = kind.arguments.updatable
    if replaces or any(
        not equal_values(olds.get(key, defaults[key]), news.get(key, defaults[key])) for key in updatable
    ):
        # None: the engine works the details out by itself, and replace_on_changes counts
        return DiffResult(changes=None, replaces=replaces)
    # another key: update tells a rotated one, which it records, from another account's, which it refuses
    return DiffResult(changes=accounts.credentials_changed(kind, olds.get("account")))


def create(kind: InstanceKind, props: Mapping[str, Any]) -> CreateResult:
    """Sends the order and returns at once with the id, whatever has come; nothing that can fail stands between the two.

    With `adopt_id` nothing is ordered. Raises InstanceError.
    """
    call, began_at = host.current_call(), session.current().clock.now()
    inputs = _validated(kind, props)
    shown = reviewed_inputs.get(call.urn)
    if shown is not None and (differing := reviewed_inputs.changed_arguments(kind, inputs, shown.inputs)):
        raise InstanceError(f"refused: {', '.join(differing)} would be bought otherwise than shown; nothing was bought")
    try:
        account = accounts.account(kind)
        account.require_usable_environment()
        if inputs["adopt_id"]:
            instance_id = _adopt(kind, account, inputs)
            return CreateResult(instance_id, _outputs(kind, inputs, instance_id, account, _expires_at(account, inputs)))
        # the CLI needs longer for the state than the vendor for market and list
        session.current().in_background(lambda: account.recovery.creations.read_ahead(call.urn, began_at))
        inputs["quote"] = quote_records.purchase_quote(kind, call.urn, inputs)
        account.purchases.list_ahead()
        bought = _buy(kind, account, inputs, began_at)
    except AmbiguousPurchaseError as error:
        raise InstanceError(_ambiguous_purchase_text(error)) from None
    except RefusedOrderError as error:
        raise InstanceError(
            f"{error}, which is no proof that nothing was bought: the next `pulumi up` looks again before it orders "
            "anything, and `pulumi-cortecs orphans --all-stacks` shows what no stack knows"
        ) from None
    except (ArgumentsChangedError, UnclaimedPurchaseError) as error:
        raise InstanceError(f"nothing was bought: {error}") from None
    except InterruptedWaitError:
        raise InstanceError("interrupted; nothing was bought") from None
    except NotSentError as error:
        raise InstanceError(f"nothing was bought: {error}") from None
    except (NotBoughtError, OrderInProgressError) as error:
        raise InstanceError(f"nothing was bought: {error}. Run `pulumi up` again") from None
    except (
        CloudError,
        UnknownStatusError,
        DeletionUnconfirmedError,
        LimitsFileError,
        machine_limits.LimitExceededError,
        quote_records.NoQuoteError,
    ) as error:
        raise InstanceError(f"nothing was bought: {error}") from None
    instance_id = bought.instance_id
    account.poller.mark_started(instance_id)
    if call.is_cancelled():
        undone = _undo_purchase(kind, account, instance_id, bought.inferred)
        raise InstanceError(f"the engine was gone when {instance_id} had been started: {undone}")
    instance_records.record_quote(instance_id, inputs["quote"])
    delivery.record_delivery(kind, account.cloud, bought, inputs)
    expires_at = _expires_at(account, inputs)
    return CreateResult(instance_id, _outputs(kind, inputs, instance_id, account, expires_at, bought.inferred))


def read(kind: InstanceKind, instance_id: str, props: Mapping[str, Any]) -> ReadResult:
    """The instance as it is; what differs from what is wanted shows through the inputs.

    Gone only by successful answers. Raises InstanceError when that is unknown, or when there is no such instance to
    get."""
    recorded = "instance_id" in props and not host.current_call().gets
    if recorded:
        accounts.confirm_known(kind, instance_id)
        ownership.report_unclaimed(kind)
    try:
        account = accounts.account(kind)
        account.require_owner(instance_id, props.get("account"))
        instance = account.find(instance_id)
        if instance is None:
            if recorded:
                return ReadResult("", {})
            raise InstanceError(f"there is no {kind.vendor} instance {instance_id!r} in this account")
        inputs = _inputs_as_found(kind, account, instance, props)
    except (CloudError, UnknownStatusError) as error:
        raise InstanceError(f"the status of {instance_id} is unknown, so the state stays as it was: {error}") from None
    outputs = _outputs(kind, inputs, instance_id, account, props.get("expires_at", ""), props.get("inferred"))
    return ReadResult(instance_id, outputs, kind.arguments.omit_defaults(inputs))


def update(kind: InstanceKind, instance_id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> UpdateResult:
    """Changes what the vendor can, and starts, stops or restarts in place. Raises InstanceError; what is not what was
    reviewed is not started, and what another stack has is not stopped."""
    inputs, inferred = _validated(kind, news), bool(olds.get("inferred"))
    accounts.confirm_known(kind, instance_id)
    changed = vendor_changes(kind.arguments, olds, inputs)
    costs = not changed.isdisjoint(kind.arguments.priced)
    if "quote" in olds and not costs and not (olds.get("state") == "stopped" and inputs["state"] == "running"):
        # only a change of the price is quoted again, and where a policy changed a new resource the inputs hold another
        # one's quote
        inputs["quote"] = olds["quote"]
    try:
        account = accounts.account(kind)
        account.require_owner(instance_id, olds.get("account"))
        if inputs["state"] == "running":
            account.require_usable_environment()
        live = account.cloud.get_instance(instance_id)
        if live is None:
            raise InstanceError(
                f"{kind.vendor} does not know {instance_id} any more; `pulumi up --refresh` notices and makes a new one"
            )
        if changed:
            _require_sole_owner(kind, instance_id, inferred, "changed")
            with _change(kind, account, live, olds, inputs) if costs else nullcontext():
                power.update(account, instance_id, inputs, changed)
        # a reading from before the change does not show it, and one from after it may be as old
        reported = {**account.cloud.reported_inputs(live), **{key: inputs[key] for key in changed}}
        if inputs["state"] == "stopped":
            if account.cloud.phase(live) is not Phase.STOPPED:
                _require_sole_owner(kind, instance_id, inferred)
                power.stop(account, instance_id)
        elif account.cloud.phase(live) is Phase.STOPPED:
            startable = adoption.inputs_for_start(kind, instance_id, reported, inputs)
            with machine_limits.enforce(kind, account, startable, instance_id):
                power.start(account, instance_id)
        elif not equal_values(olds.get("restart_trigger", ""), inputs.get("restart_trigger", "")):
            adoption.require_reviewed(kind, instance_id, reported, inputs)
            _require_sole_owner(kind, instance_id, inferred)
            with machine_limits.reserve_during_restart(kind, account, live):
                power.stop(account, instance_id)
                power.start(account, instance_id)
    except adoption.ReviewMismatchError as error:
        raise InstanceError(f"nothing was started: {error}. `pulumi up --refresh` shows what it is") from None
    except ConfigurationError as error:
        raise InstanceError(f"nothing was changed: {error}") from None
    except (LimitsFileError, machine_limits.LimitExceededError, quote_records.NoQuoteError) as error:
        raise InstanceError(f"{instance_id} was not {'changed' if costs else 'started'}: {error}") from None
    except (CloudError, UnknownStatusError) as error:
        raise InstanceError(f"{instance_id} may not be as wanted, and may be billed: {error}") from None
    instance_records.record_quote(instance_id, inputs["quote"])
    instance_records.record_row(kind, instance_id, host.current_call().urn, {**inputs, "inferred": inferred})
    expires_at = olds.get("expires_at", "")
    if not equal_values(olds.get("ttl", ""), inputs["ttl"]):  # counted from now: to prolong a life, write another span
        expires_at = _expires_at(account, inputs)
    return UpdateResult(_outputs(kind, inputs, instance_id, account, expires_at, inferred))


def delete(kind: InstanceKind, instance_id: str, props: Mapping[str, Any]) -> None:
    """Returns when the bill has provably ended. Raises InstanceError otherwise.

    An instance that has been adopted in this very run (a rename with adopt_id, or `up --replace`) is handed over, and
    so is one that another resource has adopted in a run that did not come to this deletion. One that is still to be
    adopted is refused (`delete_before_replace`), and so is one whose replacement create would not buy: neither is
    ended. One that another row of the stack has is left to the last of them, and one whose id was inferred from a list
    to the row of another stack that has it.
    """
    accounts.confirm_known(kind, instance_id)
    ownership.report_unclaimed(kind)

    def compare(live: Any) -> None:
        delivery.warn_if_deleted_differs(instance_id, account.cloud.reported_inputs(live), props)

    with ownership.announce_deletion(instance_id) as plan:
        if why := _reason_to_keep(kind, instance_id, props, plan):
            host.current_call().warn(f"{instance_id} was not ended: {why}")
            return
        try:
            account = accounts.account(kind)
            account.require_owner(instance_id, props.get("account"))
            account.deletion().delete(instance_id, compare)
            account.log.record_gone(instance_id)
            machine_limits.release(kind, account, instance_id)
        except (CloudError, DeletionUnconfirmedError) as error:
            raise InstanceError(
                f"{instance_id} may still exist and be billed: {error}. Run `pulumi destroy` again, or end it in "
                f"{kind.possessive} console"
            ) from None


def _reason_to_keep(kind: InstanceKind, instance_id: str, props: Mapping[str, Any], plan: DeletionPlan) -> str:
    """The reason not to delete: another resource has the instance and keeps it; "" for none. Raises InstanceError where
    it is not to be ended, nor to be let go."""
    urn = host.current_call().urn
    if (owner := adoption.claimed_by(instance_id)) is not None:
        return f"{owner} has adopted it in this run"
    keeper = adoption.owner_in_state(instance_id)
    if keeper is not None and keeper != urn:
        return f"{keeper} has adopted it"
    if adoption.is_requested(instance_id):
        raise InstanceError(
            f"{instance_id} was not ended: the program adopts it (adopt_id) in this run. Leave adopt_id out to have it "
            "replaced by a new one"
        )
    if not quote_records.is_purchasable(urn):  # `up --replace` with delete_before_replace
        raise InstanceError(
            f"{instance_id} was not ended: {kind.vendor} could not be reached when its replacement was checked, so "
            "that none would be bought. Run `pulumi up` again"
        )
    if props.get("inferred") and (row := ownership.row_in_other_stack(kind, instance_id, urn)) is not None:
        return f"{ownership.describe_row(row)} has it, and its id was only inferred here"
    if plan.keeper is not None:
        return f"{plan.keeper.urn} has it, too, and keeps it"
    ownership.warn_unread_state(plan)
    return ""


def _buy(kind: InstanceKind, account: Account, inputs: Mapping[str, Any], began_at: float) -> PurchasedInstance[Any]:
    """Buys, and returns the instance as the vendor reports it. `began_at` is when this creation began.

    Raises what OrderRecovery.recover, Purchases.buy and machine_limits.enforce raise, and InstanceError.
    """
    call = host.current_call()
    if inputs["state"] == "stopped":
        raise InstanceError("refused: it would be bought and booted, and state says 'stopped'; nothing was bought")

    key, ordered = accounts.order_key(call.urn), tuple(inputs[key] for key in kind.arguments.replacing)
    if (earlier := account.recovery.recover(key, ordered, began_at)) is not None:
        _take_over(kind, account, inputs, earlier)
        return earlier
    with machine_limits.enforce(kind, account, inputs) as pending_cost:
        is_awaited = call.context.is_active if call.context else None
        number = None if pending_cost is None else pending_cost.entry.number
        bought = account.purchases.buy(key, ordered, inputs, is_awaited, number)
        if pending_cost is not None:
            pending_cost.set_instance(bought.instance_id)
    if bought.inferred:
        call.warn(
            f"{bought.instance_id} was found in {kind.possessive} list, and no answer named it: of what is "
            "new there, only that fits what was ordered"
        )
    return bought


def _take_over(
    kind: InstanceKind, account: Account, inputs: Mapping[str, Any], earlier: RecoveredInstance[Any]
) -> None:
    """Makes what an earlier run has bought this resource's, running.

    Raises CloudError, UnknownStatusError and InstanceError.
    """
    live, call = earlier.instance, host.current_call()
    instance_id, reported = earlier.instance_id, account.cloud.reported_inputs(live)
    unreported = ", ".join(adoption.unreported_arguments(kind, reported))
    try:
        adoption.require_reviewed(kind, instance_id, reported, inputs)
        with machine_limits.enforce(kind, account, reported, instance_id):
            if account.cloud.phase(live) is Phase.STOPPED:
                if unreported:  # a journal may name whatever is stopped, and this is what would make it cost
                    raise adoption.ReviewMismatchError(
                        f"it is stopped, and {kind.vendor} does not report its {unreported}"
                    )
                power.start(account, instance_id)
    except (LimitsFileError, machine_limits.LimitExceededError, adoption.ReviewMismatchError) as error:
        raise InstanceError(
            f"{instance_id}, which an earlier run had just bought when it was ended, is there and is not taken over: "
            f"{error}. {_delete_hint(instance_id)}"
        ) from None
    # `up --replace` asks no diff: the engine may end as the old one what we have taken for the new one
    if (owner := adoption.claim(instance_id, call.urn)) is not None:
        raise InstanceError(f"{instance_id} has just been adopted by {owner}; two resources cannot own one instance")
    note = f"; no answer named it, and of what is in {kind.possessive} list only that fits" if earlier.inferred else ""
    note += f"; {kind.vendor} does not report its {unreported}, so that cannot be checked" if unreported else ""
    call.warn(f"{instance_id} is taken over: an earlier run was ended when it had just bought it{note}")


@contextmanager
def _change(
    kind: InstanceKind, account: Account, live: Any, olds: Mapping[str, Any], inputs: dict[str, Any]
) -> Iterator[None]:
    """A block that changes in place what the price depends on: it is quoted again, and entered only if the limits have
    room for what is billed more. Raises what quotes.purchase_quote and machine_limits.enforce raise."""
    inputs["quote"] = quote_records.purchase_quote(kind, host.current_call().urn, inputs)
    is_stopped = account.cloud.phase(live) is Phase.STOPPED
    before = _program_inputs(kind, olds)
    with machine_limits.enforce(kind, account, inputs, billed=not is_stopped, changes=before):
        yield


def _require_sole_owner(kind: InstanceKind, instance_id: str, inferred: bool, done: str = "stopped") -> None:
    """Raises InstanceError when the id was inferred from a list and a row of another stack has it."""
    if inferred and (row := ownership.row_in_other_stack(kind, instance_id, host.current_call().urn)) is not None:
        raise InstanceError(
            f"{instance_id} was not {done}: {ownership.describe_row(row)} has it, and here its id was only inferred "
            "from a list. To buy one for this resource, take it out of the program, which ends nothing, and put it "
            "back in"
        )


def _undo_purchase(kind: InstanceKind, account: Account, instance_id: str, inferred: bool) -> str:
    """Deletes an instance that no resource will own. Returns the outcome as text."""
    if inferred and (row := ownership.row_in_other_stack(kind, instance_id, host.current_call().urn)) is not None:
        return f"{ownership.describe_row(row)} has it, so it was not ended"
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


def _adopt(kind: InstanceKind, account: Account, inputs: Mapping[str, Any]) -> str:
    """Takes over what check looked at, if it still is as it was; its id.

    Raises CloudError, UnknownStatusError, LimitsFileError, LimitExceededError and InstanceError.
    """
    instance_id = str(inputs["adopt_id"])
    live = account.find(instance_id, not_before=account.clock.now())
    if live is None:
        raise InstanceError(f"there is no {kind.vendor} instance {instance_id!r} to adopt any more; nothing was bought")
    reported = account.cloud.reported_inputs(live)
    _, problems = adoption.complete_from_instance(kind, instance_id, reported, account.state_of(live), inputs)
    reasons = [f"{problem.property}: {problem.reason}" for problem in problems]
    other = [key for key in kind.arguments.replacing if (key in reported) != (key in inputs)]
    reasons += [f"{key}: it is reported only now, or not any more" for key in other]
    if reasons:
        raise InstanceError(f"{instance_id} is not what was shown, so it was not adopted: {'; '.join(reasons)}")
    with machine_limits.enforce(kind, account, reported, instance_id, billed=inputs["state"] == "running"):
        pass  # nothing is ordered
    if (owner := adoption.claim(instance_id, host.current_call().urn)) is not None:
        raise InstanceError(f"{instance_id} has just been adopted by {owner}; two resources cannot own one instance")
    account.log.record_adopted(accounts.order_key(host.current_call().urn), instance_id)
    instance_records.record_quote(instance_id, inputs["quote"])
    instance_records.record_row(kind, instance_id, host.current_call().urn, inputs)
    return instance_id


def _program_inputs(kind: InstanceKind, props: Mapping[str, Any]) -> dict[str, Any]:
    """Our inputs out of what the host passes."""
    return {key: without_float(props[key]) for key in kind.inputs if key in props}


def _validated(kind: InstanceKind, props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as check settled them. Raises InstanceError for any others.

    A policy's remediation comes after check, and on a new resource nothing else looks at what it made of them.
    """
    defaults = kind.arguments.defaults
    props = {**{key: defaults[key] for key in (*kind.arguments.omitted_when_default, "on_timeout")}, **props}
    settled, problems = read_properties({key: value for key, value in props.items() if key != "quote"}, kind.arguments)
    looked_at = props["adopt_id"] and "quote" in props  # then what is missing is what the vendor does not report
    unreported = {key for key in vendor_arguments(kind.arguments) if looked_at and key not in props}
    refusals = [f"{problem.property} {problem.reason}" for problem in problems if problem.property not in unreported]
    refusals += [
        f"{key} is missing"
        for key in kind.inputs
        if key not in props and key not in {*kind.arguments.required, *unreported}
    ]
    if refusals:
        raise InstanceError(f"refused, because this is not what was checked: {'; '.join(refusals)}")
    return {**{key: value for key, value in settled.items() if key not in unreported}, "quote": props["quote"]}


def _inputs_as_found(kind: InstanceKind, account: Account, instance: Any, props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that describe the instance as it is, so that drift shows as a change of inputs."""
    recorded = "instance_id" in props  # what is only looked at was never ordered, whatever a program says of it
    replacing = kind.arguments.replacing
    inputs = {key: value for key, value in _program_inputs(kind, props).items() if recorded or key not in replacing}
    inputs |= account.cloud.reported_inputs(instance)
    inputs["state"] = account.state_of(instance)
    for key, value in kind.arguments.other_defaults.items():
        inputs.setdefault(key, value)
    if any(key not in inputs for key in replacing):  # nothing here has ordered it: the next start must not believe so
        inputs["adopt_id"] = account.cloud.id_of(instance)
    if "quote" not in inputs:
        inputs["quote"], _ = accounts.market(kind).quote(inputs)
    return inputs


def _expires_at(account: Account, inputs: Mapping[str, Any]) -> str:
    """When its time is over by the vendor's clock, counted from now; "" where it has no end."""
    return timestamp_after(inputs["ttl"], account.vendor_now())


def _outputs(
    kind: InstanceKind,
    inputs: Mapping[str, Any],
    instance_id: str,
    account: Account,
    expires_at: str,
    inferred: object = False,
) -> dict[str, Any]:
    """The properties of an instance in the state; those that do not apply are left out."""
    outputs = {**kind.arguments.omit_defaults(inputs), "instance_id": instance_id, "account": account.fingerprint}
    if expires_at:
        outputs["expires_at"] = expires_at
    return {**outputs, "inferred": True} if inferred else outputs


def _ambiguous_purchase_text(error: AmbiguousPurchaseError) -> str:
    if not error.candidates:
        return (
            f"whether something was bought is unknown: {error}. Run `pulumi up` again: it looks for it "
            "before it buys anything. Should the resource go instead, `pulumi-cortecs orphans --all-stacks` shows what "
            "is left"
        )
    ids = " ".join(error.candidates)
    return (
        f"what was bought is ambiguous: {error}: {', '.join(error.candidates)}. `pulumi-cortecs orphans "
        "--all-stacks` shows which of them no stack knows. Before you run `pulumi up` again, say adopt_id='ID' for the "
        "one that is this resource's, and end what nothing uses: `pulumi-cortecs orphans --all-stacks --delete ID`. "
        f"What is in use elsewhere is left alone from then on: `pulumi-cortecs orphans --keep {ids}`"
    )


def _delete_hint(instance_id: str) -> str:
    return f"`pulumi-cortecs orphans --all-stacks --delete {instance_id}` ends it"

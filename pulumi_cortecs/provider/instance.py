"""The life of an Instance: bought at once, changed in place where the vendor can, and provably ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, UpdateResult

from pulumi_cortecs.cost.limits_file import LimitsFileError
from pulumi_cortecs.http.errors import CloudError, ConfigurationError
from pulumi_cortecs.lifecycle import engine_cli
from pulumi_cortecs.lifecycle.clock import InterruptedWaitError
from pulumi_cortecs.lifecycle.cloud import (
    CanReboot,
    HasDetail,
    HasTasks,
    NamesInstances,
    Phase,
    UnknownStatusError,
)
from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError
from pulumi_cortecs.lifecycle.labels import Labels, labels_of_purchase
from pulumi_cortecs.lifecycle.order_log import OrderInProgressError
from pulumi_cortecs.lifecycle.order_recovery import ArgumentsChangedError
from pulumi_cortecs.lifecycle.purchases import (
    AmbiguousPurchaseError,
    NameRefusedError,
    NotBoughtError,
    NotSentError,
    PurchasedInstance,
    RefusedOrderError,
)
from pulumi_cortecs.lifecycle.shared_rows import DeletionPlan
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError
from pulumi_cortecs.provider import (
    accounts,
    adoption,
    attachments,
    delivery,
    host,
    instance_end,
    instance_records,
    machine_limits,
    named_resources,
    ownership,
    power,
    quote_records,
    reviewed_inputs,
    session,
)
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.arguments import LABELS, updatable_by_vendor, vendor_arguments, vendor_changes
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.properties import equal_values, has_unknown, read_properties, without_float
from pulumi_cortecs.provider.secret_values import mark_secrets
from pulumi_cortecs.provider.take_over import TakeOverError, changed_in_place, take_over
from pulumi_cortecs.provider.undo import undo_purchase


class InstanceError(Exception):
    """An instance could not be bought, changed, read or deleted. The text says what that means for the bill."""


def diff(kind: InstanceKind, instance_id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> DiffResult:
    """Compares the arguments: the table of arguments decides between replacement and update. Other credentials than the
    state's are an update, too.

    Pure towards the vendor: refresh calls it too.
    """
    accounts.confirm_known(kind, instance_id, olds.get("account"))
    ownership.report_unclaimed(kind)
    instance_records.record_quote(kind, instance_id, olds.get("quote"))
    instance_records.record_row(kind, instance_id, host.current_call().urn, olds)
    reviewed_inputs.update(host.current_call().urn, kind.arguments.restore_defaults(_program_inputs(kind, news)))
    # an argument that the vendor does not report of an adopted instance is in no row, so that it cannot have changed
    compared = [key for key in kind.arguments.replacing if (key in olds and key in news) or not news.get("adopt_id")]
    replaces = [key for key in compared if not equal_values(olds.get(key), news.get(key))]
    defaults = kind.arguments.defaults
    updatable = kind.arguments.updatable
    if replaces or any(
        not equal_values(olds.get(key, defaults.get(key)), news.get(key, defaults.get(key))) for key in updatable
    ):
        # None: the engine computes the details itself, and replace_on_changes counts
        return DiffResult(changes=None, replaces=replaces)
    # another key: update records a rotated one, and refuses that of another account
    return DiffResult(changes=accounts.credentials_changed(kind, olds.get("account")))


def create(kind: InstanceKind, props: Mapping[str, Any]) -> CreateResult:
    """Sends the order and returns the id at once, whatever was delivered; nothing between the two can fail.

    With `adopt_id` it orders nothing. Raises InstanceError.
    """
    call, began_at = host.current_call(), session.current().clock.now()
    inputs = _validated(kind, props)
    shown = reviewed_inputs.get(call.urn)
    if shown is not None and (differing := named_resources.changed_since_review(kind, inputs, shown.inputs)):
        raise InstanceError(
            f"refused: {', '.join(differing)} would differ from what the plan showed; nothing was bought"
        )
    try:
        account = accounts.account(kind)
        account.require_usable_environment()
        if inputs["adopt_id"]:
            instance_id, expires_at, created_at = _adopt(kind, account, inputs)
            return CreateResult(instance_id, _outputs(kind, inputs, instance_id, account, expires_at, olds=created_at))
        attachments.wait_until_free(account, inputs)  # before the price is asked for
        # the CLI takes longer for the state than the vendor for the market; the list is not taken until then, because
        # the older it is, the more may have been bought by others since
        session.current().in_background(lambda: account.recovery.creations.read_ahead(call.urn, began_at))
        quote = quote_records.purchase_quote(kind, inputs)
        vendor_end = instance_end.end_at_vendor(account, {}, inputs)
        bought, labels = _buy(kind, account, {**inputs, **vendor_end}, quote, began_at)
    except AmbiguousPurchaseError as error:
        raise InstanceError(_ambiguous_purchase_text(error)) from None
    except RefusedOrderError as error:
        raise InstanceError(
            f"{error}{_availability_text(kind, inputs, error.code)}. The order may have been carried out in spite of "
            "it: the next `pulumi up` checks that before it orders anything, and `pulumi-cortecs orphans --all-stacks` "
            "lists the instances that no stack owns"
        ) from None
    except TakeOverError as error:
        raise InstanceError(str(error)) from None
    except NameRefusedError as error:
        raise InstanceError(
            f"it is unknown whether {inputs[named_resources.NAME]!r} was bought: {error}. The next `pulumi up` says "
            f"what has that name; adopt_id={inputs[named_resources.NAME]!r} takes it over"
        ) from None
    except named_resources.NameTakenError as error:
        raise InstanceError(
            f"{error}. adopt_id={inputs[named_resources.NAME]!r} takes it over. Nothing was bought"
        ) from None
    except (ArgumentsChangedError, UnclaimedPurchaseError, attachments.NotOrderableError) as error:
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
    instance_id, inputs["quote"] = bought.instance_id, quote
    account.poller.mark_started(instance_id)
    if call.is_cancelled():
        undone = _undo_purchase(kind, account, instance_id, bought.inferred)
        raise InstanceError(f"the engine exited before it received {instance_id}: {undone}")
    instance_records.record_quote(kind, instance_id, inputs["quote"])
    delivery.record_delivery(kind, account.cloud, bought, inputs)
    expires_at = vendor_end.get("expires_at", instance_end.expires_at(account, inputs))
    outputs = _outputs(
        *(kind, inputs, instance_id, account, expires_at, bought.inferred, labels.purchase),
        {named_resources.CREATED_AT: named_resources.creation_time(account, bought.instance)},
    )
    return CreateResult(instance_id, outputs)


def read(kind: InstanceKind, instance_id: str, props: Mapping[str, Any]) -> ReadResult:
    """The instance as it is; its inputs show the differences from the program.

    Only successful answers prove that it is gone. Raises InstanceError if that is unknown, or if the instance to get
    does not exist."""
    recorded = "instance_id" in props and not host.current_call().gets
    if recorded:
        accounts.confirm_known(kind, instance_id, props.get("account"))
        ownership.report_unclaimed(kind)
    try:
        account = accounts.account(kind)
        account.require_owner(instance_id, props.get("account"))
        instance = account.find(instance_id)
        if instance is None:
            if recorded:
                instance_end.report_end(account, instance_id, str(props.get("expires_at", "")))
                account.log.record_gone(instance_id)  # its id may be used again, as a name is
                return ReadResult("", {})
            raise InstanceError(f"{kind.vendor} instance {instance_id!r} does not exist in this account")
        if recorded:
            named_resources.require_same(account, instance, host.current_call().urn, _created_at(props))
        expires_at = str(props.get("expires_at", ""))
        detail = None
        if isinstance(account.cloud, HasDetail) and account.cloud.needs_detail(props):
            detail = account.find_detail(instance_id)
        if detail is not None and (props.get("ttl") or expires_at):
            expires_at = instance_end.end_as_found(account, detail, expires_at)
        inputs = _inputs_as_found(kind, account, instance, detail, props)
    except (CloudError, UnknownStatusError, named_resources.NamesakeError) as error:
        raise InstanceError(f"the status of {instance_id} is unknown, so the state stays as it was: {error}") from None
    recorded_outputs = (props.get("inferred"), props.get("purchase_labels"))
    olds = {named_resources.CREATED_AT: named_resources.creation_time(account, instance), **props}
    outputs = _outputs(kind, inputs, instance_id, account, expires_at, *recorded_outputs, olds)
    inputs = kind.arguments.omit_defaults(inputs)
    return ReadResult(instance_id, mark_secrets(kind, outputs, props), mark_secrets(kind, inputs, props))


def update(kind: InstanceKind, instance_id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> UpdateResult:
    """Changes, starts, stops or restarts the instance in place. Raises InstanceError. An instance that differs from the
    reviewed inputs is not started, and one that another stack has is not stopped. If only labels have changed, the
    instance stays as it is, whatever it has become meanwhile."""
    inputs, inferred = _validated(kind, news), bool(olds.get("inferred"))
    accounts.confirm_known(kind, instance_id, olds.get("account"))
    changed = vendor_changes(kind.arguments, olds, inputs)
    before = {**kind.arguments.defaults, **olds}
    updated = {key for key in kind.arguments.updatable if not equal_values(before.get(key), inputs.get(key))}
    costs = not changed.isdisjoint(kind.arguments.priced)
    is_new_ttl = "ttl" in updated
    if "quote" in olds and not costs and not (olds.get("state") == "stopped" and inputs["state"] == "running"):
        # only a change of the price is quoted again, and where a policy changed a new resource the inputs hold the
        # quote of other arguments
        inputs["quote"] = olds["quote"]
    try:
        account = accounts.account(kind)
        account.require_owner(instance_id, olds.get("account"))
        vendor_end = instance_end.end_at_vendor(account, olds, inputs)
        if vendor_end and is_new_ttl:
            changed |= {"ttl"}
        former = Labels(olds.get(LABELS, {}), olds.get("purchase_labels", {}))
        # first: if it fails, nothing is restarted twice
        power.update_labels(account, instance_id, former, inputs[LABELS])
        if updated != {LABELS}:
            _update_instance(kind, account, instance_id, olds, inputs, changed, vendor_end)
    except adoption.ReviewMismatchError as error:
        raise InstanceError(f"nothing was started: {error}. `pulumi up --refresh` shows its arguments") from None
    except (ConfigurationError, attachments.NotOrderableError, named_resources.NamesakeError) as error:
        raise InstanceError(f"nothing was changed: {error}") from None
    except (LimitsFileError, machine_limits.LimitExceededError, quote_records.NoQuoteError) as error:
        raise InstanceError(f"{instance_id} was not {'changed' if costs else 'started'}: {error}") from None
    except (CloudError, UnknownStatusError) as error:
        raise InstanceError(f"{instance_id} may not have the wanted state, and may be billed: {error}") from None
    instance_records.record_quote(kind, instance_id, inputs["quote"])
    recorded = {"inferred": inferred, "task": _task(account, instance_id, olds), "created_at": _created_at(olds)}
    row = {**inputs, **recorded}
    instance_records.record_row(kind, instance_id, host.current_call().urn, row)
    expires_at = vendor_end.get("expires_at", olds.get("expires_at", ""))
    if is_new_ttl and not vendor_end:  # counted from now: another ttl prolongs the life
        expires_at = instance_end.expires_at(account, inputs)
    outputs = _outputs(kind, inputs, instance_id, account, expires_at, inferred, olds.get("purchase_labels"), olds)
    return UpdateResult(outputs)


def delete(kind: InstanceKind, instance_id: str, props: Mapping[str, Any]) -> None:
    """Deletes the instance, and returns when its billing has provably ended. Raises InstanceError otherwise.

    An instance that another resource adopts is not deleted: neither one adopted in this run (a rename with adopt_id, or
    `up --replace`), nor one adopted in an earlier run that did not reach this deletion. The deletion is refused if a
    resource is still going to adopt the instance (`delete_before_replace`), or if create would not buy its replacement.
    If several rows of the stack have the instance, only the last of them deletes it; one whose id was inferred from a
    list is left to a row of another stack that has it.
    """
    accounts.confirm_known(kind, instance_id, props.get("account"))
    ownership.report_unclaimed(kind)

    def compare(live: Any) -> None:
        named_resources.require_same(account, live, host.current_call().urn, _created_at(props))
        delivery.warn_if_deleted_differs(kind, instance_id, account.cloud.reported_like(live, props), props)

    with ownership.announce_deletion(instance_id) as plan:
        if why := _reason_to_keep(kind, instance_id, props, plan):
            host.current_call().warn(f"{instance_id} was not deleted: {why}")
            return
        try:
            account = accounts.account(kind)
            account.require_owner(instance_id, props.get("account"))
            account.deletion().delete(instance_id, compare)
            account.log.record_gone(instance_id)
            machine_limits.release(kind, account, instance_id)
        except named_resources.NamesakeError as error:
            raise InstanceError(f"{instance_id} was not deleted: {error}") from None
        except (CloudError, DeletionUnconfirmedError) as error:
            raise InstanceError(
                f"{instance_id} may still exist and be billed: {error}. Run `pulumi destroy` again, or delete it in "
                f"{kind.possessive} console"
            ) from None


def _reason_to_keep(kind: InstanceKind, instance_id: str, props: Mapping[str, Any], plan: DeletionPlan) -> str:
    """The reason why the row goes without a deletion: another resource has the instance and keeps it; "" for none.
    Raises InstanceError where the row has to stay."""
    urn = host.current_call().urn
    if (owner := adoption.claimed_by(kind, instance_id)) is not None:
        return f"{owner} has adopted it in this run"
    keeper = adoption.owner_in_state(kind, instance_id)
    if keeper is not None and keeper != urn:
        return f"{keeper} has adopted it"
    if adoption.is_requested(kind, instance_id):
        raise InstanceError(
            f"{instance_id} was not deleted: the program adopts it (adopt_id) in this run. Leave adopt_id out to "
            "have it replaced by a new one"
        )
    if not quote_records.is_purchasable(urn):  # `up --replace` with delete_before_replace
        raise InstanceError(
            f"{instance_id} was not deleted: {kind.vendor} could not be reached when its replacement was checked, so "
            "create would not buy one. Run `pulumi up` again"
        )
    if props.get("inferred") and (row := ownership.row_in_other_stack(kind, instance_id, urn)) is not None:
        return f"{ownership.describe_row(row)} has it, and its id was only inferred here"
    if plan.keeper is not None:
        return f"{plan.keeper.urn} has it, too, and keeps it"
    ownership.warn_unread_state(plan)
    return ""


def _update_instance(
    kind: InstanceKind,
    account: Account,
    instance_id: str,
    olds: Mapping[str, Any],
    inputs: dict[str, Any],
    changed: frozenset[str],
    vendor_end: Mapping[str, str],
) -> None:
    """Changes the arguments `changed` at the vendor, and starts, stops or restarts the instance. `vendor_end`: see
    instance_end.end_at_vendor."""
    inferred = bool(olds.get("inferred"))
    if inputs["state"] == "running":
        account.require_usable_environment()
    live = account.cloud.get_instance(instance_id)
    if live is None:
        raise InstanceError(
            f"{kind.vendor} does not know {instance_id} any more; `pulumi up --refresh` creates a new one"
        )
    if manager := account.cloud.manager_of(live):
        raise InstanceError(f"{instance_id} was not changed: {manager} manages it")
    named_resources.require_same(account, live, host.current_call().urn, _created_at(olds))
    live_inputs = account.cloud.reported_inputs(live)
    costs = not changed.isdisjoint(kind.arguments.priced)
    if changed:
        _require_sole_owner(kind, instance_id, inferred, "changed")
        if costs:
            changed |= _drifted(kind, account, live, inputs)
            attachments.require_orderable(account, inputs, live_inputs)
        with _change(kind, account, live, live_inputs, inputs) if costs else nullcontext():
            power.update(account, instance_id, {**inputs, **vendor_end}, changed)
    starts = inputs["state"] == "running" and account.cloud.phase(live) is Phase.STOPPED
    spelled = quote_records.quoted_now(kind, inputs) if starts else inputs
    # a reading from before the change does not show it, and one from after it may be as old
    reported = {**account.cloud.reported_like(live, spelled), **{key: inputs[key] for key in changed if key != "ttl"}}
    if inputs["state"] == "stopped":
        if account.cloud.phase(live) is not Phase.STOPPED:
            _require_sole_owner(kind, instance_id, inferred)
            power.stop(account, instance_id)
    elif starts:
        startable = adoption.inputs_for_start(kind, instance_id, reported, inputs)
        quote_records.require_max_price(inputs, spelled["quote"])
        with machine_limits.enforce(kind, account, startable, instance_id):
            power.start(account, instance_id)
    elif not equal_values(olds.get("restart_trigger", ""), inputs.get("restart_trigger", "")):
        adoption.require_reviewed(kind, instance_id, reported, inputs)
        _require_sole_owner(kind, instance_id, inferred)
        if isinstance(account.cloud, CanReboot):
            power.reboot(account, instance_id)
            return
        with machine_limits.reserve_during_restart(kind, account, live):
            power.stop(account, instance_id)
            power.start(account, instance_id)


def _purchase_labels(urn: str) -> dict[str, str]:
    """The labels that a purchase notes by itself. Raises nothing: they must not prevent it."""
    try:
        return labels_of_purchase(urn, engine_cli.current_cli().environment)
    except Exception:
        return {}


def _buy(
    kind: InstanceKind, account: Account, inputs: Mapping[str, Any], quote: Any, began_at: float
) -> tuple[PurchasedInstance[Any], Labels]:
    """Buys, and returns the instance as the vendor reports it, and its labels. `quote`: that of this moment;
    `began_at`: the time at which this creation began. What an earlier run has bought is taken over at any price.

    Raises what OrderRecovery.recover, quote_records.require_shown, machine_limits.enforce and Purchases.buy raise, and
    InstanceError.
    """
    call = host.current_call()
    if inputs["state"] == "stopped":
        raise InstanceError(
            "refused: state is 'stopped', but a new instance is always booted; nothing was bought. Leave state "
            "out, and stop it later"
        )

    # its names of regions count: a policy's remediation may have changed the other quote
    shown, inputs = inputs, {**inputs, "quote": quote}
    key, ordered = accounts.order_key(call.urn), account.cloud.arguments_of(inputs)
    if ordered is None:
        raise InstanceError("refused: an argument of the order is unknown; nothing was bought")
    owns_name = True
    if isinstance(account.cloud, NamesInstances):
        name = str(inputs[named_resources.NAME])
        owns_name = named_resources.is_generated(call.urn, name)
        earlier = named_resources.recover_by_name(account, key, ordered, name, began_at)
    else:
        earlier = account.recovery.recover(key, ordered, began_at)
    if earlier is not None:
        return take_over(kind, account, inputs, earlier, shown)
    attachments.require_orderable(account, inputs)
    quote_records.require_shown(kind, call.urn, shown, quote)
    labels = Labels(inputs[LABELS], _purchase_labels(call.urn))
    with machine_limits.enforce(kind, account, inputs) as pending_cost:
        is_awaited = call.context.is_active if call.context else None
        number = None if pending_cost is None else pending_cost.entry.number
        bought = account.purchases.buy(key, ordered, inputs, is_awaited, number, labels, owns_name=owns_name)
        if pending_cost is not None:
            pending_cost.set_instance(bought.instance_id)
    if bought.inferred:
        call.warn(
            f"{bought.instance_id} was identified by {kind.possessive} list, because no answer named it: it is the "
            "only new instance there that fits the order"
        )
    return bought, labels


@contextmanager
def _change(
    kind: InstanceKind, account: Account, live: Any, live_inputs: Mapping[str, Any], inputs: dict[str, Any]
) -> Iterator[None]:
    """A block that changes priced arguments in place: it is quoted again, and entered only if the limits have room for
    the difference from what the vendor reports (`live_inputs`): a state may say that it costs more already. Raises what
    quote_records.purchase_quote, its require_shown and machine_limits.enforce raise."""
    quote = quote_records.purchase_quote(kind, inputs)
    quote_records.require_shown(kind, host.current_call().urn, inputs, quote)
    inputs["quote"] = quote
    is_stopped = account.cloud.phase(live) is Phase.STOPPED
    with machine_limits.enforce(kind, account, inputs, billed=not is_stopped, changes=live_inputs):
        yield


def _drifted(kind: InstanceKind, account: Account, live: Any, inputs: Mapping[str, Any]) -> frozenset[str]:
    """The priced arguments of which the vendor reports another value: the price of a change holds only if it sets them,
    too."""
    reported = account.cloud.reported_like(live, inputs)
    keys = {*updatable_by_vendor(kind.arguments)} & {*kind.arguments.priced} & reported.keys() & inputs.keys()
    return frozenset(key for key in keys if not equal_values(reported[key], inputs[key]))


def _require_sole_owner(kind: InstanceKind, instance_id: str, inferred: bool, done: str = "stopped") -> None:
    """Raises InstanceError when the id was inferred from a list and a row of another stack has it."""
    if inferred and (row := ownership.row_in_other_stack(kind, instance_id, host.current_call().urn)) is not None:
        raise InstanceError(
            f"{instance_id} was not {done}: {ownership.describe_row(row)} has it, and here its id was only inferred "
            "from a list. To buy one for this resource, remove it from the program, which deletes nothing, and add it "
            "again"
        )


def _undo_purchase(kind: InstanceKind, account: Account, instance_id: str, inferred: bool) -> str:
    """Deletes an instance that no resource will own. Returns the outcome as text."""
    if inferred and (row := ownership.row_in_other_stack(kind, instance_id, host.current_call().urn)) is not None:
        return f"{ownership.describe_row(row)} has it, so it was not deleted"
    return undo_purchase(kind, account, instance_id)


def _adopt(kind: InstanceKind, account: Account, inputs: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    """Adopts the instance that check has looked at, if it has not changed. What the program gives and check cannot
    compare, because only the answer by id has it, is changed in place. Returns its id, its end, and the properties of
    its row that only the vendor knows.

    Raises CloudError, UnknownStatusError, LimitsFileError, LimitExceededError and InstanceError.
    """
    instance_id = str(inputs["adopt_id"])
    live = account.find(instance_id, not_before=account.clock.now())
    if live is None:
        raise InstanceError(
            f"{kind.vendor} instance {instance_id!r}, which adopt_id names, does not exist any more; nothing was bought"
        )
    if manager := account.cloud.manager_of(live):
        raise InstanceError(f"{instance_id} was not adopted: {manager} manages it")
    reported = account.cloud.reported_like(live, quote_records.quoted_now(kind, inputs))
    _, problems = adoption.complete_from_instance(kind, instance_id, reported, account.state_of(live), inputs)
    reasons = [f"{problem.property}: {problem.reason}" for problem in problems]
    other = [
        key
        for key in kind.arguments.replacing
        if (key in reported) != (key in inputs) and key not in kind.arguments.omitted_when_default
    ]
    reasons += [f"{key}: reported either only before or only now" for key in other]
    if reasons:
        raise InstanceError(f"{instance_id} is not what the plan showed, so it was not adopted: {'; '.join(reasons)}")
    with machine_limits.enforce(kind, account, reported, instance_id, billed=inputs["state"] == "running"):
        pass  # orders nothing
    power.update_labels(account, instance_id, account.log.labels_of(instance_id), inputs[LABELS])
    if (owner := adoption.claim(kind, instance_id, host.current_call().urn)) is not None:
        raise InstanceError(f"{instance_id} has just been adopted by {owner}; two resources cannot own one instance")
    account.log.record_adopted(accounts.order_key(host.current_call().urn), instance_id)
    instance_records.record_quote(kind, instance_id, inputs["quote"])
    instance_records.record_row(kind, instance_id, host.current_call().urn, inputs)
    in_place = (key for key in updatable_by_vendor(kind.arguments) if key in inputs)
    set_by_program = frozenset(key for key in in_place if not kind.arguments.is_default(key, inputs[key]))
    changed = changed_in_place(account, live, inputs, set_by_program)
    expires_at = instance_end.adopted_end(kind, account, instance_id, inputs, changed)
    return instance_id, expires_at, {named_resources.CREATED_AT: named_resources.creation_time(account, live)}


def _program_inputs(kind: InstanceKind, props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of the resource, without those that the host adds."""
    return {key: without_float(props[key]) for key in kind.inputs if key in props}


def _validated(kind: InstanceKind, props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as check completed them. Raises InstanceError for invalid ones.

    A policy's remediation comes after check, and nothing else validates its result for a new resource.
    """
    defaults = kind.arguments.defaults
    props = {**{key: defaults[key] for key in (*kind.arguments.omitted_when_default, "on_timeout")}, **props}
    settled, problems = read_properties({key: value for key, value in props.items() if key != "quote"}, kind.arguments)
    looked_at = props["adopt_id"] and "quote" in props  # then a missing argument is one that the vendor does not report
    unreported = {key for key in vendor_arguments(kind.arguments) if looked_at and key not in props}
    refusals = [f"{problem.property} {problem.reason}" for problem in problems if problem.property not in unreported]
    refusals += [f"{key} is unknown" for key, value in settled.items() if has_unknown(value) and key not in unreported]
    refusals += [
        f"{key} is missing"
        for key in kind.inputs
        if key not in props and key not in {*kind.arguments.required, *unreported}
    ]
    if refusals:
        if unpriced := quote_records.unpriced_text(host.current_call().urn):
            raise InstanceError(f"nothing was bought: {unpriced}")
        raise InstanceError(f"refused, because the inputs differ from those that were checked: {'; '.join(refusals)}")
    return {**{key: value for key, value in settled.items() if key not in unreported}, "quote": props["quote"]}


def _inputs_as_found(
    kind: InstanceKind, account: Account, row: Any, detail: Any | None, props: Mapping[str, Any]
) -> dict[str, Any]:
    """The inputs that describe the instance as it is, so that drift shows as a change of inputs. Without a `detail`,
    those that only it has are no drift: they stay as they are recorded."""
    instance = row if detail is None else detail
    recorded = "instance_id" in props  # an instance that is only read was never ordered, whatever a program says
    replacing = kind.arguments.replacing
    inputs = {key: value for key, value in _program_inputs(kind, props).items() if recorded or key not in replacing}
    inputs |= account.cloud.reported_like(instance, props)
    if isinstance(account.cloud, HasDetail) and detail is not None:
        inputs |= account.cloud.detailed_inputs(detail, props)
    inputs["state"] = account.state_of(instance)
    for key, value in kind.arguments.other_defaults.items():
        inputs.setdefault(key, value)
    required = [key for key in replacing if key not in kind.arguments.omitted_when_default]
    if any(key not in inputs for key in required):  # no resource has ordered it: the next start must not assume so
        inputs["adopt_id"] = account.cloud.id_of(instance)
    if "quote" not in inputs:
        inputs["quote"], _ = accounts.market(kind).quote(inputs)
    return inputs


def _outputs(
    kind: InstanceKind,
    inputs: Mapping[str, Any],
    instance_id: str,
    account: Account,
    expires_at: str,
    inferred: object = False,
    purchase_labels: Mapping[str, str] | None = None,
    olds: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The properties of an instance in the state; those that do not apply are left out. `olds` are the former ones,
    or of a new one those that only the vendor knows."""
    outputs = {**kind.arguments.omit_defaults(inputs), "instance_id": instance_id, "account": account.fingerprint}
    if expires_at:
        outputs["expires_at"] = expires_at
    if purchase_labels:
        outputs["purchase_labels"] = dict(purchase_labels)
    if task := _task(account, instance_id, olds or {}):
        outputs["task"] = task
    if created_at := (olds or {}).get(named_resources.CREATED_AT):
        outputs[named_resources.CREATED_AT] = created_at
    return {**outputs, "inferred": True} if inferred else outputs


def _task(account: Account, instance_id: str, olds: Mapping[str, Any]) -> str:
    """The vendor's task of the last order or change of an instance, this process's or the state's; "" for none."""
    if not isinstance(account.cloud, HasTasks):
        return ""
    task = account.cloud.last_task(instance_id)
    return str(olds.get("task", "")) if task is None else task


def _created_at(row: Mapping[str, Any]) -> str:
    return str(row.get(named_resources.CREATED_AT, ""))


def _ambiguous_purchase_text(error: AmbiguousPurchaseError) -> str:
    if not error.candidates:
        return (
            f"it is unknown whether an instance was bought: {error}. Run `pulumi up` again: it searches for the "
            "instance before it buys anything. If you remove the resource instead, `pulumi-cortecs orphans "
            "--all-stacks` lists what is left"
        )
    ids = " ".join(error.candidates)
    return (
        f"the purchased instance is ambiguous: {error}: {', '.join(error.candidates)}. `pulumi-cortecs orphans "
        "--all-stacks` shows which of them no stack owns. Before you run `pulumi up` again, set adopt_id='ID' for the "
        "one that is this resource's, and delete those that are not used: `pulumi-cortecs orphans --all-stacks "
        f"--delete ID`. To exclude instances that are used elsewhere: `pulumi-cortecs orphans --keep {ids}`"
    )


def _availability_text(kind: InstanceKind, inputs: Mapping[str, Any], code: str) -> str:
    """What the market says now about an order that was refused with a vendor's word; "" if it has no objection, or
    cannot be asked."""
    with suppress(CloudError):
        problems = accounts.market(kind, max_age=accounts.MAX_PRICE_AGE).availability(inputs, code)
        reasons = [machine_limits.with_alternatives(kind, problem).reason for problem in problems]
        return f". {'; '.join(reasons)}" if reasons else ""
    return ""

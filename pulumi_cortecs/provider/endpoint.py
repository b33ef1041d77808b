"""The life of an Endpoint: it waits until its Instance can answer, and outputs the address. It buys nothing. It stops
or deletes only the instance of that Instance, and only if on_timeout says so."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, get_args

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.output import Unknown

from pulumi_cortecs.cost import Money
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.http.probe import ProbeSpec
from pulumi_cortecs.http.text import redact
from pulumi_cortecs.lifecycle.cloud import HasTasks, UnknownStatusError
from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError
from pulumi_cortecs.lifecycle.poller import NEVER
from pulumi_cortecs.lifecycle.waiting import (
    AwaitedChange,
    DeadlineError,
    FailedWhileWaitingError,
    GoneWhileWaitingError,
    InterruptedWhileWaitingError,
    StoppedWhileWaitingError,
    UnreachableWhileWaitingError,
    WaitEndedError,
)
from pulumi_cortecs.provider import (
    accounts,
    delivery,
    host,
    instance_records,
    named_resources,
    ownership,
    power,
    session,
)
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.arguments import (
    ENDPOINT_PORT,
    GIVE_UP_AFTER,
    MAX_READY_TIMEOUT,
    READINESS,
    OnTimeout,
    State,
)
from pulumi_cortecs.provider.kind import Argument, ArgumentTable, Change, InstanceKind, Required
from pulumi_cortecs.provider.properties import identifier, integer, one_of, read_properties, string
from pulumi_cortecs.provider.session import InstanceRow

_SET_BY_INSTANCE: Final = Required("only an Instance passes it on to its Endpoint")
_EVERY_CLOUD: Final = {
    "instance_id": Argument(identifier, _SET_BY_INSTANCE, Change.UPDATE, interrupts=True),
    "state": Argument(one_of(*get_args(State)), _SET_BY_INSTANCE, Change.UPDATE, interrupts=True),
    "spec_digest": Argument(string, _SET_BY_INSTANCE, Change.UPDATE, interrupts=True),
    "ready_timeout": Argument(integer(1, MAX_READY_TIMEOUT), _SET_BY_INSTANCE, Change.NOTHING),
    "on_timeout": Argument(one_of(*get_args(OnTimeout)), "keep", Change.NOTHING, in_state_if_default=False),
    **READINESS,
}


_OF_THE_WAIT: Final = ("ready_by", "price_difference")
"""The outputs that only a wait finds out."""


class EndpointError(Exception):
    """The instance did not become usable. The text says what it still costs and how to go on."""


def _arguments(kind: InstanceKind) -> ArgumentTable:
    """The arguments of an Endpoint. A change of those that only one cloud's have is another address to wait for."""
    own = {key: replace(kind.arguments[key], change=Change.UPDATE, interrupts=True) for key in kind.endpoint_arguments}
    return ArgumentTable("an Endpoint", {**_EVERY_CLOUD, **own})


def check(kind: InstanceKind, news: Mapping[str, Any]) -> CheckResult:
    """Refuses inputs that no Instance passes on."""
    call = host.current_call()
    if call.resource_type and call.resource_type != kind.endpoint_token:
        raise EndpointError(f"this provider serves {kind.endpoint_token} only, not {call.resource_type}")
    ownership.report_unclaimed(kind)
    inputs, problems = read_properties(news, _arguments(kind))
    if isinstance(instance_id := inputs.get("instance_id"), str) and (row := _row_of_parent(kind, instance_id)):
        accounts.confirm_known(kind, instance_id, row.account)  # the engine passes on the saved values
    failures = [CheckFailure(problem.property, problem.reason) for problem in problems]
    return CheckResult(_arguments(kind).omit_defaults(inputs), failures)


def diff(kind: InstanceKind, olds: Mapping[str, Any], news: Mapping[str, Any]) -> DiffResult:
    """Requests a wait after another instance, another wanted state or an interrupted service, and for an instance that
    never got ready.

    A changed instance_id is an update, not a replacement: an Endpoint has nothing that would have to be created again.
    """
    interrupting = _arguments(kind).interrupting
    if any(isinstance(news.get(key), Unknown) or olds.get(key) != news.get(key) for key in interrupting):
        return DiffResult(changes=None)
    if _is_interrupted(kind):
        return DiffResult(changes=True)
    # inputs do not show the state that a failed wait, or a refresh in the middle of a boot, has left
    is_ready = olds.get("status") in (kind.ready_status, kind.sleeping_status) and (
        olds.get("base_url") or olds.get("ready_by")
    )
    return DiffResult(changes=news.get("state") == "running" and not is_ready)


def create(kind: InstanceKind, props: Mapping[str, Any]) -> CreateResult:
    """Waits for the instance. Raises EndpointError; the Instance then stays in the state, and `pulumi up` resumes."""
    return CreateResult(secrets.token_hex(6), _wait(kind, props, is_new=True))


def update(kind: InstanceKind, olds: Mapping[str, Any], news: Mapping[str, Any]) -> UpdateResult:
    """Like create. After a restart, the container of before may still answer for a while."""
    if olds.get("instance_id") != news.get("instance_id"):
        return UpdateResult(_wait(kind, news, is_new=True))
    is_interrupted = olds.get("spec_digest") != news.get("spec_digest") or _is_interrupted(kind)
    restarted = olds.get("state") == news.get("state") and is_interrupted
    difference = str(olds.get("price_difference", ""))
    return UpdateResult({**_wait(kind, news, restarted=restarted), "price_difference": difference})


def read(kind: InstanceKind, endpoint_id: str, props: Mapping[str, Any]) -> ReadResult:
    """The endpoint as it is; gone together with its instance. Raises EndpointError when that is unknown."""
    ownership.report_unclaimed(kind)
    instance_id = str(props["instance_id"])
    try:
        account = accounts.account(kind)
        account.require_owner(instance_id, props.get("account"))
        instance = account.find(instance_id)
        if instance is None:
            last = [str(props[key]) for key in ("status", "cost_estimate") if props.get(key)]
            call = host.current_call()
            call.inform(f"{instance_id} does not exist any more" + (f"; last seen: {', '.join(last)}" if last else ""))
            return ReadResult("", {})
        named_resources.require_same(account, instance, _urn_of_parent(kind), str(props.get("created_at", "")))
        inputs = {key: props[key] for key in _arguments(kind) if key in props}
        inputs["state"] = account.state_of(instance)
    except (CloudError, UnknownStatusError, named_resources.NamesakeError) as error:
        raise EndpointError(f"the status of {instance_id} is unknown, so the state stays as it was: {error}") from None
    outputs = _outputs(inputs, instance, account)
    return ReadResult(endpoint_id, {**outputs, **{key: props[key] for key in _OF_THE_WAIT if key in props}}, inputs)


def _wait(
    kind: InstanceKind, props: Mapping[str, Any], *, is_new: bool = False, restarted: bool = False
) -> dict[str, Any]:
    """The outputs after the wait. `is_new`: the Endpoint has not waited for this instance yet."""
    instance_id, inputs = str(props["instance_id"]), {key: props[key] for key in _arguments(kind) if key in props}
    try:
        account = accounts.account(kind)
        if props["state"] == "stopped":
            outputs = _outputs(inputs, _find_stopped(kind, account, instance_id), account)
            return {**outputs, **dict.fromkeys(_OF_THE_WAIT, "")}
        instance, of_the_wait = _wait_until_ready(kind, account, props, is_new=is_new, restarted=restarted)
        return {**_outputs(inputs, instance, account), **of_the_wait}
    except (delivery.DeliveryMismatchError, named_resources.NamesakeError) as error:
        raise EndpointError(str(error)) from None
    except (CloudError, UnknownStatusError) as error:
        raise EndpointError(f"{instance_id} exists and may be billed, but the wait for it failed: {error}") from None


def _find_stopped(kind: InstanceKind, account: Account, instance_id: str) -> Any:
    instance = account.find(instance_id)
    if instance is None:
        raise EndpointError(f"{instance_id} does not exist any more; `pulumi up --refresh` creates a new one")
    _require_same(kind, account, instance_id, instance)
    return instance


def _require_same(kind: InstanceKind, account: Account, instance_id: str, instance: Any) -> None:
    """Raises NamesakeError if the instance is not that of the row; see named_resources.py."""
    row = instance_records.row_of(kind, instance_id)
    named_resources.require_same(account, instance, _urn_of_parent(kind), "" if row is None else row.created_at)


def _wait_until_ready(
    kind: InstanceKind, account: Account, props: Mapping[str, Any], *, is_new: bool, restarted: bool
) -> tuple[Any, dict[str, str]]:
    """The instance once it is ready, and the outputs that only a wait finds out. Raises EndpointError and what a wait
    raises."""
    instance_id, timeout = str(props["instance_id"]), float(props["ready_timeout"])
    started_at, call = account.started_at(instance_id), host.current_call()
    readiness = account.readiness(_probe_spec(kind, props), _restarted_at(account, instance_id) if restarted else NEVER)

    def report(text: str) -> None:  # the price first: a narrow terminal cuts the end, and the CLI counts the seconds
        cost = instance_records.hourly_cost(kind, instance_id)
        call.report_progress(f"{cost}/h, {text}" if cost else text)

    outputs: dict[str, str] = {}
    began_at = account.clock.now()

    def compare(instance: Any) -> None:  # the first look of a later run, which has no answer to an order
        row = instance_records.row_of(kind, instance_id)
        _require_same(kind, account, instance_id, instance)
        reported = account.cloud.reported_like(instance, {} if row is None else row.inputs)
        delivery.require_ordered(kind, instance_id, reported)
        if is_new and "price_difference" not in outputs:
            outputs["price_difference"] = _price_difference(kind, account, instance, began_at)

    delivery.require_ordered(kind, instance_id)
    try:
        instance = account.wait().until_ready(
            instance_id,
            started_at=started_at,
            timeout=timeout,
            report=report,
            on_look=compare,
            readiness=readiness,
            change=_change(kind, account, instance_id, restarted=restarted),
            give_up_after=float(props.get(GIVE_UP_AFTER, "inf")),
        )
    except UnreachableWhileWaitingError as error:
        kept = _still_exists_text(kind, account, instance_id)
        raise EndpointError(
            f"{_wait_error_text(error, instance_id, timeout, kept)}. {kind.vendor} calls it ready, so on_timeout "
            "leaves it as it is: this machine may have no route to it, or ready_key may be wrong. ready='status' "
            "does not ask it"
        ) from None
    except (DeadlineError, FailedWhileWaitingError) as error:
        ended = _apply_on_timeout(
            kind, account, instance_id, str(props.get("on_timeout", _EVERY_CLOUD["on_timeout"].default))
        )
        ways_on = (
            "`pulumi up` continues the wait, " if isinstance(error, DeadlineError) else _order_again(kind, instance_id)
        )
        if not ended and isinstance(error, FailedWhileWaitingError):
            ended = _unknown_text(kind, account, instance_id)
        kept = ended or _still_exists_text(kind, account, instance_id, ways_on)
        text = _wait_error_text(error, instance_id, timeout, kept)
        # it may have lines of the instance's own log
        raise EndpointError(redact(text, instance_records.secret_texts(kind, instance_id))) from None
    except WaitEndedError as error:
        raise EndpointError(
            _wait_error_text(error, instance_id, timeout, _still_exists_text(kind, account, instance_id))
        ) from None
    if readiness.warning:
        call.warn(f"{instance_id} counts as ready by {kind.possessive} status alone: {readiness.warning}")
    ready_by = "" if readiness.by is None else readiness.by.value
    return instance, {"price_difference": "", **outputs, "ready_by": ready_by}


def _change(kind: InstanceKind, account: Account, instance_id: str, *, restarted: bool) -> AwaitedChange[Any]:
    """The order or change that a wait follows: the vendor's task of it, and what shows it."""
    cloud, row = account.cloud, instance_records.row_of(kind, instance_id)
    if not isinstance(cloud, HasTasks):
        return AwaitedChange()
    recorded = "" if row is None else row.task
    task = cloud.last_task(instance_id)
    return AwaitedChange(
        recorded if task is None else task,
        lambda instance: delivery.missing_text(kind, cloud, instance),
        listings=2 if restarted else 1,
    )


def _restarted_at(account: Account, instance_id: str) -> float:
    """The time of a restart that the wait follows. Where tasks and lists show a restart, an unknown one needs none."""
    if isinstance(account.cloud, HasTasks):
        return account.poller.started_at(instance_id)
    return account.started_at(instance_id)


def _order_again(kind: InstanceKind, instance_id: str) -> str:
    """The way to another instance in place of one that failed, as the beginning of a sentence; "" for an Endpoint
    without an Instance of this run."""
    row = _row_of_parent(kind, instance_id)
    return "" if row is None else f"`pulumi up --replace {shlex.quote(row.urn)}` orders another one, "


def _price_difference(kind: InstanceKind, account: Account, instance: Any, began_at: float) -> str:
    """The quoted hourly price and the billed one, if they differ; a warning shows them, too. "" if they are equal or
    there is no quote. The price is read after the purchase: it may have moved between the last question and the
    order."""
    instance_id = account.cloud.id_of(instance)
    row, quoted = _row_of_parent(kind, instance_id), instance_records.hourly_cost(kind, instance_id)
    if row is None or quoted is None:
        return ""
    bought_at = account.poller.started_at(instance_id)
    try:
        billed = account.cloud.billed_price(instance) or accounts.hourly_price(
            kind, row.inputs, accounts.MAX_PRICE_AGE, began_at if bought_at == NEVER else bought_at
        )
    except CloudError as error:
        host.current_call().warn(f"the price of {instance_id} is not confirmed, {quoted}/h was quoted: {error}")
        return ""
    if billed == quoted:
        return ""
    text = f"quoted {quoted}/h, {kind.possessive} price is {f'{billed}/h' if billed else 'unknown'}"
    host.current_call().warn(f"the price of {instance_id} differs: {text}")
    if billed is not None:
        instance_records.record_cost(kind, instance_id, billed)
    return text


def _probe_spec(kind: InstanceKind, props: Mapping[str, Any]) -> ProbeSpec | None:
    """The probe that the inputs ask for; None if the vendor's status is enough."""
    settings = {key: props.get(key, default) for key, default in _arguments(kind).defaults.items()}
    if settings["ready"] == "status":
        return None
    return ProbeSpec(settings["ready_path"], settings["ready_key"], int(settings.get(ENDPOINT_PORT, 0)))


def _apply_on_timeout(kind: InstanceKind, account: Account, instance_id: str, on_timeout: str) -> str:
    """Stops or deletes the instance as on_timeout says. Returns the outcome as text, "" for `keep`."""
    if on_timeout == "keep":
        return ""
    try:
        if why := _reason_to_keep(kind, account, instance_id):
            return (
                f"It was left as it is, whatever on_timeout says: {why}. It still exists, and "
                f"{_cost_text(kind, account, instance_id)}. `pulumi up` continues the wait"
            )
        if on_timeout == "stop":
            power.stop(account, instance_id)
            return (
                "It was stopped (on_timeout) and costs nothing now. "
                "`pulumi up --refresh` starts it again, `pulumi destroy` removes it"
            )
        account.deletion().delete(instance_id)
        return "It was deleted (on_timeout) and costs nothing any more. `pulumi up --refresh` creates a new one"
    except (CloudError, DeletionUnconfirmedError, UnknownStatusError) as error:
        failed = f"on_timeout={on_timeout!r} failed ({error})"
        return (
            f"{failed}: it may still exist, and {_cost_text(kind, account, instance_id)}. `pulumi destroy` deletes it"
        )


def _reason_to_keep(kind: InstanceKind, account: Account, instance_id: str) -> str:
    """The reason why on_timeout must not stop or delete the instance; "" for none. Raises CloudError."""
    row = _row_of_parent(kind, instance_id)
    if row is None:
        return "this run has not received the Instance that this Endpoint belongs to and that has it"
    elsewhere = ownership.row_in_other_stack(kind, instance_id, row.urn) if row.inferred else None
    another = elsewhere or ownership.other_row_in_stack(instance_id, row.urn)
    if another is not None:
        return f"{ownership.describe_row(another)} has it, too"
    live = account.cloud.get_instance(instance_id)
    if live is None:
        return ""
    try:
        _require_same(kind, account, instance_id, live)
    except named_resources.NamesakeError as error:
        return str(error)
    manager = account.cloud.manager_of(live)
    return f"{manager} manages it" if manager else ""


def _row_of_parent(kind: InstanceKind, instance_id: str) -> InstanceRow | None:
    """The row of the instance, if it is that of the Instance to which this call's Endpoint belongs.

    A program can declare an Endpoint of its own, and name any id in it.
    """
    row = instance_records.row_of(kind, instance_id)
    return row if row is not None and row.urn == _urn_of_parent(kind) else None


def _is_interrupted(kind: InstanceKind) -> bool:
    """Returns whether this run's change of the Instance interrupts the service. The digest of the program does not show
    the end of a drift, nor the way back from a change whose wait has failed."""
    return _urn_of_parent(kind) in session.current().interrupted


def _urn_of_parent(kind: InstanceKind) -> str:
    return host.current_call().urn.replace(f"${kind.endpoint_token}::", "::", 1)


def _wait_error_text(error: WaitEndedError, instance_id: str, timeout: float, and_now: str) -> str:
    last = error.last_status.rstrip(". ")  # the vendor's texts are sentences
    if isinstance(error, DeadlineError):
        return f"{instance_id} was not ready within {timeout:.0f} s; last seen: {last}. {and_now}"
    if isinstance(error, InterruptedWhileWaitingError):
        return f"the wait for {instance_id} was interrupted; last seen: {last}. {and_now}"
    if isinstance(error, StoppedWhileWaitingError):
        return (
            f"{instance_id} was stopped from outside during the wait, so it costs nothing now. "
            "`pulumi up --refresh` starts it again, `pulumi destroy` removes it"
        )
    if isinstance(error, GoneWhileWaitingError):
        return f"{instance_id} does not exist any more, so it costs nothing. `pulumi up --refresh` creates a new one"
    return f"{instance_id} failed: {last}. {and_now}"


def _still_exists_text(
    kind: InstanceKind, account: Account, instance_id: str, ways_on: str = "`pulumi up` continues the wait, "
) -> str:
    return f"It still exists and {_cost_text(kind, account, instance_id)}. {ways_on}`pulumi destroy` deletes it"


def _unknown_text(kind: InstanceKind, account: Account, instance_id: str) -> str:
    """The way on after a failure that left nothing, as a failed task may; "" for an instance that is there, or may
    be."""
    with suppress(CloudError):
        if account.cloud.get_instance(instance_id) is None:
            return f"{kind.vendor} does not know it, so it costs nothing. `pulumi up --refresh` orders it again"
    return ""


def _cost_text(kind: InstanceKind, account: Account, instance_id: str) -> str:
    hourly_total = instance_records.hourly_cost(kind, instance_id) or _quoted_now(account, instance_id)
    return f"costs {hourly_total}/h" if hourly_total else "may be billed"


def _quoted_now(account: Account, instance_id: str) -> Money | None:
    """The hourly cost of the instance by today's prices, None where it is unknown now."""
    with suppress(CloudError):
        if (instance := account.cloud.get_instance(instance_id)) is not None:
            return account.cloud.hourly_price(instance)
    return None


def _outputs(inputs: Mapping[str, Any], instance: Any, account: Account) -> dict[str, Any]:
    """The outputs of an Endpoint. "" stands for "none": a key that is missing would be unknown in every preview."""
    return {**inputs, **account.cloud.endpoint_outputs(instance, inputs), "account": account.fingerprint}

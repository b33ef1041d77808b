"""The creation of a plain resource: once, under a name that is the account's only one, or by taking over what an
earlier run has created under it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from pulumi.dynamic import CreateResult

from pulumi_cortecs.cost.limits_file import LimitsFileError
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.clock import InterruptedWaitError
from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError
from pulumi_cortecs.lifecycle.order_log import OrderInProgressError
from pulumi_cortecs.lifecycle.order_recovery import ArgumentsChangedError
from pulumi_cortecs.lifecycle.purchases import (
    AmbiguousPurchaseError,
    NameRefusedError,
    NotBoughtError,
    NotSentError,
    RefusedOrderError,
)
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError
from pulumi_cortecs.provider import accounts, host, machine_limits, quote_records, reviewed_inputs, session
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.crud import (
    CrudError,
    InUseError,
    Kind,
    change,
    delete_when_unused,
    detail,
    outputs,
    plain_cloud,
    validated,
)
from pulumi_cortecs.provider.named_resources import (
    NAME,
    NameTakenError,
    changed_since_review,
    is_generated,
    recover_by_name,
)
from pulumi_cortecs.provider.properties import equal_values
from pulumi_cortecs.provider.undo import undo_purchase

_MAX_LOST_ANSWERS: Final = 3
"""How often a resource with values that are told once is deleted and created again because its answer was lost."""


def create(kind: Kind, props: Mapping[str, Any]) -> CreateResult:
    """Creates the resource, or takes over what an earlier run has created for it. Raises CrudError."""
    call, began_at = host.current_call(), session.current().clock.now()
    inputs = validated(kind, props)
    shown = reviewed_inputs.get(call.urn)
    if shown is not None and (differing := changed_since_review(kind, inputs, shown.inputs)):
        raise CrudError(f"refused: {', '.join(differing)} would differ from what the plan showed; nothing was created")
    with _explained(kind, inputs[NAME]):
        account = accounts.account(kind)
        account.require_usable_environment()
        for _ in range(_MAX_LOST_ANSWERS):
            resource_id, resource, is_new = _create_or_take_over(kind, account, inputs, began_at)
            if is_new and call.is_cancelled():
                undone = undo_purchase(kind, account, resource_id)
                raise CrudError(f"the engine exited before it received {resource_id}: {undone}")
            resource = detail(account, resource_id, resource)
            if not (missing := _untold(kind, resource, is_new=is_new)):
                return CreateResult(resource_id, outputs(kind, account, inputs, resource))
            call.warn(
                f"{resource_id} is deleted and created again: an answer was lost, and so its {missing} is unknown"
            )
            delete_when_unused(kind, account, resource_id)
    raise CrudError(f"nothing was created: {kind.possessive} answers were lost. Run `pulumi up` again")


def _create_or_take_over(
    kind: Kind, account: Account, inputs: dict[str, Any], began_at: float
) -> tuple[str, Any | None, bool]:
    """The id of the resource, the resource if the answer has it, and whether this call has created it. Sets the quote
    of one that costs money."""
    call, cloud = host.current_call(), plain_cloud(account)
    key, ordered = accounts.order_key(call.urn), cloud.arguments_of(inputs)
    assert ordered is not None  # create gets no unknown values
    quote = quote_records.purchase_quote(kind, inputs) if kind.market is not None else None
    if (earlier := recover_by_name(account, key, ordered, inputs[NAME], began_at)) is not None:
        _take_over(kind, account, inputs, earlier.instance)
        return earlier.instance_id, earlier.instance, False
    if kind.market is not None:
        quote_records.require_shown(kind, call.urn, inputs, quote)
    is_awaited = call.context.is_active if call.context else None
    limits = machine_limits.enforce(kind, account, inputs) if kind.market is not None else nullcontext()
    with limits as pending_cost:
        number = None if pending_cost is None else pending_cost.entry.number
        owns_name = is_generated(call.urn, inputs[NAME])
        bought = account.purchases.buy(key, ordered, inputs, is_awaited, number, owns_name=owns_name)
        if pending_cost is not None:
            pending_cost.set_instance(bought.instance_id)
    if kind.market is not None:
        inputs["quote"] = quote
    account.poller.mark_started(bought.instance_id)
    return bought.instance_id, bought.instance, True


def _untold(kind: Kind, resource: Any | None, *, is_new: bool) -> str:
    """The outputs that only a lost answer told; for a free resource of an earlier run also the arguments that the
    vendor does not report. "" for none."""
    reported = {} if resource is None else kind.outputs(resource)
    names = [*kind.told_once] if is_new or kind.market is not None else [*kind.told_once, *kind.arguments.replacing]
    return ", ".join(sorted(name for name in names if name not in reported))


def _take_over(kind: Kind, account: Account, inputs: dict[str, Any], earlier: Any) -> None:
    """Makes a resource that an earlier run has created this one's, changed in place where it differs. Raises CrudError
    for one that differs otherwise, and what machine_limits.enforce raises."""
    resource_id, reported = account.cloud.id_of(earlier), account.cloud.reported_inputs(earlier)
    differing = [key for key in kind.arguments.replacing if key in reported and reported[key] != inputs[key]]
    if differing:
        raise CrudError(_other_arguments_text(kind, resource_id, f"another {', '.join(differing)}"))
    if kind.market is not None:
        with machine_limits.enforce(kind, account, {**inputs, **reported}, resource_id):
            pass  # orders nothing
    if any(key not in reported or not equal_values(reported[key], inputs[key]) for key in kind.arguments.updatable):
        change(kind, account, resource_id, inputs)
    host.current_call().warn(
        f"{resource_id} is taken over: an earlier run created it, and was killed before it was recorded in the state, "
        "or its row was removed"
    )


def _other_arguments_text(kind: Kind, resource_id: str, what: str) -> str:
    return (
        f"an earlier run has created {resource_id} for this resource with {what}, and no state has it; nothing was "
        f"created. Restore the arguments to take it over, or delete it in {kind.possessive} console"
    )


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
    except NameTakenError as error:
        raise CrudError(f"{error}. Nothing was created") from None
    except NameRefusedError as error:
        raise CrudError(
            f"it is unknown whether {name!r} was created: {error}. The next `pulumi up` says what has that name"
        ) from None
    except ArgumentsChangedError as error:
        raise CrudError(_other_arguments_text(kind, error.instance_id, "other arguments")) from None
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
        InUseError,
        machine_limits.LimitExceededError,
        quote_records.NoQuoteError,
    ) as error:
        raise CrudError(f"nothing was created: {error}") from None

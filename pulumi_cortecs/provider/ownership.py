"""The owner of an instance: warnings and decisions about instances that are in several rows of states, or in none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.journal import JournalError
from pulumi_cortecs.lifecycle.shared_rows import DeletionPlan
from pulumi_cortecs.lifecycle.stack_state import StateRow, StateUnreadableError
from pulumi_cortecs.lifecycle.unclaimed import find_unclaimed
from pulumi_cortecs.provider import accounts, host, session
from pulumi_cortecs.provider.kind import InstanceKind, ResourceKind


def warn_of_owner(instance_id: str) -> None:
    """Warns, at a check, of another row of the stack that has the instance to adopt. It refuses nothing, because a
    rename looks the same; without a readable state it is silent."""
    call = host.current_call()
    try:
        others = session.current().shared_rows.rows_sharing(instance_id, call.urn)
    except StateUnreadableError:
        return
    if others:
        call.warn(
            f"{instance_id}, which this resource adopts, belongs to {others[0].urn}. To rename that resource, remove "
            "the old name from the program. With both in the program, both own one instance, and the last one that is "
            "removed deletes it"
        )


@contextmanager
def announce_deletion(instance_id: str) -> Iterator[DeletionPlan]:
    """A block that deletes the row of this call, or fails. It announces the deletion to the other rows before it
    decides whether the instance is deleted."""
    plan = session.current().shared_rows.plan_deletion(instance_id, host.current_call().urn)
    try:
        yield plan
    except BaseException:
        session.current().shared_rows.cancel_deletion(plan)
        raise


def warn_unread_state(plan: DeletionPlan) -> None:
    """Warns, once in this process, that another row may have the deleted instance."""
    if plan.problem and session.current().is_first("an unread state"):
        host.current_call().warn(
            f"the state of this stack cannot be read ({plan.problem}), so it is unknown whether another row of it has "
            "the instance: it is deleted"
        )


def row_in_other_stack(kind: ResourceKind, instance_id: str, urn: str) -> StateRow | None:
    """The row of another stack that has an instance whose id was inferred from a list; None, with a warning, where the
    other stacks cannot be read."""
    try:
        return session.current().shared_rows.find_in_other_stack(instance_id, urn)
    except StateUnreadableError as error:
        host.current_call().warn(
            f"{instance_id} was identified by {kind.possessive} list and not by an answer to its order, and the "
            f"backend's other stacks cannot be read ({error}): if one of them has it, this ends its service, too"
        )
        return None


def other_row_in_stack(instance_id: str, urn: str) -> StateRow | None:
    """Another row of the URN's own stack that has the instance, or None; also None if the state cannot be read."""
    try:
        return next(iter(session.current().shared_rows.rows_sharing(instance_id, urn)), None)
    except StateUnreadableError:
        return None


def describe_row(row: StateRow) -> str:
    """The row's URN and stack as text."""
    return f"{row.urn} in stack {row.stack}"


def report_unclaimed(kind: ResourceKind) -> None:
    """Warns, once in this process for each order, of purchases that no state has. Refuses nothing."""
    call = host.current_call()
    stack = "::".join(call.urn.split("::")[:2])
    if not stack or not session.current().is_first(f"what is left behind of {stack}: {kind.token}"):
        return
    with suppress(JournalError):  # the account's order log then reports them
        if not session.current().journal.open_orders():
            return  # the usual case, which imports nothing of the HTTP side
    with suppress(CloudError):
        account = accounts.account(kind)
        for purchase in find_unclaimed(account.log, account.recovery.creations, accounts.order_key(call.urn)):
            priced = [f"{one}, {price}" for one, price in zip(purchase.instance_ids, purchase.prices, strict=True)]
            ids = " ".join((*purchase.instance_ids, *([] if isinstance(kind, InstanceKind) else ["--volumes"])))
            call.warn(
                f"an earlier run was killed while it bought {purchase.ordered} for {purchase.name} "
                f"({' or '.join(priced)}). This run takes it over when it creates {purchase.name}; if the program no "
                f"longer has that resource: `pulumi-cortecs orphans --all-stacks --delete {ids}` deletes it"
            )

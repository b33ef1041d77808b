"""One exported state, read for the instances in it."""

from __future__ import annotations

from pulumi_cortecs._tokens import instance_tokens
from pulumi_cortecs.lifecycle.owners import PendingPurchase, Row
from pulumi_cortecs.lifecycle.stack_export import stack_state
from pulumi_cortecs.lifecycle.stack_state import NEVER, StateRow, StateUnreadableError
from pulumi_cortecs.stacks.command import StacksError


def rows_and_pending(stack: str, exported: str) -> tuple[tuple[Row, ...], tuple[PendingPurchase, ...]]:
    """The instances in what `pulumi stack export` printed, those that wait for their deletion among them, and the
    creations that never ended.

    Raises StacksError for what is no whole state of a form that we know.
    """
    try:
        state = stack_state(stack, exported, NEVER, instance_tokens())
    except StateUnreadableError as error:
        raise StacksError(str(error)) from None
    rows = (
        Row(
            stack=stack,
            urn=each.urn,
            instance_id=each.instance_id,
            external=each.external,
            protected=each.protected,
            expires_at=_told(each, "expires_at"),
            account=_told(each, "account"),
            doomed=each.doomed,
        )
        for each in state.rows
    )
    return tuple(rows), tuple(PendingPurchase(stack, each.urn, each.inputs) for each in state.pending)


def _told(row: StateRow, key: str) -> object:
    """An output. One that is secret is there, and nobody may take it for "none"."""
    return "[secret]" if key in row.secrets else row.outputs.get(key)

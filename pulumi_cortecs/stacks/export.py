"""The instances of one exported state."""

from __future__ import annotations

from pulumi_cortecs import _abi
from pulumi_cortecs.lifecycle.holdings import PendingPurchase, StackResource
from pulumi_cortecs.lifecycle.stack_export import parse_state
from pulumi_cortecs.lifecycle.stack_state import NEVER, StateRow, StateUnreadableError
from pulumi_cortecs.stacks.command import StacksError


def rows_and_pending(stack: str, exported: str) -> tuple[tuple[StackResource, ...], tuple[PendingPurchase, ...]]:
    """The purchases of every cloud in the output of `pulumi stack export`, including those that wait for their
    deletion, and the pending creations.

    Raises StacksError unless it is a complete state of a known form.
    """
    try:
        state = parse_state(stack, exported, NEVER, _tokens())
    except StateUnreadableError as error:
        raise StacksError(str(error)) from None
    rows = (
        StackResource(
            stack=stack,
            urn=row.urn,
            instance_id=row.instance_id,
            external=row.external,
            protected=row.protected,
            expires_at=_output_or_secret(row, "expires_at"),
            account=_output_or_secret(row, "account"),
            doomed=row.doomed,
            resource_type=row.resource_type,
        )
        for row in state.rows
    )
    return tuple(rows), tuple(PendingPurchase(stack, row.urn, row.inputs, row.resource_type) for row in state.pending)


def _tokens() -> frozenset[str]:
    """The types of all that costs money."""
    return frozenset(token for kind in _abi.instance_kinds().values() for token in kind.tokens)


def _output_or_secret(row: StateRow, key: str) -> object:
    """An output; a placeholder for a secret one, which must not count as missing."""
    return "[secret]" if key in row.secrets else row.outputs.get(key)

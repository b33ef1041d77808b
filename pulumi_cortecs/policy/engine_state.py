"""The state of the stack that a pack judges, read through the `pulumi` that started the pack."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pulumi_cortecs.lifecycle.backends import url_of
from pulumi_cortecs.lifecycle.cli_states import states_of
from pulumi_cortecs.lifecycle.engine_cli import above
from pulumi_cortecs.lifecycle.stack_state import PendingCreation, StackState, StateRow, StateUnreadableError
from pulumi_cortecs.policy.extraction import OURS
from pulumi_cortecs.policy.held import HeldInstance, Holdings

_TYPES = frozenset(kind for kind, ours in OURS.items() if ours.extract is not None)


def holdings(organization: str, project: str, stack: str) -> Holdings:
    """What the state of a stack holds, or why that cannot be told.

    The executable above this process in the process tree is asked, in its own environment and directory: a name on PATH
    could be the program's.
    """
    cli = above(os.getppid())
    if cli is None:
        return Holdings(problem="the pulumi that started this pack cannot be looked at (Linux only)")
    url = url_of(cli.environment, cli.directory)
    try:
        state = states_of(cli, _TYPES, organization=lambda: organization).stack_of(f"urn:pulumi:{stack}::{project}::")
    except StateUnreadableError as error:
        return Holdings(problem=str(error))
    if url_of(cli.environment, cli.directory) != url:  # the project's folder is the author's
        return Holdings(problem="the project named another backend while its state was read")
    return Holdings(tuple(held_in(state)))


def held_in(state: StackState) -> Iterator[HeldInstance]:
    """What a state holds: its rows, and the purchases that were begun, which may have been made, without a row yet."""
    rows = [row for row in state.rows if not row.external]
    for row in rows:
        yield HeldInstance(row.urn, row.resource_type, row.outputs, replaced=row.doomed)
    for begun in state.pending:
        if not any(row.urn == begun.urn and _became(row, begun) for row in rows):
            yield HeldInstance(begun.urn, begun.resource_type, begun.inputs)


def _became(row: StateRow, begun: PendingCreation) -> bool:
    """Whether a row is what a purchase has become: its note stays in the state after a later run has found it."""
    bought = OURS[begun.resource_type].bought
    return all(row.outputs.get(name) == value for name, value in begun.inputs.items() if name in bought)

"""The state of the stack that a pack judges, read through the `pulumi` that started the pack."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.backends import find_backend_url
from pulumi_cortecs.lifecycle.cli_states import open_states
from pulumi_cortecs.lifecycle.engine_cli import find_in_ancestors
from pulumi_cortecs.lifecycle.stack_state import PendingCreation, StackState, StateRow, StateUnreadableError
from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.held import HIDDEN, HeldInstance, Holdings, have_equal_arguments

_TYPES = frozenset(kind for kind, published_type in RESOURCE_TYPES.items() if published_type.extract is not None)
_REPLACES: Final = ("--replace", "--target-replace")


def read_holdings(organization: str, project: str, stack: str) -> Holdings:
    """The instances in the state of a stack, or the reason why it cannot be read.

    It runs the executable above this process in the process tree, in that one's environment and directory, because a
    name on PATH could be the program's.
    """
    cli = find_in_ancestors(os.getppid())
    if cli is None:
        return Holdings(problem="the pulumi that started this pack cannot be inspected (Linux only)")
    url = find_backend_url(cli.environment, cli.directory)
    try:
        states = open_states(cli, _TYPES, organization=lambda: organization, secrets=True)
        state = states.stack_of(f"urn:pulumi:{stack}::{project}::")
    except StateUnreadableError as error:
        return Holdings(problem=str(error))
    if find_backend_url(cli.environment, cli.directory) != url:  # the program's author controls the project's folder
        return Holdings(problem="the project named another backend while its state was read")
    return Holdings(tuple(held_instances(state)), replaces=replaces(cli.arguments))


def replaces(arguments: Iterable[str]) -> bool:
    """Returns whether a command names resources to replace. Any value counts, because a pattern may name all of
    them."""
    return any(argument.partition("=")[0] in _REPLACES for argument in arguments)


def held_instances(state: StackState) -> Iterator[HeldInstance]:
    """The instances in a state: its rows, and its pending purchases, which may have succeeded without a row."""
    rows = [row for row in state.rows if not row.external]
    for row in rows:
        yield HeldInstance(
            row.urn, row.resource_type, _with_hidden(row.outputs, row.secrets), row.doomed or row.tainted
        )
    for begun in state.pending:
        if not any(row.urn == begun.urn and _is_result_of(row, begun) for row in rows):
            yield HeldInstance(begun.urn, begun.resource_type, _with_hidden(begun.inputs, begun.secrets))


def _is_result_of(row: StateRow, begun: PendingCreation) -> bool:
    """Returns whether a row is the result of a pending purchase, which stays in the state after a later run has taken
    it over.

    A row with the pending purchase's own `created` is the one that the purchase was to replace, and not its result.
    """
    if row.doomed or row.created == begun.created:
        return False
    bought = RESOURCE_TYPES[begun.resource_type].bought
    return have_equal_arguments(
        _with_hidden(row.outputs, row.secrets), _with_hidden(begun.inputs, begun.secrets), names=bought
    )


def _with_hidden(properties: Mapping[str, Any], secrets: Iterable[str]) -> dict[str, Any]:
    return {**properties, **{name: HIDDEN for name in secrets if properties[name] is None}}

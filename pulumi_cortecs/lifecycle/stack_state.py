"""The contents of a user's stack states, read through the `pulumi` CLI that started this process.

The engine records a creation before it calls the provider, so the state backend is a second journal, and survives the
loss of a machine. A pending creation is a reason to search, never a proof: an interrupted operation stays in the state
for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pulumi_cortecs.http.credentials import are_apart

NEVER = float("-inf")


class StateUnreadableError(Exception):
    """A state could not be read. The text names it and the reason, without secrets."""


@dataclass(frozen=True)
class StateRow:
    """An Instance in a state. `doomed`: it was replaced and waits for its deletion; `external`: it is only read
    (`Instance.get`); `deleting`: the engine has begun to delete it (a pending operation says so); `tainted`: the next
    run replaces it; `created`: the time at which the engine made it. `secrets` names the secret outputs, whose values
    are None unless they were requested."""

    stack: str
    urn: str
    instance_id: str
    doomed: bool = False
    external: bool = False
    deleting: bool = False
    outputs: Mapping[str, Any] = field(default_factory=dict)
    protected: bool = False
    secrets: frozenset[str] = frozenset()
    resource_type: str = ""
    tainted: bool = False
    created: str = ""


@dataclass(frozen=True)
class PendingCreation:
    """A creation of an Instance that the engine has begun and not ended: it goes on, or was interrupted. `secrets` as
    in StateRow, of the inputs. `created`: that of the row that it was to replace, "" for none."""

    stack: str
    urn: str
    inputs: Mapping[str, Any]
    resource_type: str = ""
    secrets: frozenset[str] = frozenset()
    created: str = ""


@dataclass(frozen=True)
class StackState:
    """One stack's state. `read_at`: the time of its request (the process's monotonic seconds); its content is not older
    than that."""

    name: str
    read_at: float
    rows: tuple[StateRow, ...] = ()
    pending: tuple[PendingCreation, ...] = ()

    def in_account(self, name: object) -> StackState:
        """The same state without the rows of what is certainly in another account, which may have the same id."""
        rows = tuple(row for row in self.rows if not are_apart(row.outputs.get("account"), name))
        return replace(self, rows=rows)

    @property
    def has_secrets(self) -> bool:
        """True if the state has secrets."""
        return any(row.secrets for row in self.rows) or any(begun.secrets for begun in self.pending)


class States(Protocol):
    """The states of the backend that this run's engine uses. Threads may share it. Each method raises
    StateUnreadableError."""

    def stack_of(self, urn: str, not_before: float = NEVER) -> StackState:
        """The state of the stack that a URN names, requested at `not_before` (monotonic seconds) or later.

        One reading serves all callers that were waiting when it began.
        """
        ...

    def every_stack(self, urn: str, not_before: float = NEVER) -> tuple[StackState, ...]:
        """The states of all stacks of the backend, the one that the URN names first: every one of them, or an error."""
        ...


def rows_of_type(state: StackState, urn: str) -> list[StateRow]:
    """The rows of the URN's type, and so of one cloud's instances."""
    return [row for row in state.rows if (row.resource_type or resource_type(row.urn)) == resource_type(urn)]


def resource_type(urn: str) -> str:
    """The resource's type, which tells its cloud; "" for an invalid URN."""
    parts = urn.split("::", 3)
    return parts[2].rpartition("$")[2] if len(parts) > 2 else ""


def resource_name(urn: str) -> str:
    """The resource's name in the program, read from the left as the engine does: a name may have `::` in it."""
    return urn.split("::", 3)[-1]

"""The contents of a user's stack states, read through the `pulumi` CLI that started this process.

The engine writes a creation down before it calls us, so the state backend is a second journal, and one that is not
lost with its machine. A state is a reason to look, never a proof: an operation that was interrupted stands in it for
ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

NEVER = float("-inf")


class StateUnreadableError(Exception):
    """A state could not be read. The text says which, why, and nothing secret."""


@dataclass(frozen=True)
class StateRow:
    """An Instance in a state. `doomed`: it was replaced and waits for its deletion; `external`: it is only looked at
    (`Instance.get`); `deleting`: the engine has begun to delete it (a pending operation says so); `tainted`: the next
    run replaces it; `created`: when the engine made it. What is secret in the outputs has its name in `secrets`, and
    the value None where it was not requested."""

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
    """A creation of an Instance that the engine began and has not ended: it goes on now, or was interrupted.
    `secrets` as in StateRow, of the inputs. `created`: that of the row that it was to replace, "" for none."""

    stack: str
    urn: str
    inputs: Mapping[str, Any]
    resource_type: str = ""
    secrets: frozenset[str] = frozenset()
    created: str = ""


@dataclass(frozen=True)
class StackState:
    """One stack's state. `read_at` is when it was asked for (the process's monotonic seconds): nothing in it is older
    than that."""

    name: str
    read_at: float
    rows: tuple[StateRow, ...] = ()
    pending: tuple[PendingCreation, ...] = ()

    @property
    def has_secrets(self) -> bool:
        """Whether anything in it is secret."""
        return any(row.secrets for row in self.rows) or any(begun.secrets for begun in self.pending)


class States(Protocol):
    """The states of the backend that this run's engine uses. Threads may share it. Each method raises
    StateUnreadableError."""

    def stack_of(self, urn: str, not_before: float = NEVER) -> StackState:
        """The state of the stack that a URN names, asked for at `not_before` (monotonic seconds) or later.

        One reading serves all who waited for one that begins after they came.
        """
        ...

    def every_stack(self, urn: str, not_before: float = NEVER) -> tuple[StackState, ...]:
        """The states of all stacks of the backend, the one that the URN names first: every one of them, or an error."""
        ...


def resource_name(urn: str) -> str:
    """The resource's name in the program, read from the left as the engine does: a name may have `::` in it."""
    return urn.split("::", 3)[-1]

"""The earlier creations of a resource, and the owners of instances, as the state backend has them.

The engine writes a creation down before it calls us, and takes it out when the creation has ended. So an operation that
another run has left behind says that something may have been bought, and is not lost with the machine of the journal.
It is never a proof: it stays in the state for ever, also when what it was about was found long ago.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.stack_state import PendingCreation, StackState, States, StateUnreadableError, rows_of_type

NEVER_BEGAN: Final = float("inf")


@dataclass(frozen=True)
class Owner:
    """The row of a state that has an instance."""

    stack: str
    urn: str

    @property
    def name(self) -> str:
        """The resource's name in the program, and its stack."""
        return f"{self.urn.rpartition('::')[2]} of stack {self.stack.rpartition('/')[2]}"


class Creations:
    """The states of the backend, as the creates of one run need them. Threads may share it.

    While a run goes on, no other run writes its stack's state. So one reading is enough for every resource whose
    creation had not begun by then: only the run's own creation can have been added since.
    """

    def __init__(
        self, states: Callable[[], States], clock: Clock, on_unreadable: Callable[[str], None], account: str = ""
    ) -> None:
        """`on_unreadable` receives the reason when a state could not be read; `account` is the name of the account
        whose instances count."""
        self._states = states
        self._account = account
        self._clock = clock
        self._on_unreadable = on_unreadable
        self._lock = threading.Lock()
        self._first_readings: dict[str, StackState] = {}
        self._read_ahead: set[str] = set()
        self._began_at: dict[str, float] = {}

    def rows(self, urn: str, not_before: float | None = None) -> Mapping[str, str] | None:
        """The URN of each instance's row of the URN's type in its own stack, None where its state cannot be read.
        Without `not_before`, an earlier reading of this run is as good."""
        state = self._first_readings.get(stack_prefix(urn)) if not_before is None else None
        if state is None:
            state = self._read(urn, self._clock.now() if not_before is None else not_before)
        return (
            None
            if state is None
            else {row.instance_id: row.urn for row in rows_of_type(state, urn) if not row.external}
        )

    def read_ahead(self, urn: str, began_at: float) -> None:
        """Reads the stack's state, once, for `interrupted`, which will wait for the rest of this reading only. Raises
        StateUnreadableError."""
        with self._lock:
            stack = stack_prefix(urn)
            if not urn or stack in self._first_readings or stack in self._read_ahead:
                return
            self._read_ahead.add(stack)
        self._states().stack_of(urn, began_at)

    def interrupted(self, urn: str, began_at: float) -> list[PendingCreation] | None:
        """The creations of a resource that earlier runs have begun and not ended, None where that cannot be read.

        `began_at` is when this run's own creation of it began, which stands in the state as well.
        """
        with self._lock:
            self._began_at[urn] = began_at
        state = self._first_readings.get(stack_prefix(urn)) or self._read(urn, began_at)
        if state is None:
            return None
        if _creations_of(urn, state) and state.read_at < began_at:  # it may be this run's own
            state = self._read(urn, began_at)
            if state is None:
                return None
        return self._without_own(urn, state)

    def all_interrupted(self, urn: str) -> list[PendingCreation]:
        """The interrupted creations of all resources of the URN's stack, as far as it was read."""
        state = self._first_readings.get(stack_prefix(urn))
        if state is None:
            return []
        return [
            creation
            for pending_urn in {creation.urn for creation in state.pending}
            for creation in self._without_own(pending_urn, state)
        ]

    def _without_own(self, urn: str, state: StackState) -> list[PendingCreation]:
        """The engine adds what it begins at the end."""
        pending = _creations_of(urn, state)
        return pending[:-1] if pending and state.read_at >= self._began_at.get(urn, NEVER_BEGAN) else pending

    def find_owners(self, urn: str) -> Mapping[str, Owner] | None:
        """The owner of each instance of the URN's type, in all stacks of the backend as they are now; None where they
        cannot be read."""
        states = self.all_stacks(urn)
        return None if states is None else owners_by_instance(states, urn)

    def all_stacks(self, urn: str) -> tuple[StackState, ...] | None:
        """All stacks of the backend as they are now, None where they cannot be read."""
        try:
            states = self._states().every_stack(urn, self._clock.now())
            return tuple(state.in_account(self._account) for state in states)
        except StateUnreadableError as error:
            self._on_unreadable(str(error))
            return None

    def _read(self, urn: str, not_before: float) -> StackState | None:
        try:
            state = self._states().stack_of(urn, not_before).in_account(self._account)
        except StateUnreadableError as error:
            self._on_unreadable(str(error))
            return None
        with self._lock:
            self._first_readings.setdefault(stack_prefix(urn), state)
        return state


def owners_by_instance(states: tuple[StackState, ...], urn: str) -> Mapping[str, Owner]:
    """The owner of each instance of the URN's type, by its id: two clouds may have one id."""
    rows = [row for state in states for row in rows_of_type(state, urn) if not row.external]
    return {row.instance_id: Owner(row.stack, row.urn) for row in rows}


def _creations_of(urn: str, state: StackState) -> list[PendingCreation]:
    return [creation for creation in state.pending if creation.urn == urn]


def stack_prefix(urn: str) -> str:
    return "::".join(urn.split("::")[:2])

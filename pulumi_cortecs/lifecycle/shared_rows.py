"""Other owners of an instance: other rows of the same stack, and rows of the backend's other stacks.

If several rows have an instance, all but the last one release it, and the last one deletes it. A row registers its
release before it reads the state, so rows that go at the same time see each other, and one of them deletes the
instance.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from pulumi_cortecs.lifecycle.journal import JournalError
from pulumi_cortecs.lifecycle.releases import Release, Releases
from pulumi_cortecs.lifecycle.stack_state import StackState, StateRow, States, StateUnreadableError, rows_of_type


@dataclass(frozen=True)
class DeletionPlan:
    """The plan for the instance of a deleted row. `keeper` is a row that keeps the instance; without one it is deleted.
    `problem`: the reason why the rows could not be read, "" for none."""

    keeper: StateRow | None = None
    release: Release | None = None
    problem: str = ""


class SharedRows:
    """The shared instances, as one process sees them. Threads may share it."""

    def __init__(self, states: Callable[[], States], releases: Releases, now: Callable[[], float]) -> None:
        """`now` gives the seconds that `StackState.read_at` counts in."""
        self._states = states
        self._releases = releases
        self._now = now
        self._lock = threading.Lock()
        self._first: StackState | str | None = None

    def rows_sharing(self, instance_id: str, urn: str) -> list[StateRow]:
        """The rows of this stack under other URNs that have the instance, by any reading of its state.

        Raises StateUnreadableError.
        """
        return [row for row in _owning_rows(self._states().stack_of(urn), instance_id, urn) if row.urn != urn]

    def plan_deletion(self, instance_id: str, urn: str) -> DeletionPlan:
        """Plans what happens to the instance of a row that is being deleted. The usual row costs one reading of the
        stack's state per process, however many are deleted.

        A release that is returned is to be withdrawn if the row stays after all.
        """
        first = self.read_first(urn)
        if isinstance(first, str):
            return DeletionPlan(problem=first)
        rows = _owning_rows(first, instance_id, urn)
        mine = [row.doomed for row in rows if row.urn == urn]
        if len(rows) - bool(mine) <= 0:
            return DeletionPlan()
        try:
            release = self._releases.register(instance_id, urn, mine)
        except JournalError as error:
            return DeletionPlan(problem=str(error))
        with suppress(StateUnreadableError):  # else the rows of the first reading
            rows = _owning_rows(self._states().stack_of(urn, self._now()), instance_id, urn)
        try:
            released = self._releases.active(instance_id)
        except JournalError as error:
            return DeletionPlan(release=release, problem=str(error))
        keeper = next((row for row in rows if not row.deleting and _as_release(row) not in released), None)
        return DeletionPlan(keeper, release)

    def cancel_deletion(self, plan: DeletionPlan) -> None:
        """Withdraws the plan of a row that could not be deleted."""
        if plan.release is not None:
            with suppress(JournalError):  # a release lives no longer than this process
                self._releases.withdraw(plan.release)

    def find_in_other_stack(self, instance_id: str, urn: str) -> StateRow | None:
        """A row of another stack of this backend that has the instance and is not being deleted.

        The states are read now, after the engine has recorded the deletion of the calling row: of two rows that are
        deleted at the same time at least one sees that the other goes, and deletes the instance. Raises
        StateUnreadableError.
        """
        own, *rest = self._states().every_stack(urn, self._now())
        others = [stack.in_account(_account_of(own, instance_id, urn)) for stack in rest if stack.name != own.name]
        rows = (row for stack in others for row in _owning_rows(stack, instance_id, urn))
        return next((row for row in rows if not row.deleting), None)

    def read_first(self, urn: str) -> StackState | str:
        """The stack's state, read when the first row is deleted, or the reason why it cannot be read."""
        with self._lock:
            if self._first is None:
                try:
                    self._first = self._states().stack_of(urn, self._now())
                except StateUnreadableError as error:
                    self._first = str(error)
            return self._first


def _as_release(row: StateRow) -> Release:
    return Release(row.instance_id, row.urn, row.doomed)


def _owning_rows(stack: StackState, instance_id: str, urn: str) -> list[StateRow]:
    """The rows that own the instance of the URN's type, without those that only read it: two clouds, and two accounts,
    may have one id."""
    here = stack.in_account(_account_of(stack, instance_id, urn))
    return [row for row in rows_of_type(here, urn) if row.instance_id == instance_id and not row.external]


def _account_of(stack: StackState, instance_id: str, urn: str) -> object:
    """The account that the row of the URN names; None without one."""
    rows = (row for row in stack.rows if (row.urn, row.instance_id) == (urn, instance_id))
    return next((row.outputs.get("account") for row in rows), None)

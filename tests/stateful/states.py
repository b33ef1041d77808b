"""The states of a scene's stacks, as the CLI would print them for a provider process: a little late, and not always."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from pulumi_cortecs.lifecycle.creations import stack_prefix
from pulumi_cortecs.lifecycle.stack_state import NEVER, PendingCreation, StackState, StateRow, StateUnreadableError
from tests.stateful.crowd import Crowd, CrowdLock
from tests.stateful.engine import Stack

_EXPORT: Final = (0.05, 0.1, 0.16, 0.4)
"""Seconds that half an export takes."""


class SceneStates:
    """The states as one process reads them. One reading serves all threads that came before it began. `unreadable` is
    the probability that a reading fails."""

    def __init__(
        self,
        crowd: Crowd,
        stacks: Callable[[], Sequence[Stack]],
        chance: random.Random,
        unreadable: Callable[[], float],
    ) -> None:
        self._crowd = crowd
        self._stacks = stacks
        self._chance = chance
        self._unreadable = unreadable
        self._lock = CrowdLock()
        self._cached: dict[str, StackState] = {}

    def stack_of(self, urn: str, not_before: float = NEVER) -> StackState:
        """The state of the stack that the URN names. Raises StateUnreadableError."""
        return self._read(self._named_by(urn), not_before)

    def every_stack(self, urn: str, not_before: float = NEVER) -> tuple[StackState, ...]:
        """All states, that of the URN's stack first. Raises StateUnreadableError."""
        first = self._named_by(urn)
        return tuple(
            self._read(stack, not_before) for stack in (first, *(one for one in self._stacks() if one != first))
        )

    def _named_by(self, urn: str) -> Stack:
        for stack in self._stacks():
            if stack_prefix(urn) == stack_prefix(stack.urn("")):
                return stack
        raise StateUnreadableError(f"the state of {urn!r} cannot be read: no such stack")

    def _read(self, stack: Stack, not_before: float) -> StackState:
        with self._lock:
            cached = self._cached.get(stack.name)
            if cached is not None and cached.read_at >= not_before:
                return cached
            read_at = self._crowd.now
            self._crowd.sleep(self._chance.choice(_EXPORT))
            if self._chance.random() < self._unreadable():
                raise StateUnreadableError(f"the state of {stack.name} cannot be read: `pulumi` does not answer")
            state = self._as_it_is(stack, read_at)
            self._crowd.sleep(self._chance.choice(_EXPORT))
            self._cached[stack.name] = state
            return state

    def _as_it_is(self, stack: Stack, read_at: float) -> StackState:
        return StackState(
            name=stack.name,
            read_at=read_at,
            rows=tuple(
                StateRow(
                    stack.name,
                    stack.urn(row.name),
                    row.id,
                    doomed=row.doomed,
                    deleting=row.deleting,
                    outputs=dict(row.outputs),
                )
                for row in stack.rows
            ),
            pending=tuple(PendingCreation(stack.name, stack.urn(name), dict(inputs)) for name, inputs in stack.pending),
        )

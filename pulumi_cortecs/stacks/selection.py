"""The states of the named stacks, or of all stacks: every one of them, or an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from pulumi_cortecs.lifecycle.holdings import PendingPurchase, StackHoldings, StackResource
from pulumi_cortecs.stacks.command import MissingStackError, Pulumi, StacksError, pulumi
from pulumi_cortecs.stacks.export import rows_and_pending

_MAX_PARALLEL: Final = 4


class _Named(BaseModel):
    name: str


_NAMES: Final = TypeAdapter(list[_Named])


@dataclass(frozen=True)
class StackSelection:
    """The stacks to read: by name, or all, in each of the backends (none: the one that pulumi is logged in to)."""

    stacks: Sequence[str]
    all_stacks: bool
    backend_urls: Sequence[str]
    directory: Path

    def read(self) -> tuple[StackHoldings, ...]:
        """All of their states. Raises StacksError if one of them cannot be read, if no backend has a name, and if a
        backend has no stacks, because a wrong URL looks the same."""
        if not self.stacks and not self.all_stacks:
            raise StacksError("no stack is named: give --stack NAME, once for each, or --all-stacks")
        clis = [pulumi(self.directory, url) for url in (self.backend_urls or (None,))]
        with ThreadPoolExecutor(_MAX_PARALLEL) as pool:
            if self.all_stacks:
                named = list(pool.map(_names, clis))
                wanted = [(cli, name) for cli, names in zip(clis, named, strict=True) for name in names]
            else:
                wanted = [(cli, name) for name in self.stacks for cli in clis]
            read: list[Callable[[], StackHoldings | None]] = [partial(_state, *stack) for stack in wanted]
            states = list(pool.map(lambda read_state: read_state(), read))
        for (_, name), state in zip(wanted, states, strict=True):
            if state is None and not any(other.name == name for other in states if other is not None):
                backends = ", ".join(cli.backend for cli in clis)
                raise StacksError(f"{name}: no such stack in {backends}")
        return tuple(state for state in states if state is not None)


def _names(cli: Pulumi) -> list[str]:
    listed = cli.ask("stack", "ls", "--all", "--json", "--fully-qualify-stack-names")
    try:
        names = [stack.name for stack in _NAMES.validate_json(listed)]
    except ValidationError:
        raise StacksError(f"the list of the stacks in {cli.backend} cannot be read") from None
    if not names:
        raise StacksError(f"{cli.backend} has no stacks; is it the right backend?")
    return names


def _state(cli: Pulumi, name: str) -> StackHoldings | None:
    """The state, None if the backend has no such stack."""
    try:
        exported = cli.ask("stack", "export", "--stack", name)
    except MissingStackError:
        return None
    rows, pending = rows_and_pending(name, exported)
    return StackHoldings(name, cli.backend, rows, pending, _is_updating(cli, [*rows, *pending]))


def _is_updating(cli: Pulumi, resources: Sequence[StackResource | PendingPurchase]) -> bool | None:
    """Returns whether the stack is locked; None if unknown, because only directories have a known place for locks."""
    folder = cli.folder
    if folder is None or not resources:
        return None
    stack, project = resources[0].urn.split("::")[0].rpartition(":")[2], resources[0].urn.split("::")[1]
    locks = folder / ".pulumi" / "locks"
    return any(lock.parent.name == stack and lock.parts[-3] in (project, "locks") for lock in locks.rglob("*.json"))

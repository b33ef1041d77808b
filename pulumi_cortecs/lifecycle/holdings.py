"""The instances in the states of stacks: those that they own, only read, or were about to buy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pulumi_cortecs.http.credentials import are_apart
from pulumi_cortecs.lifecycle.labels import clip_value
from pulumi_cortecs.lifecycle.stack_state import resource_name


@dataclass(frozen=True)
class StackResource:
    """An Instance in a state. `external`: it is only read (`Instance.get`), so no command would delete it. `expires_at`
    is the state's text, or None; `account` is the fingerprint of the account that bought it; `doomed`: it was replaced
    and waits for its deletion; `resource_type` tells its cloud."""

    stack: str
    urn: str
    instance_id: str
    external: bool = False
    protected: bool = False
    expires_at: object = None
    account: object = None
    doomed: bool = False
    resource_type: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return resource_name(self.urn)

    @property
    def is_owner(self) -> bool:
        """True if a `destroy` of its stack deletes the instance."""
        return not self.external


@dataclass(frozen=True)
class PendingPurchase:
    """A creation that the state has as begun and not ended: it goes on, or was killed."""

    stack: str
    urn: str
    arguments: Mapping[str, object]
    resource_type: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return resource_name(self.urn)


@dataclass(frozen=True)
class StackHoldings:
    """One stack's state. `backend` is its place, without credentials. `updating`: whether a command works on it now or
    was killed, None if the backend does not show it."""

    name: str
    backend: str
    rows: tuple[StackResource, ...] = ()
    pending: tuple[PendingPurchase, ...] = ()
    updating: bool | None = None

    def may_be(self, project: str, stack: str) -> bool:
        """Returns whether it may be the stack that two labels name. A short name says no project."""
        own_project, own_stack = map(clip_value, ["", *self.name.split("/")][-2:])
        return own_stack == stack and (self.name.count("/") < 2 or own_project == project)

    def of_types(self, tokens: Collection[str], account: object = None) -> StackHoldings:
        """The same stack with the rows and creations of these types only, and so of one cloud; without the rows of what
        is certainly in another account than this one, which may have the same id."""
        rows = (row for row in self.rows if row.resource_type in tokens)
        pending = tuple(purchase for purchase in self.pending if purchase.resource_type in tokens)
        return replace(self, rows=tuple(row for row in rows if not are_apart(row.account, account)), pending=pending)


def find_shared_instances(stacks: Iterable[StackHoldings]) -> dict[str, tuple[StackResource, ...]]:
    """Instances that several live rows own, with those rows: deleting one affects all its rows.

    Rows that wait for their deletion do not count, and a row counts once even if its stack was named twice.
    """
    rows_by_id: dict[str, list[tuple[str, StackResource]]] = {}
    for stack in stacks:
        for row in stack.rows:
            rows = rows_by_id.setdefault(row.instance_id, [])
            if row.is_owner and not row.doomed and not any(_is_same_row(stack.backend, row, *other) for other in rows):
                rows.append((stack.backend, row))
    return {instance_id: tuple(row for _, row in rows) for instance_id, rows in rows_by_id.items() if len(rows) > 1}


def row_names(rows: Sequence[StackResource]) -> str:
    """The rows' names and stacks, for a person."""
    return " and ".join(f"{row.name} in {row.stack}" for row in rows)


def _is_same_row(backend: str, row: StackResource, other_backend: str, other: StackResource) -> bool:
    """Returns whether one row was read under two names of its stack: "dev", "organization/shop/dev"."""
    names = [f"/{named_row.stack}" for named_row in (row, other)]
    return (backend, row.urn) == (other_backend, other.urn) and (
        names[0].endswith(names[1]) or names[1].endswith(names[0])
    )

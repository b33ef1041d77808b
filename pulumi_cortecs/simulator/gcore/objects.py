"""Objects with a name and nothing that runs: keys of deployments, logins of registries, secrets."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pulumi_cortecs.simulator.gcore.errors import conflict, not_found

Json = dict[str, Any]


@dataclass(frozen=True)
class PlainObject:
    """One object: its `body` as it was sent, and the `secret` that a key gets, which only its creation shows."""

    project_id: int
    name: str
    created_at: datetime
    body: Json = field(repr=False)
    secret: str = field(default="", repr=False)


class PlainObjects:
    """The objects of one `kind` (a word for messages), whose names are unique in their project."""

    def __init__(self, kind: str, table: MutableMapping[str, PlainObject]):
        self.kind = kind
        self._table = table

    def of(self, project_id: int) -> list[PlainObject]:
        """The objects of a project, in the order of their creation."""
        return [row for row in self._table.values() if row.project_id == project_id]

    def find(self, project_id: int, name: str) -> PlainObject | None:
        """An object, or None."""
        return self._table.get(_key(project_id, name))

    def require(self, project_id: int, name: str) -> PlainObject:
        """An object. Raises ApiError for an unknown one."""
        row = self.find(project_id, name)
        if row is None:
            raise not_found(self.kind, name)
        return row

    def add(self, added: PlainObject) -> PlainObject:
        """Add an object. Raises ApiError for a name that is taken."""
        if self.find(added.project_id, added.name) is not None:
            raise conflict(f"{self.kind} {added.name!r} already exists")
        return self.put(added)

    def put(self, changed: PlainObject) -> PlainObject:
        """Add or replace an object."""
        self._table[_key(changed.project_id, changed.name)] = changed
        return changed

    def remove(self, project_id: int, name: str) -> None:
        """Remove an object. Raises ApiError for an unknown one."""
        self.require(project_id, name)
        del self._table[_key(project_id, name)]

    def clear(self) -> None:
        """Remove all objects."""
        self._table.clear()


def _key(project_id: int, name: str) -> str:
    return f"{project_id}/{name}"

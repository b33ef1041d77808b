"""The rows of states that are releasing an instance at this moment, for all processes of this machine.

Two rows may have one instance, and two explicit Providers are two processes. Each row is registered in the journal's
file before it searches for other owners, so that the last row sees all the others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pulumi_cortecs.lifecycle.journal import Journal

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS releases (instance_id TEXT NOT NULL, urn TEXT NOT NULL, doomed INTEGER NOT NULL, "
    "process TEXT NOT NULL)"
)


@dataclass(frozen=True)
class Release:
    """A row that is releasing its instance. `doomed`: it was replaced; a URN can have a live row and a doomed one."""

    instance_id: str
    urn: str
    doomed: bool


class Releases:
    """The releases in a journal's file. Threads may share it; every method raises JournalError."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def register(self, instance_id: str, urn: str, doomed: Sequence[bool]) -> Release:
        """Records that a row of the URN is releasing the instance, and returns that row.

        `doomed` are the rows of that URN, which the engine's call does not distinguish: a doomed one goes first.
        """
        with self._journal.transaction() as connection:
            connection.execute(_TABLE)
            self._remove_dead_processes(connection)
            releasing = _read_releases(connection, instance_id)
            free = [
                is_doomed
                for is_doomed in sorted(doomed, reverse=True)
                if Release(instance_id, urn, is_doomed) not in releasing
            ]
            release = Release(instance_id, urn, free[0] if free else False)
            connection.execute(
                "INSERT INTO releases VALUES (?, ?, ?, ?)",
                (instance_id, urn, int(release.doomed), self._journal.process_id()),
            )
        return release

    def active(self, instance_id: str) -> frozenset[Release]:
        """The rows that are releasing the instance, in live processes."""
        with self._journal.transaction() as connection:
            connection.execute(_TABLE)
            self._remove_dead_processes(connection)
            return _read_releases(connection, instance_id)

    def withdraw(self, release: Release) -> None:
        """Withdraws a release: the row stays, because its instance could not be deleted."""
        with self._journal.transaction() as connection:
            connection.execute(
                "DELETE FROM releases WHERE rowid IN (SELECT rowid FROM releases "
                "WHERE instance_id = ? AND urn = ? AND doomed = ? AND process = ? LIMIT 1)",
                (release.instance_id, release.urn, int(release.doomed), self._journal.process_id()),
            )

    def _remove_dead_processes(self, connection: sqlite3.Connection) -> None:
        """Deletes the releases of dead processes: their rows stay in the state, unless the engine has removed them."""
        for (process,) in connection.execute("SELECT DISTINCT process FROM releases").fetchall():
            if not self._journal.is_process_alive(str(process)):
                connection.execute("DELETE FROM releases WHERE process = ?", (process,))


def _read_releases(connection: sqlite3.Connection, instance_id: str) -> frozenset[Release]:
    rows = connection.execute("SELECT urn, doomed FROM releases WHERE instance_id = ?", (instance_id,)).fetchall()
    return frozenset(Release(instance_id, str(urn), bool(doomed)) for urn, doomed in rows)

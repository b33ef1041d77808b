"""The ledger of the orders of all processes of this machine in an account, for a limit that they share.

A process decides whether there is room, and records its order, in one transaction of this file. An entry only adds to
the account's list. It outlives its process, and is deleted when the order has provably bought nothing, or its instance
is provably gone: by evidence, never by age.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.lifecycle.cloud import Arguments
from pulumi_cortecs.lifecycle.shared_file import SharedFile, SharedFileError

FILE_NAME: Final = "ledger.sqlite3"
_BUSY_TIMEOUT: Final = 5.0
"""Seconds for which another process may hold the file. No transaction on it sends a request."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS notes (
    number INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    process TEXT NOT NULL,
    amount TEXT,
    currency TEXT,
    arguments TEXT NOT NULL,
    before TEXT NOT NULL,
    starts INTEGER NOT NULL,
    ordered_at REAL NOT NULL,
    instance_id TEXT,
    answered_at REAL,
    absent_since REAL,
    seen_at REAL
);
CREATE INDEX IF NOT EXISTS notes_of ON notes (account);
"""
_COLUMNS: Final = (
    "number, amount, currency, arguments, before, starts, ordered_at, instance_id, answered_at, absent_since, seen_at"
)


class LedgerError(SharedFileError):
    """The ledger cannot be used. The text names the file and why."""


@dataclass(frozen=True)
class OrderEntry:
    """One order. `hourly` is its hourly cost, None where that is unknown; `before` are the ids that were listed before
    it; `is_restart`: it starts an existing instance.

    `answered_at`: the time of its outcome, None while an answer can still come. It and `ordered_at` are by the clock of
    its process, which a program can move, so no entry is deleted because of them. `absent_since`: the first later list
    without it; `seen_at`: the first list, or answer by id, with it; both by the vendor's clock.
    """

    number: int
    hourly: Money | None
    arguments: Arguments
    before: frozenset[str]
    ordered_at: float
    is_restart: bool = False
    instance_id: str | None = None
    answered_at: float | None = None
    absent_since: float | None = None
    seen_at: float | None = None


@dataclass(frozen=True)
class LedgerChanges:
    """The changes of a decision: entries to be written, and the numbers of those to be deleted."""

    kept: tuple[OrderEntry, ...] = ()
    dropped: tuple[int, ...] = ()


class SharedLedger(SharedFile):
    """The entries of one account. Threads may share it; every method raises LedgerError."""

    error = LedgerError
    version = 2

    def __init__(self, directory: Path, account: str, patience: float = _BUSY_TIMEOUT) -> None:
        super().__init__(directory / FILE_NAME, patience=patience)
        self._account = account
        self._settled: dict[int, OrderEntry] = {}

    def others(self) -> list[OrderEntry]:
        """The entries of other processes. Reading creates no file."""
        with self._reading() as connection:
            return [] if connection is None else self._select_others(connection)

    def decide(self, decision: Callable[[list[OrderEntry]], LedgerChanges]) -> None:
        """Applies the changes that `decision` returns for the entries of other processes, in one transaction.
        `decision` must send no request."""
        with self._writing(flushed=False) as connection:
            self._write(connection, decision(self._select_others(connection)))

    def change(self, changes: LedgerChanges) -> None:
        """Writes changes of this process's own orders."""
        with self._writing(flushed=False) as connection:
            self._write(connection, changes)

    def forget(self, instance_id: str) -> None:
        """Deletes the entries of an instance that is provably gone. Costs nothing without a file."""
        if self.file.exists():
            with self._writing(flushed=False) as connection:
                where = (self._account, instance_id)
                connection.execute("DELETE FROM notes WHERE account = ? AND instance_id = ?", where)

    def _select_others(self, connection: sqlite3.Connection) -> list[OrderEntry]:
        rows = connection.execute(
            f"SELECT process, {_COLUMNS} FROM notes WHERE account = ? AND process <> ? ORDER BY ordered_at, number",
            (self._account, self._process_id or ""),
        ).fetchall()
        # most entries are settled and do not change any more
        entries = [self._settled.get(row[1]) or self._entry(*row) for row in rows]
        self._settled = {entry.number: entry for entry in entries if entry.seen_at is not None}
        return entries

    def _write(self, connection: sqlite3.Connection, changes: LedgerChanges) -> None:
        for entry in changes.kept:
            amount, currency = (
                (None, None) if entry.hourly is None else (str(entry.hourly.amount), entry.hourly.currency)
            )
            before = sorted(entry.before) if entry.instance_id is None else []
            connection.execute(
                "INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET "
                "before = excluded.before, ordered_at = excluded.ordered_at, instance_id = excluded.instance_id, "
                "answered_at = excluded.answered_at, absent_since = excluded.absent_since, seen_at = excluded.seen_at",
                (
                    *(entry.number, self._account, self._register_process(), amount, currency),
                    *(json.dumps(entry.arguments), json.dumps(before), int(entry.is_restart), entry.ordered_at),
                    *(entry.instance_id, entry.answered_at, entry.absent_since, entry.seen_at),
                ),
            )
            if entry.seen_at is not None:  # one entry per instance is enough
                connection.execute(
                    "DELETE FROM notes WHERE account = ? AND instance_id = ? AND number <> ? AND seen_at IS NOT NULL",
                    (self._account, entry.instance_id, entry.number),
                )
        connection.executemany("DELETE FROM notes WHERE number = ?", [(number,) for number in changes.dropped])

    def _entry(self, process: str, *row: object) -> OrderEntry:
        number, amount, currency, arguments, before, starts, ordered_at, *times = row
        instance_id, answered_at, absent_since, seen_at = times
        entry = OrderEntry(
            number=int(str(number)),
            hourly=None if amount is None else Money.of(str(amount), str(currency)),
            arguments=tuple(json.loads(str(arguments))),
            before=frozenset(json.loads(str(before))),
            ordered_at=float(str(ordered_at)),
            is_restart=bool(starts),
            instance_id=None if instance_id is None else str(instance_id),
            answered_at=_seconds(answered_at),
            absent_since=_seconds(absent_since),
            seen_at=_seconds(seen_at),
        )
        if entry.answered_at is None and not self.is_process_alive(process):
            return replace(entry, answered_at=entry.ordered_at)  # no answer can come any more
        return entry

    def _upgrade(self, connection: sqlite3.Connection, version: int) -> None:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        if version == 1:  # the former machine had another clock
            connection.execute("UPDATE notes SET absent_since = NULL")


def _seconds(value: object) -> float | None:
    return None if value is None else float(str(value))

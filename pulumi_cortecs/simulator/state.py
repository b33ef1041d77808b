"""The store of the simulator's state, in memory or in a SQLite file.

The simulated clouds keep their values in named tables, which are plain mappings of frozen values. In memory a table is
a dict. In a file, `save` writes the changes since the last save in a single transaction. The routes call it before they
send an answer (`routing`), so every change that a client knows of survives a kill -9. A power cut can lose the last
moments (synchronous=NORMAL), but does not damage the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, MutableMapping, ValuesView
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

FORMAT = 1
_APPLICATION_ID = int.from_bytes(b"pcSi", "big")
_SCHEMA = """
CREATE TABLE kept (
    position INTEGER PRIMARY KEY,
    shelf TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (shelf, key)
)
"""
_LOAD = "SELECT key, value FROM kept WHERE shelf = ? ORDER BY position"
_PUT = (
    "INSERT INTO kept (shelf, key, value) VALUES (?, ?, ?) "
    "ON CONFLICT (shelf, key) DO UPDATE SET value = excluded.value"
)
_REMOVE = "DELETE FROM kept WHERE shelf = ? AND key = ?"
_EMPTY = "DELETE FROM kept WHERE shelf = ?"


class StateError(Exception):
    """The file cannot be used, and was not changed; the message is one line with its path and the reason."""


class State(Protocol):
    """Named tables, whose changes `save` keeps."""

    def table(self, name: str, kind: type[T]) -> MutableMapping[str, T]:
        """The values of that table, in the order of their addition. To change a value, replace it."""

    def save(self) -> None:
        """Saves all changes made so far, or none of them."""

    def close(self) -> None:
        """Closes the file without saving."""


def open_state(path: Path | None) -> State:
    """The state in a file, which is created if it does not exist, or in memory.

    Raises StateError for a file that is not a state of a simulator, is of a newer version, damaged, or in use.
    """
    return _MemoryState() if path is None else _FileState(path)


class _MemoryState:
    def table(self, name: str, kind: type[T]) -> MutableMapping[str, T]:
        return {}

    def save(self) -> None:
        pass

    def close(self) -> None:
        pass


class _FileState:
    def __init__(self, path: Path):
        self._path = path
        self._tables: list[_Table[Any]] = []
        self._connection = _connect(path.absolute())

    def table(self, name: str, kind: type[T]) -> MutableMapping[str, T]:
        adapter = TypeAdapter(kind)
        try:
            rows = self._connection.execute(_LOAD, (name,))
            table = _Table(name, adapter, {key: adapter.validate_json(value) for key, value in rows})
        except (ValidationError, sqlite3.DatabaseError) as damage:
            raise StateError(f"{self._path} is damaged, at its {name}: {str(damage).splitlines()[0]}") from None
        self._tables.append(table)
        return table

    def save(self) -> None:
        changed = [table for table in self._tables if table.changed]
        if not changed:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for table in changed:
                table.write(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        for table in changed:
            table.mark_written()

    def close(self) -> None:
        self._connection.close()


class _Table(MutableMapping[str, T], Generic[T]):
    """A dict that records its changes since the last save."""

    def __init__(self, name: str, adapter: TypeAdapter[T], items: dict[str, T]):
        self._name = name
        self._adapter = adapter
        self._items = items
        self.mark_written()

    @property
    def changed(self) -> bool:
        return bool(self._put or self._removed or self._emptied)

    def write(self, connection: sqlite3.Connection) -> None:
        if self._emptied:
            connection.execute(_EMPTY, (self._name,))
        # removals first: a value that was removed and added again comes last, as in the dict
        connection.executemany(_REMOVE, [(self._name, key) for key in self._removed])
        encode = self._adapter.dump_json
        connection.executemany(_PUT, [(self._name, key, encode(self._items[key]).decode()) for key in self._put])

    def mark_written(self) -> None:
        self._put: dict[str, None] = {}
        self._removed: set[str] = set()
        self._emptied = False

    def __getitem__(self, key: str) -> T:
        return self._items[key]

    def __setitem__(self, key: str, value: T) -> None:
        self._items[key] = value
        self._put[key] = None

    def __delitem__(self, key: str) -> None:
        del self._items[key]
        self._put.pop(key, None)
        self._removed.add(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def values(self) -> ValuesView[T]:
        # the inherited one looks up every key, which is slow for lists of a thousand instances
        return self._items.values()

    def clear(self) -> None:
        self._items.clear()
        self.mark_written()
        self._emptied = True


def _connect(path: Path) -> sqlite3.Connection:
    """An exclusive connection, whose lock always ends with its process."""
    try:
        if path.exists() and path.stat().st_size:
            _check_header(path)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as failure:
        raise StateError(f"{path} cannot be opened: {failure.strerror}") from None
    try:
        # the threads use it in turn: this one loads, the server's saves, this one closes
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as failure:
        raise StateError(f"{path} cannot be opened: {failure}") from None
    try:
        _lock_and_stamp(connection)
    except BaseException as failure:
        connection.close()
        if isinstance(failure, sqlite3.OperationalError) and "locked" in str(failure):
            raise StateError(f"{path} is in use by another simulator") from None
        if isinstance(failure, sqlite3.DatabaseError):
            raise StateError(f"{path} cannot be used: {failure}") from None
        raise
    return connection


def _check_header(path: Path) -> None:
    """Refuses foreign files without changing them: as immutable, SQLite takes no lock and writes no file beside it."""
    foreign = StateError(f"{path} is not a state of this simulator, and was left as it is")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            application_id, version = _read_stamps(connection)
    except sqlite3.OperationalError as failure:
        raise StateError(f"{path} cannot be opened: {failure}") from None
    except sqlite3.DatabaseError:
        raise foreign from None
    if application_id != _APPLICATION_ID:
        raise foreign
    if version > FORMAT:
        raise StateError(f"{path} was written by a newer version (format {version}, this one knows {FORMAT})")


def _lock_and_stamp(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN EXCLUSIVE")
    if _read_stamps(connection) != (_APPLICATION_ID, FORMAT):
        # a new file. It gets its WAL only afterwards, so that the stamps are in the file itself, where _check_header
        # reads
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute(_SCHEMA)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")


def _read_stamps(connection: sqlite3.Connection) -> tuple[int, int]:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(application_id), int(version)

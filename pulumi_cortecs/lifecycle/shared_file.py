"""A SQLite file that several processes of this machine use at once, and the list of live processes.

The file has to be on a disk of this machine. Each process holds a lock on a file of its own while it lives, so that the
others know whether an answer can still arrive there.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final

from pulumi_cortecs.lifecycle.state_directory import NOWHERE

BUSY_SECONDS: Final = 20.0
_RETRY_AFTER: Final = 60.0
"""Seconds for which this process does not retry a file that failed slowly: if locks do not work, or are held for too
long, each attempt takes all of BUSY_SECONDS, and calls come one after the other."""

_SLOW_SECONDS: Final = 1.0
"""Seconds after which a failure is a slow one."""


class SharedFileError(Exception):
    """The file cannot be used. The text names it and why."""


class SharedFile:
    """One such file. Threads may share it; every method raises the error of its kind, `error`."""

    error: ClassVar[type[SharedFileError]] = SharedFileError
    version: ClassVar[int]
    """The version of the tables. A file of a newer version is not touched."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic, patience: float = BUSY_SECONDS) -> None:
        """`clock` returns monotonic seconds; `patience`: seconds for which another process may hold the file."""
        self.file = file
        self._processes = file.parent / "processes"
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._abandoned: list[sqlite3.Connection] = []
        self._process_id: str | None = None
        self._claim: int | None = None
        self._clock = clock
        self._patience = patience
        self._unusable: tuple[float, str] | None = None

    def process_id(self) -> str:
        """The name of this process, by which others check that it is alive."""
        with self._lock, self._wrap_errors():
            return self._register_process()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction on another module's table in this file: for rows that live no longer than a process, so
        unflushed."""
        with self._writing(flushed=False) as connection:
            yield connection

    def is_process_alive(self, process: str) -> bool:
        """Returns whether the process of that name is alive."""
        if process == self._process_id:
            return True
        try:
            with (self._processes / process).open("rb") as file:
                return not _is_lock_free(file.fileno())
        except OSError:
            return False

    def close(self) -> None:
        """Closes the file, and gives up this process's lock."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._claim is not None:
                os.close(self._claim)
                self._claim, self._process_id = None, None

    def _upgrade(self, connection: sqlite3.Connection, version: int) -> None:
        """Upgrades the tables of an older file, or of a new one (version 0), within a transaction."""
        raise NotImplementedError

    def _after_upgrade(self, connection: sqlite3.Connection, version: int) -> None:
        """Called after that transaction."""

    def _forget_cached(self) -> None:
        """Called when data from the file may be outdated."""

    def _register_process(self) -> str:
        """Creates the name and the lock of this process, and returns the name."""
        if self._process_id is None:
            _make_folder(self._processes)
            self._remove_dead_processes()
            while self._process_id is None:
                name = secrets.token_hex(8)
                # only the end of the process closes it, so that others notice the end
                self._claim = _open_file(self._processes / name)
                fcntl.flock(self._claim, fcntl.LOCK_EX)
                if os.fstat(self._claim).st_nlink:  # else another process removed it before it was locked
                    self._process_id = name
                else:
                    os.close(self._claim)
        return self._process_id

    def _remove_dead_processes(self) -> None:
        for path in self._processes.iterdir():
            with suppress(OSError), path.open("rb") as file:
                if _is_lock_free(file.fileno()):
                    path.unlink()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection, or None without a file, which reading does not create."""
        with self._lock, self._wrap_errors():
            yield self._open() if self._connection is not None or self.file.exists() else None

    @contextmanager
    def _writing(self, *, flushed: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction. If it is not flushed, a power cut may undo it."""
        with self._lock, self._wrap_errors():
            connection = self._open()
            connection.execute(f"PRAGMA synchronous = {'FULL' if flushed else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                self._forget_cached()
                raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity != _file_identity(self.file):
            # deleted while in use. Closing it would delete the files of its successor
            self._abandoned.append(self._connection)
            self._connection, self._process_id = None, None
            self._forget_cached()
        if self._connection is None:
            _make_folder(self.file.parent)
            os.close(_open_file(self.file))
            connection = sqlite3.connect(
                self.file, timeout=self._patience, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection, self._identity = connection, _file_identity(self.file)
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > self.version:
            raise self.error(f"{self.file} was written by a newer pulumi-cortecs")
        connection.execute("PRAGMA journal_mode = WAL")
        if version < self.version:
            self._migrate(connection)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Upgrades the file in one step, because another process may be quicker."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            self._upgrade(connection, version)
            connection.execute(f"PRAGMA user_version = {self.version}")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._after_upgrade(connection, version)

    @contextmanager
    def _wrap_errors(self) -> Iterator[None]:
        if self._unusable is not None and self._clock() < self._unusable[0]:
            raise self.error(self._unusable[1])
        began = self._clock()
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            why = getattr(error, "strerror", None) or error
            text = f"{self.file} cannot be used: {why}"
            if self.file.parent == NOWHERE:
                text = f"{self.file.name} has no folder, because this user has no home"
            if self._clock() - began > _SLOW_SECONDS:
                self._unusable = self._clock() + _RETRY_AFTER, text
            raise self.error(text) from error


def _file_identity(file: Path) -> tuple[int, int] | None:
    """The identity of a file, whatever its name; None if it does not exist."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _is_lock_free(claim: int) -> bool:
    """Returns whether no process holds the file that is open as `claim`. Several may ask at once."""
    try:
        fcntl.flock(claim, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_folder(folder: Path) -> None:
    """Makes a folder for this user only, or for all users that may write in its parent."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _open_to_others(folder, 0o070, 0o007)


def _open_file(path: Path) -> int:
    """Opens a file, and creates it if it is missing; sqlite alone would leave its mode to the umask."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if is_new:
        _open_to_others(path, 0o060, 0o006)
    return descriptor


def _open_to_others(path: Path, group: int, world: int) -> None:
    """Gives access to the users that may write in the parent folder."""
    around = path.parent.stat().st_mode
    more = (group if around & stat.S_IWGRP else 0) | (world if around & stat.S_IWOTH else 0)
    if more:
        path.chmod(stat.S_IMODE(path.stat().st_mode) | more)

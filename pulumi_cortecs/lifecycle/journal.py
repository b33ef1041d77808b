"""The journal of this machine's orders: an SQLite file that records each order before it is sent.

If a process dies between a vendor's answer and the engine's checkpoint, no state has the purchase, but the journal has
its order. The first later call of an engine with the instance's id closes the order, because a state then has the
instance.

Several processes of one machine may use one journal at once (lifecycle/shared_file.py).
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from pulumi_cortecs.lifecycle.labels import NO_LABELS, Labels
from pulumi_cortecs.lifecycle.shared_file import BUSY_SECONDS, SharedFile, SharedFileError
from pulumi_cortecs.lifecycle.stack_state import resource_name
from pulumi_cortecs.lifecycle.state_directory import state_directory

FILE_NAME: Final = "orders.sqlite3"
_VERSION: Final = 4
_RETENTION: Final = 86400.0
"""Seconds that an order is kept at least after it was closed or refused. A closed order is kept as long as its instance
is listed: the instance must not be attributed to another order, nor be forgotten if no state has it."""

_NEARBY_ORDERS: Final = 3600.0
"""Seconds between two orders that may be confused with each other, with a wide margin."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS listings (number INTEGER PRIMARY KEY, ids TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY,
    backend TEXT NOT NULL,
    urn TEXT NOT NULL,
    account TEXT NOT NULL,
    arguments TEXT NOT NULL,
    listing INTEGER NOT NULL,
    sent_at REAL NOT NULL,
    vendor_time REAL,
    process TEXT NOT NULL,
    progress TEXT NOT NULL,
    instance_id TEXT,
    closed_at REAL,
    answered_at REAL,
    inferred INTEGER NOT NULL DEFAULT 0,
    labels TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS clocks (account TEXT PRIMARY KEY, difference REAL NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS one_order_each ON orders (account, instance_id) WHERE instance_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS open_orders ON orders (urn) WHERE closed_at IS NULL;
"""
_FROM_VERSION_1: Final = (
    "ALTER TABLE orders ADD COLUMN answered_at REAL",
    "ALTER TABLE orders ADD COLUMN inferred INTEGER NOT NULL DEFAULT 0",
)
_FROM_VERSION_2: Final = "ALTER TABLE orders ADD COLUMN labels TEXT NOT NULL DEFAULT '{}'"
_FROM_VERSION_3: Final = "DROP INDEX IF EXISTS one_order_each"
_IN_ACCOUNT: Final = "account IN ('', ?)"
"""The rows of an account. Earlier versions recorded no account ('') for instances of no order of their own: such a row
counts for every account."""
_COLUMNS: Final = (
    "number, backend, urn, account, arguments, sent_at, vendor_time, process, progress, instance_id, "
    "answered_at, inferred, (SELECT ids FROM listings WHERE listings.number = listing)"
)


_CLOSED_ROW: Final = (
    "INTO orders (number, backend, urn, account, arguments, listing, sent_at, process, progress, instance_id, "
    "closed_at) VALUES (?, '', '', ?, '[]', 0, ?, '', ?, ?, ?)"
)


class JournalError(SharedFileError):
    """The journal cannot be used. The text names the file and why."""


class Progress(Enum):
    """The progress of an order."""

    SENT = "sent"
    """Its answer may still reach the process that sent it, if that is alive."""
    LOST = "lost"
    """Its answer will not come; the process searches for the instance, if it is alive."""
    BOUGHT = "bought"
    """The instance's id is known."""
    UNDOING = "undoing"
    """The engine exited before the answer came: the process is deleting the instance again, if it is alive."""
    REFUSED = "refused"
    """The vendor answered with an error, which does not prove that nothing was bought."""
    KEPT = "kept"
    """The user excluded its instance from recovery (`orphans --keep`)."""


@dataclass(frozen=True)
class ResourceKey:
    """The resource of an order: its URN, and its state backend (lifecycle/backends.py).

    `former_backends` are identities that an earlier version, or an earlier place, may have recorded for that backend.
    """

    backend: str
    urn: str
    former_backends: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        """The project that the URN names, "" for an invalid URN."""
        parts = self.urn.split("::")
        return parts[1] if len(parts) > 1 else ""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return resource_name(self.urn)

    @property
    def digest(self) -> str:
        """The resource's identifier for a vendor: the same on any machine, and it reveals nothing."""
        return _digest(self.backend, self.urn)

    @property
    def digests(self) -> frozenset[str]:
        """The digest, and those with the former identities of its backend."""
        return frozenset(_digest(backend, self.urn) for backend in (self.backend, *self.former_backends))

    def is_near(self, other: ResourceKey) -> bool:
        """Returns whether both are of one project in one backend."""
        backends = {self.backend, *self.former_backends}
        return self.project == other.project and not backends.isdisjoint((other.backend, *other.former_backends))


@dataclass(frozen=True)
class OrderRecord:
    """One order. `before` are the ids that were listed before it was sent; `sent_at` is by this machine's calendar,
    `vendor_time` by the vendor's (both seconds since 1970, None where it is unknown). `answered_at` is when it was
    answered or refused, by this machine's calendar; `inferred`: its instance was identified by a list, because no
    answer named it."""

    number: int
    key: ResourceKey
    account: str
    arguments: tuple[object, ...]
    before: frozenset[str]
    sent_at: float
    vendor_time: float | None
    process: str
    progress: Progress
    instance_id: str | None
    answered_at: float | None = None
    inferred: bool = False


class _Instance(NamedTuple):
    """An instance of an account: another account, or another cloud, may have an equal id."""

    account: str
    instance_id: str


def journal_directory(environment: Mapping[str, str]) -> Path:
    """The journal's folder: $PULUMI_CORTECS_STATE_DIR, else the platform's folder for a user's state."""
    return state_directory(environment).path


def new_order_number() -> int:
    """A number for an order. It is unique even if the file is deleted meanwhile."""
    return secrets.randbits(62)


class Journal(SharedFile):
    """The journal of one directory. Threads may share it; every method raises JournalError."""

    error = JournalError
    version = _VERSION

    def __init__(
        self,
        directory: Path,
        calendar: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        patience: float = BUSY_SECONDS,
    ) -> None:
        """`calendar` returns seconds since 1970; for the others see SharedFile."""
        super().__init__(directory / FILE_NAME, clock, patience)
        self._calendar = calendar
        self._listing: tuple[frozenset[str], int] | None = None
        self._unconfirmed: set[_Instance] | None = None
        self._has_unresolved = False
        self._confirmed: set[_Instance] = set()

    def record(
        self,
        key: ResourceKey,
        account: str,
        arguments: tuple[object, ...],
        before: frozenset[str],
        vendor_time: float | None,
        number: int | None = None,
        labels: Labels = NO_LABELS,
    ) -> int:
        """Records an order that is about to be sent, and returns its number (a new one unless given). The record is on
        the disk when this returns."""
        number = new_order_number() if number is None else number
        with self._writing() as connection:
            values = (key.backend, key.urn, account, json.dumps(arguments), self._record_listing(connection, before))
            connection.execute(
                "INSERT INTO orders "
                "(number, backend, urn, account, arguments, listing, sent_at, vendor_time, process, progress, labels) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(number, *values, self._calendar(), vendor_time, self._register_process(), Progress.SENT.value),
                    labels.as_json(),
                ),
            )
            _prune(connection, self._calendar(), account, before)
        return number

    def advance(self, number: int, progress: Progress) -> None:
        """Records the progress of an order."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE orders SET progress = ?, answered_at = ? WHERE number = ?",
                (progress.value, self._calendar(), number),
            )

    def record_bought(self, number: int, instance_id: str, *, inferred: bool = False, is_new: bool = False) -> bool:
        """Records the instance of an order; returns False if that instance is another order's.

        `inferred`: it was identified by a list. `is_new`: no instance of that id existed before the order, so a closed
        order with that id is of an instance that is gone, and the vendor has reused its id.
        """
        with self._writing() as connection:
            order = connection.execute("SELECT account FROM orders WHERE number = ?", (number,)).fetchone()
            if order is None:  # the file was deleted meanwhile
                return True
            instance = _Instance(str(order[0]), instance_id)
            if is_new and instance_id not in self.confirmed_ids(instance.account):
                connection.execute(
                    f"DELETE FROM orders WHERE {_IN_ACCOUNT} AND instance_id = ? AND closed_at IS NOT NULL", instance
                )
            if connection.execute(
                f"SELECT 1 FROM orders WHERE {_IN_ACCOUNT} AND instance_id = ? AND number <> ?", (*instance, number)
            ).fetchone():
                return False
            connection.execute(
                "UPDATE orders SET progress = ?, instance_id = ?, inferred = ?, answered_at = ? WHERE number = ?",
                (Progress.BOUGHT.value, instance_id, int(inferred), self.now(), number),
            )
        with self._lock:
            self._unconfirmed_instances().add(instance)
        return True

    def record_account(self, number: int, account: str, instance_id: str) -> None:
        """Records that the order that bought the instance was sent in this account, whose key was another one then."""
        with self._writing() as connection:
            connection.execute("UPDATE OR IGNORE orders SET account = ? WHERE number = ?", (account, number))
        with self._lock:
            self._unconfirmed_instances().add(_Instance(account, instance_id))

    def record_labels(self, account: str, instance_id: str, own: Mapping[str, str]) -> None:
        """Replaces the program's labels of an instance that an order of this journal has bought; does nothing for
        another instance."""
        if not self.file.exists():
            return
        instance, where = (account, instance_id), "account = ? AND instance_id = ?"
        with self._writing(flushed=False) as connection:
            row = connection.execute(f"SELECT labels FROM orders WHERE {where}", instance).fetchone()
            if row is not None:
                text = replace(Labels.from_json(str(row[0])), own=own).as_json()
                connection.execute(f"UPDATE orders SET labels = ? WHERE {where}", (text, *instance))

    def labels(self, account: str) -> dict[str, Labels]:
        """The labels of the instances that orders of this journal have bought in an account, open or closed, by
        instance id."""
        with self._reading() as connection:
            if connection is None:
                return {}
            rows = connection.execute(
                "SELECT instance_id, labels FROM orders "
                "WHERE account = ? AND instance_id IS NOT NULL AND labels <> '{}'",
                (account,),
            ).fetchall()
            return {str(instance_id): Labels.from_json(str(text)) for instance_id, text in rows}

    def urns(self, account: str) -> dict[str, str]:
        """The URNs of the resources whose orders bought the instances of an account, open or closed, by instance
        id."""
        with self._reading() as connection:
            if connection is None:
                return {}
            rows = connection.execute(
                "SELECT instance_id, urn FROM orders WHERE account = ? AND instance_id IS NOT NULL AND urn <> ''",
                (account,),
            ).fetchall()
            return {str(instance_id): str(urn) for instance_id, urn in rows}

    def take_over(self, order: OrderRecord, key: ResourceKey | None = None) -> bool:
        """Makes another process's order this process's, and the resource's `key` if given; returns False if the order
        has changed."""
        lost = Progress.LOST if order.instance_id is None else Progress.BOUGHT
        taker = order.key if key is None else key
        with self._writing() as connection:
            done = connection.execute(
                "UPDATE orders SET process = ?, progress = ?, backend = ?, urn = ? "
                "WHERE number = ? AND process = ? AND progress = ? AND instance_id IS ? AND closed_at IS NULL",
                (
                    *(self._register_process(), lost.value, taker.backend, taker.urn),
                    *(order.number, order.process, order.progress.value, order.instance_id),
                ),
            )
        if done.rowcount and order.instance_id is not None:
            with self._lock:
                self._unconfirmed_instances().add(_Instance(order.account, order.instance_id))
        return done.rowcount == 1

    def mark_undoing(self, number: int) -> bool:
        """Marks an order of this process as being undone, its instance deleted; False when another process has taken it
        over."""
        with self._writing() as connection:
            owner = connection.execute("SELECT process FROM orders WHERE number = ?", (number,)).fetchone()
            if owner is not None and owner[0] != self._process_id:
                return False
            connection.execute("UPDATE orders SET progress = ? WHERE number = ?", (Progress.UNDOING.value, number))
        return True

    def delete(self, number: int) -> None:
        """Deletes an order that has bought nothing, or whose instance is gone."""
        with self._writing() as connection:
            connection.execute("DELETE FROM orders WHERE number = ?", (number,))

    def confirm(self, account: str, instance_id: str) -> None:
        """Closes the order that bought the instance, because an engine has its id. Costs nothing without such an order.

        Where orders are unresolved, the instance is marked as not theirs.
        """
        instance = _Instance(account, instance_id)
        with self._lock:
            is_confirmed = instance in self._confirmed
            self._confirmed.add(instance)
            closes = instance in self._unconfirmed_instances()
            if not closes and (is_confirmed or not self._has_unresolved):
                return
            self._unconfirmed_instances().discard(instance)  # once is enough, even if the write fails
            with self._writing(flushed=False) as connection:
                now = self._calendar()
                connection.execute(
                    "UPDATE orders SET closed_at = ? WHERE account = ? AND instance_id = ? AND closed_at IS NULL",
                    (now, *instance),
                )
                connection.execute(f"INSERT OR IGNORE {_CLOSED_ROW}", _closed_row(instance, Progress.BOUGHT, now))

    def forget(self, account: str, instance_id: str) -> None:
        """Deletes the order, if any, that bought an instance which is provably gone."""
        instance = _Instance(account, instance_id)
        with self._lock:
            self._unconfirmed_instances().discard(instance)
            self._confirmed.discard(instance)  # another may get its id, as it gets its name
        if not self.file.exists():
            return
        with self._writing(flushed=False) as connection:
            connection.execute(f"DELETE FROM orders WHERE {_IN_ACCOUNT} AND instance_id = ?", instance)

    def mark_kept(self, account: str, instance_id: str) -> None:
        """Excludes an instance from recovery: it is no longer a candidate for any order, and no purchase is refused
        because it runs."""
        instance = _Instance(account, instance_id)
        with self._lock:
            self._unconfirmed_instances().discard(instance)
        with self._writing() as connection:
            connection.execute(
                f"INSERT {_CLOSED_ROW} ON CONFLICT (account, instance_id) WHERE instance_id IS NOT NULL "
                "DO UPDATE SET progress = excluded.progress, closed_at = excluded.closed_at",
                _closed_row(instance, Progress.KEPT, self._calendar()),
            )

    def open_orders(self, key: ResourceKey | None = None) -> list[OrderRecord]:
        """The orders that no engine has confirmed, oldest first: of one resource, or all."""
        return self._select_orders("closed_at IS NULL", key)

    def closed_orders(self, key: ResourceKey) -> list[OrderRecord]:
        """The orders for a resource that an engine has confirmed, oldest first, without those that were marked as
        kept."""
        return self._select_orders(f"closed_at IS NOT NULL AND progress <> '{Progress.KEPT.value}'", key)

    def now(self) -> float:
        """The time of the calendar that dates orders, in seconds since 1970."""
        return self._calendar()

    def record_clock_difference(self, account: str, difference: float) -> None:
        """Records the difference of two clocks of an account's vendor, in seconds: the largest one counts."""
        with self._writing(flushed=False) as connection:
            connection.execute(
                "INSERT INTO clocks VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET difference = excluded.difference "
                "WHERE abs(excluded.difference) > abs(difference)",
                (account, difference),
            )

    def clock_difference(self, account: str) -> float | None:
        """The largest difference of two clocks of the account's vendor in seconds, None if it was never measured."""
        with self._reading() as connection:
            if connection is None:
                return None
            row = connection.execute("SELECT difference FROM clocks WHERE account = ?", (account,)).fetchone()
        return None if row is None else float(row[0])

    def _select_orders(self, condition: str, key: ResourceKey | None) -> list[OrderRecord]:
        with self._reading() as connection:
            if connection is None:
                return []
            values: tuple[str, ...] = ()
            if key is not None:
                backends = (key.backend, *key.former_backends)
                condition += f" AND urn = ? AND backend IN ({', '.join('?' * len(backends))})"
                values = (key.urn, *backends)
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM orders WHERE {condition} ORDER BY sent_at, number",
                values,
            ).fetchall()
            return [_order(row) for row in rows]

    def order(self, number: int) -> OrderRecord | None:
        """One open order, None when it is closed or forgotten."""
        return next((order for order in self.open_orders() if order.number == number), None)

    def instance_ids(self, account: str) -> frozenset[str]:
        """The ids of all instances of an account that an order of this journal has bought, that an engine has passed
        while orders were unresolved, or that were marked as kept."""
        with self._reading() as connection:
            if connection is None:
                return frozenset()
            rows = connection.execute(
                f"SELECT instance_id FROM orders WHERE {_IN_ACCOUNT} AND instance_id IS NOT NULL", (account,)
            ).fetchall()
        return frozenset(str(row[0]) for row in rows)

    def confirmed_ids(self, account: str) -> frozenset[str]:
        """The ids of an account that an engine has passed to this process. Needs no file."""
        with self._lock:
            return frozenset(instance.instance_id for instance in self._confirmed if instance.account == account)

    def is_mine(self, order: OrderRecord) -> bool:
        """Returns whether this process has sent the order."""
        return order.process == self._process_id

    def is_sender_alive(self, order: OrderRecord) -> bool:
        """Returns whether the process that sent the order is alive, and may get the answer."""
        return self.is_process_alive(order.process)

    def _unconfirmed_instances(self) -> set[_Instance]:
        """The instances of unconfirmed orders, read once per process, successfully or not: this process's engine cannot
        know later purchases of others."""
        if self._unconfirmed is None:
            self._unconfirmed = set()
            orders = self.open_orders()
            self._unconfirmed = {
                _Instance(order.account, order.instance_id) for order in orders if order.instance_id is not None
            }
            self._has_unresolved = any(order.instance_id is None for order in orders)
        return self._unconfirmed

    def _record_listing(self, connection: sqlite3.Connection, ids: frozenset[str]) -> int:
        """The number of a listing. Orders share it: a hundred purchases begin with one listing."""
        listing = self._listing
        if listing is not None and listing[0] == ids:
            # numbers are reused after a listing was deleted
            row = connection.execute("SELECT ids FROM listings WHERE number = ?", (listing[1],)).fetchone()
            if row is not None and row[0] == json.dumps(sorted(ids)):
                return listing[1]
        done = connection.execute("INSERT INTO listings (ids) VALUES (?)", (json.dumps(sorted(ids)),))
        assert done.lastrowid is not None
        self._listing = (ids, done.lastrowid)
        return done.lastrowid

    def _upgrade(self, connection: sqlite3.Connection, version: int) -> None:
        from pulumi_cortecs.lifecycle.backends import identify_v1_backend  # rarely needed

        if version == 1:
            for statement in _FROM_VERSION_1:
                connection.execute(statement)
            for (backend,) in connection.execute("SELECT DISTINCT backend FROM orders WHERE backend <> ''").fetchall():
                values = (identify_v1_backend(str(backend)), backend)
                connection.execute("UPDATE orders SET backend = ? WHERE backend = ?", values)
        if version in (1, 2):
            connection.execute(_FROM_VERSION_2)
        if version in (1, 2, 3):
            connection.execute(_FROM_VERSION_3)
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)

    def _after_upgrade(self, connection: sqlite3.Connection, version: int) -> None:
        if version == 1:  # records of an older version may contain a password, which must not stay on the disk
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")

    def _forget_cached(self) -> None:
        self._listing = None


def _closed_row(instance: _Instance, progress: Progress, now: float) -> tuple[object, ...]:
    """The values of _CLOSED_ROW: an instance that no order of this journal has bought."""
    return (new_order_number(), instance.account, now, progress.value, instance.instance_id, now)


def _digest(backend: str, urn: str) -> str:
    return hashlib.sha256(f"{backend}\n{urn}".encode()).hexdigest()[:32]


def _prune(connection: sqlite3.Connection, now: float, account: str, listed: frozenset[str]) -> None:
    """Deletes old refused orders, and old closed orders whose instance is no longer listed. It keeps those from about
    the time of an unresolved order, because the search for that order's instance must exclude theirs."""
    connection.execute(
        "DELETE FROM orders WHERE closed_at IS NULL AND progress = ? AND sent_at < ?",
        (Progress.REFUSED.value, now - _RETENTION),
    )
    old = connection.execute(
        f"SELECT number, instance_id FROM orders WHERE closed_at < ? AND {_IN_ACCOUNT} "
        "AND NOT EXISTS (SELECT 1 FROM orders AS lost WHERE "
        "lost.closed_at IS NULL AND lost.instance_id IS NULL AND orders.sent_at > lost.sent_at - ? "
        "AND (lost.vendor_time IS NULL OR orders.sent_at < lost.sent_at + ?))",
        (now - _RETENTION, account, _NEARBY_ORDERS, _NEARBY_ORDERS),
    ).fetchall()
    gone = [(number,) for number, instance_id in old if instance_id not in listed]
    if gone:
        connection.executemany("DELETE FROM orders WHERE number = ?", gone)
    connection.execute("DELETE FROM listings WHERE number NOT IN (SELECT listing FROM orders)")


def _order(row: tuple[object, ...]) -> OrderRecord:
    number, backend, urn, account, arguments, sent_at, vendor_time, process, progress, instance_id, *more = row
    answered_at, inferred, ids = more
    return OrderRecord(
        number=int(str(number)),
        key=ResourceKey(str(backend), str(urn)),
        account=str(account),
        arguments=tuple(json.loads(str(arguments))),
        before=frozenset(json.loads(str(ids)) if ids is not None else ()),
        sent_at=float(str(sent_at)),
        vendor_time=None if vendor_time is None else float(str(vendor_time)),
        process=str(process),
        progress=Progress(progress),
        instance_id=None if instance_id is None else str(instance_id),
        answered_at=None if answered_at is None else float(str(answered_at)),
        inferred=bool(inferred),
    )

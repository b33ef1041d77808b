"""Journals of earlier versions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pulumi_cortecs.lifecycle.backends import identify_v1_backend
from pulumi_cortecs.lifecycle.journal import FILE_NAME, Journal
from pulumi_cortecs.lifecycle.labels import Labels
from tests.unit.journals import CHAT, OTHER, SMALL

_VERSION_1 = """
CREATE TABLE listings (number INTEGER PRIMARY KEY, ids TEXT NOT NULL);
CREATE TABLE orders (number INTEGER PRIMARY KEY, backend TEXT NOT NULL, urn TEXT NOT NULL, account TEXT NOT NULL,
    arguments TEXT NOT NULL, listing INTEGER NOT NULL, sent_at REAL NOT NULL, vendor_time REAL, process TEXT NOT NULL,
    progress TEXT NOT NULL, instance_id TEXT, closed_at REAL);
CREATE UNIQUE INDEX one_order_each ON orders (instance_id) WHERE instance_id IS NOT NULL;
CREATE INDEX open_orders ON orders (urn) WHERE closed_at IS NULL;
INSERT INTO listings VALUES (1, '["before"]');
INSERT INTO orders VALUES (7, 'postgres://me:s3cr3t-word@db.test/state', 'urn', 'ours', '["small"]', 1, 5.0, 6.0,
    'dead', 'bought', 'i-1', NULL);
PRAGMA user_version = 1;
"""


def test_a_file_of_version_1_is_read_and_nothing_secret_stays_in_it(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "orders.sqlite3")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_VERSION_1)
    journal = Journal(tmp_path)
    (order,) = journal.open_orders()
    assert (order.instance_id, order.before, order.inferred) == ("i-1", frozenset({"before"}), False)
    assert order.key.backend == identify_v1_backend("postgres://me:s3cr3t-word@db.test/state")
    journal.close()
    assert not any(b"s3cr3t-word" in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


def test_an_upgrade_from_version_1_leaves_no_freed_page(tmp_path: Path) -> None:
    """A long text is on pages of its own, and an sqlite that does not overwrite what it frees keeps them as they
    were."""
    with closing(sqlite3.connect(tmp_path / "orders.sqlite3")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_VERSION_1)
        connection.execute("UPDATE orders SET backend = ?", (f"postgres://me:{'s3cr3t-word' * 2000}@db.test/state",))
        connection.commit()
    journal = Journal(tmp_path)
    assert [order.instance_id for order in journal.open_orders()] == ["i-1"]
    journal.close()
    with closing(sqlite3.connect(tmp_path / "orders.sqlite3")) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)


_TO_VERSION_2 = """
ALTER TABLE orders ADD COLUMN answered_at REAL;
ALTER TABLE orders ADD COLUMN inferred INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 2;
"""
_TO_VERSION_3 = """
ALTER TABLE orders ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
PRAGMA user_version = 3;
"""


def of_version(number: int, directory: Path, *more: str) -> None:
    """Writes a file of an earlier version, and runs more statements on it."""
    upgrades = (_VERSION_1, _TO_VERSION_2, _TO_VERSION_3)
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        for script in (*upgrades[:number], *more):
            connection.executescript(script)


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_earlier_version_gets_labels(tmp_path: Path, version: int) -> None:
    of_version(version, tmp_path)
    journal = Journal(tmp_path)
    assert journal.labels("ours") == {}
    journal.record_labels("ours", "i-1", {"team": "ads"})
    assert journal.labels("ours") == {"i-1": Labels({"team": "ads"})}
    (order,) = journal.open_orders()
    assert (order.instance_id, order.before) == ("i-1", frozenset({"before"}))
    journal.close()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_file_of_an_earlier_version_takes_equal_ids_of_two_accounts(tmp_path: Path, version: int) -> None:
    of_version(version, tmp_path)
    journal = Journal(tmp_path)
    number = journal.record(OTHER, "theirs", SMALL, frozenset(), None)
    assert journal.record_bought(number, "i-1")
    assert [(order.account, order.instance_id) for order in journal.open_orders()] == [
        ("ours", "i-1"),
        ("theirs", "i-1"),
    ]
    journal.confirm("theirs", "i-1")
    assert [order.account for order in journal.open_orders()] == ["ours"]
    journal.close()


def test_what_an_earlier_version_closed_without_an_account_counts_for_every_account(tmp_path: Path) -> None:
    """Earlier versions noted so what `orphans --keep` keeps, and what an engine has."""
    of_version(
        3,
        tmp_path,
        "INSERT INTO orders VALUES (8, '', '', '', '[]', 0, 5.0, NULL, '', 'kept', 'kept', 5.0, NULL, 0, '{}');",
        "INSERT INTO orders VALUES (9, '', '', '', '[]', 0, 5.0, NULL, '', 'bought', 'owned', 5.0, NULL, 0, '{}');",
    )
    journal = Journal(tmp_path, lambda: 10.0)
    for account in ("ours", "theirs"):
        assert {"kept", "owned"} <= journal.instance_ids(account)
        assert not journal.record_bought(journal.record(CHAT, account, SMALL, frozenset(), None), "kept")
    journal.mark_kept("ours", "kept")
    journal.forget("ours", "kept")
    assert journal.instance_ids("ours") == {"i-1", "owned"}
    journal.close()

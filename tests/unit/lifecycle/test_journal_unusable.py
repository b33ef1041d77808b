"""Journals that cannot be used: spoiled, locked, on a full disk, or deleted."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pulumi_cortecs.lifecycle.journal import FILE_NAME, Journal, JournalError
from tests.unit.journals import CHAT, OTHER, bought, other_process, sent


def spoiled(directory: Path) -> None:
    (directory / FILE_NAME).write_bytes(b"this is no database, but some text that somebody has put here" * 100)


def cut_off(directory: Path) -> None:
    journal = Journal(directory)
    for number in range(50):
        bought(journal, f"i-{number}")
    journal.close()
    content = (directory / FILE_NAME).read_bytes()
    (directory / FILE_NAME).write_bytes(content[: len(content) // 2])


def newer(directory: Path) -> None:
    with sqlite3.connect(directory / FILE_NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def no_directory(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("a file")


def foreign_rows(directory: Path) -> None:
    journal = Journal(directory)
    sent(journal)
    journal.close()
    with sqlite3.connect(directory / FILE_NAME) as connection:
        connection.execute("UPDATE orders SET progress = 'somehow', arguments = '7'")
    connection.close()


def a_directory_in_its_place(directory: Path) -> None:
    (directory / FILE_NAME).mkdir()


UNUSABLE = [spoiled, cut_off, newer, no_directory, foreign_rows, a_directory_in_its_place]


@pytest.mark.parametrize("spoil", UNUSABLE, ids=lambda spoil: spoil.__name__)
def test_a_journal_that_cannot_be_read_says_which_file_and_why(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    spoil(directory)
    journal = Journal(directory)
    with pytest.raises(JournalError) as failed:
        sent(journal) if spoil is no_directory else journal.open_orders()
    assert str(directory / FILE_NAME) in str(failed.value)
    journal.close()


def test_an_unreadable_journal_is_tried_once_when_an_engine_confirms(tmp_path: Path) -> None:
    newer(tmp_path)
    journal = Journal(tmp_path)
    with pytest.raises(JournalError, match="was written by a newer pulumi-cortecs"):
        journal.confirm("ours", "i-1")
    journal.confirm("ours", "i-1")
    journal.confirm("ours", "i-2")
    assert journal.confirmed_ids("ours") == {"i-1", "i-2"}


def test_a_full_disk_is_told_and_harms_nothing(tmp_path: Path, journal: Journal) -> None:
    bought(journal, "i-1")
    full = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal.open_orders()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    for number in range(100): sent(journal, OTHER)\n"
        "except JournalError as error:\n"
        "    assert 'orders.sqlite3 cannot be used: ' in str(error), error\n"
        "else:\n"
        "    raise AssertionError('it was not full')\n"
        "assert [order.instance_id for order in journal.open_orders(CHAT)] == ['i-1']"
    )
    with other_process(tmp_path, full):
        pass
    assert [order.instance_id for order in journal.open_orders(CHAT)] == ["i-1"]
    sent(journal, OTHER)


class Slow:
    """Seconds of a machine on which everything takes 20 of them, as long as `step` is not changed."""

    def __init__(self) -> None:
        self.now, self.step = 0.0, 20.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Locks the file for the length of the block, as another process does."""
    other = sqlite3.connect(directory / FILE_NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_file_that_failed_after_a_long_wait_is_not_waited_for_again(tmp_path: Path, journal: Journal) -> None:
    """On a file system without locks each try costs 20 seconds, and a destroy of many makes many."""
    sent(journal, CHAT)
    clock = Slow()
    impatient = Journal(tmp_path, clock=clock, patience=0)
    with held(tmp_path), pytest.raises(JournalError, match="locked") as first:
        sent(impatient, CHAT)
    clock.step = 0.0
    for use in (
        lambda: sent(impatient, CHAT),
        lambda: impatient.open_orders(),
        lambda: impatient.confirm("ours", "i-1"),
    ):
        with pytest.raises(JournalError) as raised:
            use()
        assert str(raised.value) == str(first.value)
        assert raised.value.__cause__ is None  # the file was not touched
    assert len(journal.open_orders()) == 1
    impatient.close()


def test_a_file_that_was_busy_is_used_again_after_a_minute(tmp_path: Path, journal: Journal) -> None:
    sent(journal, CHAT)
    clock = Slow()
    impatient = Journal(tmp_path, clock=clock, patience=0)
    with held(tmp_path), pytest.raises(JournalError, match="locked"):
        sent(impatient, CHAT)
    clock.step = 0.0
    clock.now += 60
    sent(impatient, CHAT)
    assert len(journal.open_orders()) == 2
    impatient.close()


def test_a_failure_that_took_no_time_is_tried_again(tmp_path: Path, journal: Journal) -> None:
    sent(journal, CHAT)
    impatient = Journal(tmp_path, clock=lambda: 0.0, patience=0)
    with held(tmp_path), pytest.raises(JournalError, match="locked"):
        sent(impatient, CHAT)
    sent(impatient, CHAT)
    assert len(journal.open_orders()) == 2
    impatient.close()


def test_a_journal_that_is_deleted_while_in_use_is_begun_anew(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    journal = Journal(directory)
    lost = bought(journal, "i-1")
    shutil.rmtree(directory)
    assert journal.open_orders() == []
    later = Journal(directory)
    number = sent(later, OTHER, frozenset({"i-1"}))
    assert journal.record_bought(lost, "i-9")  # of which nothing is known any more
    new = sent(journal, before=frozenset({"i-2"}))
    assert journal.mark_undoing(lost)
    orders = {order.number: order for order in later.open_orders()}
    assert orders.keys() == {number, new}
    assert [set(orders[order_number].before) for order_number in (number, new)] == [{"i-1"}, {"i-2"}]
    assert {order.instance_id for order in orders.values()} == {None}
    assert later.is_sender_alive(orders[number])
    later.close()
    journal.close()

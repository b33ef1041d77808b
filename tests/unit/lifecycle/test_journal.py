"""The journal: real files, and real processes where it matters whether they live."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pulumi_cortecs.lifecycle.backends import identify_v1_backend
from pulumi_cortecs.lifecycle.journal import FILE_NAME, Journal, JournalError, Progress, ResourceKey, journal_directory
from pulumi_cortecs.lifecycle.labels import Labels
from pulumi_cortecs.lifecycle.state_directory import state_directory
from tests.unit.journals import CHAT, LABELS, OTHER, SMALL, bought, sent

DAY = 86400.0


class Calendar:
    """Seconds since 1970, as a test says."""

    def __init__(self) -> None:
        self.now = 2e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


@contextmanager
def other_process(directory: Path, does: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has a `journal` in the directory, does that, and stays until it is killed."""
    program = (
        "import os, sys\n"
        "from tests.unit.journals import *\n"
        f"journal = Journal(Path({str(directory)!r}))\n"
        f"{does}\n"
        "print('done', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "done\n"
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        process.stdin.close()
        process.stdout.close()


def test_an_order_is_told_as_it_was_noted(tmp_path: Path) -> None:
    calendar = Calendar()
    journal = Journal(tmp_path, calendar)
    number = sent(journal, before=frozenset({"i-1", "i-2"}))
    (order,) = journal.open_orders(CHAT)
    assert (order.number, order.key, order.account, order.arguments) == (number, CHAT, "ours", SMALL)
    assert (set(order.before), order.sent_at, order.vendor_time) == ({"i-1", "i-2"}, calendar.now, 5.0)
    assert (order.progress, order.instance_id) == (Progress.SENT, None)
    assert journal.order(number) == order
    assert journal.open_orders(OTHER) == []
    assert journal.open_orders(ResourceKey("elsewhere", CHAT.urn)) == []


def test_to_look_makes_no_file(journal: Journal) -> None:
    assert journal.open_orders() == []
    assert journal.instance_ids("ours") == frozenset()
    journal.confirm("ours", "i-1")
    assert not journal.file.exists()


def test_only_its_user_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        journal = Journal(tmp_path / "made")
        sent(journal)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "made").rglob("*")}
    finally:
        os.umask(before)
    journal.close()
    assert set(modes.values()) == {0o600, 0o700}
    assert modes[FILE_NAME] == 0o600
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


def test_an_order_that_an_engine_confirms_is_closed(journal: Journal) -> None:
    bought(journal, "i-1")
    bought(journal, "i-2", OTHER)
    journal.confirm("ours", "i-1")
    assert [order.instance_id for order in journal.open_orders()] == ["i-2"]
    assert journal.instance_ids("ours") == {"i-1", "i-2"}
    assert journal.confirmed_ids("ours") == {"i-1"}


def test_a_later_process_closes_what_an_earlier_one_has_bought(tmp_path: Path, journal: Journal) -> None:
    bought(journal, "i-1")
    later = Journal(tmp_path)
    later.confirm("ours", "i-1")
    later.close()
    assert journal.open_orders() == []


def test_one_instance_is_of_one_order(journal: Journal) -> None:
    bought(journal, "i-1")
    second = sent(journal, OTHER)
    assert not journal.record_bought(second, "i-1")
    (order,) = journal.open_orders(OTHER)
    assert order.instance_id is None


def test_a_dropped_order_is_forgotten(journal: Journal) -> None:
    number = sent(journal)
    journal.delete(number)
    assert journal.order(number) is None


def test_an_order_lives_as_long_as_its_process(tmp_path: Path, journal: Journal) -> None:
    with other_process(tmp_path, "sent(journal)") as process:
        (order,) = journal.open_orders()
        assert journal.is_sender_alive(order)
        assert not journal.is_mine(order)
        process.kill()
        process.wait(timeout=10)
        assert not journal.is_sender_alive(order)


def test_a_stopped_process_lives(tmp_path: Path, journal: Journal) -> None:
    with other_process(tmp_path, "sent(journal)") as process:
        process.send_signal(signal.SIGSTOP)
        (order,) = journal.open_orders()
        assert journal.is_sender_alive(order)
        sent(journal, OTHER)  # without a wait


def test_what_a_killed_process_has_noted_is_there(tmp_path: Path, journal: Journal) -> None:
    with other_process(tmp_path, "for number in range(10): bought(journal, f'i-{number}')") as process:
        process.kill()
        process.wait(timeout=10)
    assert (tmp_path / f"{FILE_NAME}-wal").exists()
    assert len(journal.open_orders()) == 10


def test_two_that_ask_at_once_whether_a_process_lives_agree(tmp_path: Path, journal: Journal) -> None:
    with other_process(tmp_path, "sent(journal)"):
        (order,) = journal.open_orders()
    claim = str(tmp_path / "processes" / order.process)
    with other_process(tmp_path, f"import fcntl; asked = open({claim!r}); fcntl.flock(asked, fcntl.LOCK_SH)"):
        assert not journal.is_sender_alive(order)


def test_the_dead_leave_nothing_in_the_directory(tmp_path: Path, journal: Journal) -> None:
    with other_process(tmp_path, "sent(journal)"), other_process(tmp_path, "sent(journal, OTHER)") as living:
        claims = tmp_path / "processes"
        assert len(list(claims.iterdir())) == 2
        living.kill()
        living.wait(timeout=10)
        sent(journal)
        assert len(list(claims.iterdir())) == 2  # the living one's, and this process's


def test_what_a_dead_process_has_ordered_is_taken_once(tmp_path: Path, journal: Journal) -> None:
    with other_process(tmp_path, "sent(journal)"):
        pass
    (order,) = journal.open_orders()
    assert journal.take_over(order)
    (order_now,) = journal.open_orders()
    assert journal.is_mine(order_now)
    assert order_now.progress is Progress.LOST
    rival = Journal(tmp_path)
    assert not rival.take_over(order)
    rival.close()


def test_a_process_does_not_undo_what_another_has_taken(tmp_path: Path, journal: Journal) -> None:
    number = bought(journal, "i-1")
    (order,) = journal.open_orders()
    later = Journal(tmp_path)
    assert later.take_over(order)
    assert not journal.mark_undoing(number)
    assert later.mark_undoing(number)
    assert not journal.take_over(order)
    later.close()


def test_what_is_taken_is_closed_by_the_call_that_follows(tmp_path: Path, journal: Journal) -> None:
    later = Journal(tmp_path)
    later.confirm("ours", "i-0")  # it has read what was open
    bought(journal, "i-1")
    (order,) = later.open_orders()
    assert later.take_over(order)
    later.confirm("ours", "i-1")
    assert later.open_orders() == []
    later.close()


def test_many_processes_begin_one_journal_at_once(tmp_path: Path) -> None:
    script = "for number in range(3): bought(journal, f'{os.getpid()}-{number}')"
    processes = 4
    with ThreadPoolExecutor(processes) as pool:

        def run(_: int) -> None:
            with other_process(tmp_path, script):
                pass

        list(pool.map(run, range(processes)))
    journal = Journal(tmp_path)
    assert len(journal.open_orders()) == 3 * processes
    journal.close()


def test_many_threads_share_it(journal: Journal) -> None:
    def buy_one(number: int) -> None:
        bought(journal, f"i-{number}")
        journal.confirm("ours", f"i-{number}")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(buy_one, range(40)))
    assert journal.open_orders() == []
    assert len(journal.instance_ids("ours")) == 40


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


def aged(directory: Path, *rows: Callable[[Journal, Calendar], object]) -> Journal:
    """A journal in which that happened a week ago; then something is ordered."""
    calendar = Calendar()
    journal = Journal(directory, calendar)
    for row in rows:
        row(journal, calendar)
    calendar.now += 7 * DAY
    sent(journal, OTHER)
    return journal


def closed(instance_id: str) -> Callable[[Journal, Calendar], object]:
    def row(journal: Journal, _: Calendar) -> None:
        bought(journal, instance_id)
        journal.confirm("ours", instance_id)

    return row


def open_order(journal: Journal, _: Calendar) -> None:
    sent(journal)


def some_hours(_: Journal, calendar: Calendar) -> None:
    calendar.now += 5 * 3600


def test_closed_orders_go_after_a_day(tmp_path: Path) -> None:
    journal = aged(tmp_path, closed("i-1"))
    assert journal.instance_ids("ours") == frozenset()


def test_open_orders_stay(tmp_path: Path) -> None:
    journal = aged(tmp_path, lambda journal, _: bought(journal, "i-1"), open_order)
    assert {order.instance_id for order in journal.open_orders(CHAT)} == {"i-1", None}


def test_closed_orders_stay_while_one_of_that_time_is_still_looked_for(tmp_path: Path) -> None:
    journal = aged(
        tmp_path,
        closed("long-before"),
        some_hours,
        closed("i-1"),
        open_order,
        closed("i-2"),
        some_hours,
        closed("much-later"),
    )
    assert journal.instance_ids("ours") == {"i-1", "i-2"}


def test_listings_that_no_order_needs_go(tmp_path: Path, journal: Journal) -> None:
    for _ in range(3):
        journal.delete(sent(journal, before=frozenset({"i-1"})))
    kept = sent(journal, before=frozenset({"i-2"}))
    with sqlite3.connect(journal.file) as connection:
        assert connection.execute("SELECT ids FROM listings").fetchall() == [('["i-2"]',)]
    connection.close()
    order = journal.order(kept)
    assert order is not None
    assert order.before == {"i-2"}


def test_a_reused_number_is_not_taken_for_an_earlier_listing(tmp_path: Path) -> None:
    ours, other, theirs = (Journal(tmp_path) for _ in range(3))
    ours.record(CHAT, "ours", SMALL, frozenset({"a"}), None)
    other.delete(other.record(CHAT, "ours", SMALL, frozenset({"a", "b"}), None))
    ours.record(CHAT, "ours", SMALL, frozenset({"a"}), None)  # forgets the listing that is no longer needed
    theirs.record(CHAT, "theirs", SMALL, frozenset({"z"}), None)
    order = other.order(other.record(CHAT, "ours", SMALL, frozenset({"a", "b"}), None))
    assert order is not None
    assert order.before == {"a", "b"}
    for journal in (ours, other, theirs):
        journal.close()


def test_what_is_gone_is_forgotten_open_or_closed(journal: Journal) -> None:
    for instance_id in ("open", "closed", "owned"):
        bought(journal, instance_id)
    for instance_id in ("closed", "owned"):
        journal.confirm("ours", instance_id)
    for instance_id in ("open", "closed", "unknown"):
        journal.forget("ours", instance_id)
    assert journal.open_orders() == []
    assert journal.instance_ids("ours") == {"owned"}


def test_what_is_to_be_left_alone_is_nobodys_order_any_more(journal: Journal) -> None:
    for instance_id in ("open", "closed"):
        bought(journal, instance_id)
    journal.confirm("ours", "closed")
    assert [order.instance_id for order in journal.closed_orders(CHAT)] == ["closed"]
    for instance_id in ("open", "closed", "never ordered here"):
        journal.mark_kept("ours", instance_id)
    assert journal.open_orders() == journal.closed_orders(CHAT) == []
    assert journal.instance_ids("ours") == {"open", "closed", "never ordered here"}


def test_a_closed_order_is_kept_for_as_long_as_its_instance_is_listed(tmp_path: Path) -> None:
    calendar = Calendar()
    journal = Journal(tmp_path, calendar)
    for instance_id in ("listed", "gone"):
        bought(journal, instance_id)
        journal.confirm("ours", instance_id)
    calendar.now += 10 * 86400
    journal.delete(sent(journal, before=frozenset({"listed"})))
    assert journal.instance_ids("ours") == {"listed"}
    journal.close()


def test_of_an_id_that_is_given_out_again_the_new_order_counts(journal: Journal, tmp_path: Path) -> None:
    bought(journal, "again")
    journal.confirm("ours", "again")
    journal.close()
    later = Journal(tmp_path)
    number = sent(later, OTHER)
    assert not later.record_bought(number, "again")
    assert later.record_bought(number, "again", is_new=True)
    assert later.closed_orders(CHAT) == []
    later.close()


def test_the_largest_difference_of_a_vendors_clocks_is_kept(journal: Journal) -> None:
    assert journal.clock_difference("ours") is None
    for difference in (2.0, -70.0, 5.0):
        journal.record_clock_difference("ours", difference)
    journal.record_clock_difference("theirs", 1.0)
    assert (journal.clock_difference("ours"), journal.clock_difference("theirs")) == (-70.0, 1.0)


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


def test_labels_are_recorded_with_the_order_and_kept_when_it_is_closed(journal: Journal) -> None:
    number = journal.record(CHAT, "ours", SMALL, frozenset(), None, labels=LABELS)
    assert journal.labels("ours") == {}
    journal.record_bought(number, "i-1")
    bought(journal, "without")
    assert journal.labels("ours") == {"i-1": LABELS}
    journal.confirm("ours", "i-1")
    assert journal.labels("ours") == {"i-1": LABELS}
    journal.mark_kept("ours", "i-1")
    assert journal.labels("ours") == {"i-1": LABELS}
    journal.forget("ours", "i-1")
    assert journal.labels("ours") == {}


def test_other_labels_of_the_program_leave_those_of_the_purchase(journal: Journal) -> None:
    journal.record_bought(journal.record(CHAT, "ours", SMALL, frozenset(), None, labels=LABELS), "i-1")
    bought(journal, "i-2", OTHER)
    journal.record_labels("ours", "i-1", {"team": "ads"})
    journal.record_labels("ours", "i-3", {"team": "ads"})
    assert journal.labels("ours") == {"i-1": Labels({"team": "ads"}, LABELS.purchase)}
    journal.record_labels("ours", "i-1", {})
    assert journal.labels("ours") == {"i-1": Labels({}, LABELS.purchase)}


def test_to_record_labels_makes_no_file(journal: Journal) -> None:
    journal.record_labels("ours", "i-1", {"team": "ads"})
    assert journal.labels("ours") == {}
    assert not journal.file.exists()


def test_odd_labels_are_an_unusable_journal(journal: Journal) -> None:
    bought(journal, "i-1")
    with closing(sqlite3.connect(journal.file)) as connection:
        connection.execute("UPDATE orders SET labels = 'odd'")
        connection.commit()
    with pytest.raises(JournalError, match="cannot be used: "):
        journal.labels("ours")
    assert journal.instance_ids("ours") == {"i-1"}


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


def test_equal_ids_of_two_accounts_are_two_instances(journal: Journal) -> None:
    bought(journal, "1")
    theirs = journal.record(OTHER, "theirs", SMALL, frozenset(), None, labels=LABELS)
    assert journal.record_bought(theirs, "1")
    journal.confirm("ours", "1")
    assert [order.account for order in journal.open_orders()] == ["theirs"]
    assert (journal.confirmed_ids("ours"), journal.confirmed_ids("theirs")) == ({"1"}, frozenset())
    journal.record_labels("ours", "1", {"team": "ads"})
    assert journal.labels("theirs") == {"1": LABELS}
    journal.forget("ours", "1")
    assert (journal.instance_ids("ours"), journal.instance_ids("theirs")) == (frozenset(), {"1"})
    journal.mark_kept("ours", "1")
    assert [order.account for order in journal.open_orders()] == ["theirs"]


def test_an_unresolved_order_does_not_take_what_an_engine_has_in_its_account_only(journal: Journal) -> None:
    sent(journal)
    journal.confirm("ours", "1")
    assert not journal.record_bought(sent(journal, OTHER), "1")
    assert journal.record_bought(journal.record(OTHER, "theirs", SMALL, frozenset(), None), "1")


def test_an_order_gets_the_name_of_its_account_after_a_new_key(journal: Journal) -> None:
    number = bought(journal, "1")
    journal.record_account(number, "ours, new key", "1")
    journal.confirm("ours, new key", "1")
    assert journal.open_orders() == []


def test_many_orders_share_one_listing(journal: Journal) -> None:
    before = frozenset(f"i-{number}" for number in range(500))
    for _ in range(20):
        sent(journal, before=before)
    with sqlite3.connect(journal.file) as connection:
        assert connection.execute("SELECT count(*) FROM listings").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize("named", ["~", "~/here"])
def test_the_directory_may_be_named_with_a_tilde(named: str) -> None:
    assert str(journal_directory({"PULUMI_CORTECS_STATE_DIR": named})) == os.path.expanduser(named)


@pytest.mark.parametrize("named", ["", "orders", "~nobody-of-this-name/there"])
def test_without_a_usable_name_it_is_where_a_users_state_is(named: str) -> None:
    """A relative one would be another folder for each working directory."""
    directory = journal_directory({"PULUMI_CORTECS_STATE_DIR": named})
    assert directory.name == "pulumi-cortecs"
    assert directory.is_absolute()


@pytest.mark.parametrize("variable", ["", "~/here"])
def test_who_has_no_home_has_no_journal(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_123)
    directory = state_directory({"PULUMI_CORTECS_STATE_DIR": variable})
    assert bool(directory.problem) is bool(variable)
    nowhere = Journal(directory.path)
    assert nowhere.open_orders() == []
    with pytest.raises(JournalError, match=r"has no folder, because this user has no home$"):
        sent(nowhere, CHAT)


@pytest.mark.parametrize("name", ["chat", "na::me"])
def test_a_resource_is_called_what_the_program_calls_it(name: str) -> None:
    assert ResourceKey("here", f"urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::{name}").name == name

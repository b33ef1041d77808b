"""The journal between processes and threads: real ones, where it matters whether they live."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pulumi_cortecs.lifecycle.journal import FILE_NAME, Journal, Progress
from tests.unit.journals import OTHER, bought, other_process, sent


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

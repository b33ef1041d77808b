"""The orders and listings that a journal keeps, and those that it forgets."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from pulumi_cortecs.lifecycle.journal import Journal
from tests.unit.journals import CHAT, OTHER, SMALL, Calendar, bought, sent

DAY = 86400.0


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


def test_many_orders_share_one_listing(journal: Journal) -> None:
    before = frozenset(f"i-{number}" for number in range(500))
    for _ in range(20):
        sent(journal, before=before)
    with sqlite3.connect(journal.file) as connection:
        assert connection.execute("SELECT count(*) FROM listings").fetchone() == (1,)
    connection.close()

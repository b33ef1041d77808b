"""The journal: its orders with their instances, accounts and labels, and its folder. Real files."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from pulumi_cortecs.lifecycle.journal import FILE_NAME, Journal, JournalError, Progress, ResourceKey, journal_directory
from pulumi_cortecs.lifecycle.labels import Labels
from pulumi_cortecs.lifecycle.state_directory import state_directory
from tests.unit.journals import CHAT, LABELS, OTHER, SMALL, Calendar, bought, sent


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


def test_the_largest_difference_of_a_vendors_clocks_is_kept(journal: Journal) -> None:
    assert journal.clock_difference("ours") is None
    for difference in (2.0, -70.0, 5.0):
        journal.record_clock_difference("ours", difference)
    journal.record_clock_difference("theirs", 1.0)
    assert (journal.clock_difference("ours"), journal.clock_difference("theirs")) == (-70.0, 1.0)


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

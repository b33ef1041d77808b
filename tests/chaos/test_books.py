"""The errors that the chaos suite recognizes."""

from __future__ import annotations

from tests.chaos.books import Auditor, Books, Finding, Kind

L4 = ("a-model", "NVIDIA_L4_1", 4000)
LARGER = ("a-model", "NVIDIA_L4_1", 8000)


def test_the_account_and_the_state_agree_when_nothing_is_wrong() -> None:
    auditor = Auditor()
    assert auditor.after_up(Books({"a": L4, "b": L4}, (("a", L4), ("b", L4)))) == frozenset()
    assert auditor.after_destroy(Books({}, ())) == frozenset()
    assert auditor.at_the_end(Books({}, ())) == frozenset()


def test_a_second_one_of_what_a_row_has_is_a_double() -> None:
    assert Auditor().after_up(Books({"a": L4, "b": L4}, (("a", L4),))) == {Finding(Kind.DOUBLE, "b")}


def test_what_no_row_asks_for_is_an_orphan() -> None:
    assert Auditor().after_up(Books({"a": L4, "b": LARGER}, (("a", L4),))) == {Finding(Kind.ORPHAN, "b")}


def test_two_rows_with_one_instance_are_a_double() -> None:
    assert Auditor().note(Books({"a": L4}, (("a", L4), ("a", L4)))) == {Finding(Kind.DOUBLE, "a")}


def test_a_row_that_was_dropped_while_its_instance_exists_is_a_false_gone() -> None:
    auditor = Auditor()
    auditor.note(Books({"a": L4}, (("a", L4),)))
    assert auditor.after_up(Books({"a": L4, "b": L4}, (("b", L4),))) == {Finding(Kind.FALSE_GONE, "a")}


def test_a_row_that_went_with_its_instance_is_none() -> None:
    auditor = Auditor()
    auditor.note(Books({"a": L4}, (("a", L4),)))
    assert auditor.note(Books({}, ())) == frozenset()


def test_a_bill_that_goes_on_after_a_destroy_is_wrong() -> None:
    auditor = Auditor()
    auditor.note(Books({"a": L4}, (("a", L4),)))
    assert auditor.after_destroy(Books({}, (), billed=frozenset({"a"}))) == {Finding(Kind.BILLED, "a")}


def test_what_no_row_ever_had_is_for_orphans_and_wrong_only_after_them() -> None:
    auditor = Auditor()
    left = Books({"a": L4}, (), billed=frozenset({"a"}))
    assert auditor.after_destroy(left) == frozenset()
    assert auditor.at_the_end(left) == {Finding(Kind.ORPHAN, "a")}

"""The texts of outsiders: printable as shown, and no id that is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.http.text import MAX_ID_LENGTH, escape_unprintable, require_identifier


@given(st.text())
def test_all_that_is_shown_is_printable_and_nothing_else_is_changed(text: str) -> None:
    shown = escape_unprintable(text)
    assert shown.isprintable()
    assert [c for c in text if c.isprintable()] == [c for c in text if c in shown and c.isprintable()]
    assert (shown == text) is text.isprintable()


def test_what_is_not_printable_is_written_out_but_for_what_is_kept() -> None:
    assert escape_unprintable("a\x1b[1m\u202e\x9b\n") == "a\\x1b[1m\\u202e\\x9b\\n"
    assert escape_unprintable("a\x1b\n\t", keep="\n\t") == "a\\x1b\n\t"


@pytest.mark.parametrize("text", ["", "a\n", "\x1b", "a" * (MAX_ID_LENGTH + 1)])
def test_an_id_is_printable_and_not_too_long(text: str) -> None:
    with pytest.raises(ValueError, match="must be an id"):
        require_identifier(text)
    assert require_identifier("a" * MAX_ID_LENGTH) == "a" * MAX_ID_LENGTH

"""The texts of outsiders: printable as shown, and no id that is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.http.text import MAX_ID_LENGTH, escape_unprintable, redact, require_identifier, require_path_part


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


def as_go_writes(value: object) -> str:
    """JSON as Go's encoder writes it."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


SPELLINGS: Mapping[str, Callable[[object], str]] = {
    "plain": str,
    "JSON": json.dumps,
    "JSON of Go": as_go_writes,
    "Python": repr,
    "a URL": lambda value: quote(str(value), safe=""),
}


@pytest.mark.parametrize("outside", SPELLINGS)
@pytest.mark.parametrize("inside", SPELLINGS)
@pytest.mark.parametrize("secret", ["simple-secret", "pa<ss>&wo\"rd\\é'x"])
def test_a_secret_is_found_however_an_error_quotes_it(secret: str, inside: str, outside: str) -> None:
    text = SPELLINGS[outside](f"invalid: {SPELLINGS[inside](secret)}!")
    shown = redact(text, [secret])
    assert "[redacted]" in shown
    assert not any(part in shown for part in ("simple", "pa<", "ss", "rd"))


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    assert redact("it was secret-of-mine", ["secret", "secret-of-mine"]) == "it was [redacted]"


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a\\b", "create"])
def test_an_id_is_one_part_of_a_path(text: str) -> None:
    with pytest.raises(ValueError, match="must be an id that is no path"):
        require_path_part(text, frozenset({"create"}))
    assert require_path_part("a%2Fb c", frozenset({"create"})) == "a%2Fb c"

"""Dataclasses as the only place that names the fields of a vendor's object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pulumi_cortecs.http.rows import read_as
from pulumi_cortecs.http.wire import Id


@dataclass(frozen=True)
class Room:
    id: int
    name: Id = field(metadata={"told_as": "slug"})
    title: str
    note: str | None
    beds: int | None
    place: dict[str, Any] | None = field(hash=False)


def read(**told: object) -> Room:
    row: Room = TypeAdapter(read_as(Room)).validate_python({"id": 1, "slug": "one", "title": "One", **told})
    return row


def test_a_row_is_what_the_vendor_tells() -> None:
    assert read(note="n", beds=2, place={"x": 1}, more=3) == Room(1, "one", "One", "n", 2, {"x": 1})


def test_an_informative_field_that_is_odd_or_missing_is_none() -> None:
    assert read(note=5, beds="2") == Room(1, "one", "One", None, None, None)


@pytest.mark.parametrize("told", [{"id": "1"}, {"slug": "a\x1b"}, {"slug": None}, {"title": 1}])
def test_a_field_that_counts_is_strict(told: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        read(**told)


def test_texts_have_nothing_unprintable() -> None:
    row = read(title="a\x1b", note="b\u202e")
    assert (row.title, row.note) == (r"a\x1b", r"b\u202e")

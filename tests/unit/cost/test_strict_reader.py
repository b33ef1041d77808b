"""The strict reader names all problems of a file, each by its place, in words that can be printed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pulumi_cortecs.cost.strict_reader import Name, StrictModel, parse_json, read_model


class Row(StrictModel):
    name: Name
    gpus: int = 1


class File(StrictModel):
    rows: list[Row]
    by_name: dict[str, Row] = {}  # noqa: RUF012


def refusal(data: Any) -> str:
    with pytest.raises(KeyError) as refused:
        read_model(File, data, OddError)
    return str(refused.value.args[0])


class OddError(KeyError, ValueError):
    pass


def test_all_problems_are_named_by_their_places() -> None:
    data = {"rows": [{"name": "a"}, {"nmae": "b", "gpus": "2"}, 5], "by_name": {"c": {"name": " c", "gpus": True}}}
    assert refusal(data) == (
        "rows[1].name: is missing; rows[1].gpus: got '2'; must be a valid integer; "
        "rows[1].nmae: unknown key; did you mean name?; rows[2]: got 5; must be a mapping of names; "
        "by_name.c.name: got ' c'; must be a string without surrounding spaces; "
        "by_name.c.gpus: got True; must be a valid integer"
    )
    assert refusal([]) == "got []; must be a mapping of names"
    assert refusal({"rows": [], "sort": 1}) == "sort: unknown key; allowed: by_name, rows"


def test_a_refusal_has_an_end_and_can_be_printed() -> None:
    many = refusal({"rows": [], **{f"\x1b[2K{number}{'x' * 10_000}": "\x1b" * 10_000 for number in range(1000)}})
    assert many.count("unknown key") == 20
    assert len(many) < 5000
    assert many.isprintable()
    assert refusal({"rows": [{"name": "\x1b" * 10_000}]}).isprintable()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "duplicate key 'a'; leave one"),
        ('{"a": [{"b": 1, "\\u0062": 2}]}', "duplicate key 'b'; leave one"),
        ('{"a": NaN}', "is not valid JSON: not a number: NaN"),
        ('{"a": -Infinity}', "is not valid JSON: not a number: -Infinity"),
        ('{"a": 1e99999999999999999999}', "is not valid JSON"),
        ("1" * 5000, "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
    ],
)
def test_json_that_readers_take_for_different_things_is_refused(text: str, message: str) -> None:
    with pytest.raises(KeyError) as refused:
        parse_json(text.encode(), OddError)
    assert str(refused.value.args[0]).startswith(message)


def test_a_decimal_number_is_read_digit_by_digit() -> None:
    assert parse_json(b'{"a": 0.1}', OddError) == {"a": Decimal("0.1")}

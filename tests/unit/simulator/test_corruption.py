"""Valid JSON of a wrong shape."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.simulator.corruption import WrongShape, corrupt, with_empty_lists

A: dict[str, Any] = {"id": "a", "status": {"status": "running", "at": None}}
B: dict[str, Any] = {"id": "b", "status": {"status": "stopped"}}
ANSWER = {"instances": [A, B], "count": 2}


@pytest.mark.parametrize(
    ("how", "field", "wrong"),
    [
        ("array", "", []),
        ("array", "count", []),
        ("missing", "", {}),
        ("null", "", {"instances": None, "count": None}),
        ("wrong_type", "", {"instances": {"unexpected": True}, "count": {"unexpected": True}}),
        ("missing", "count", {"instances": [A, B]}),
        ("missing", "id", {"instances": [{"status": A["status"]}, {"status": B["status"]}], "count": 2}),
        ("null", "count", {"instances": [A, B], "count": None}),
        (
            "wrong_type",
            "status",
            {"instances": [{**instance, "status": ["unexpected"]} for instance in (A, B)], "count": 2},
        ),
        ("missing", "nothing", ANSWER),
        ("missing", "at,count", {"instances": [{**A, "status": {"status": "running"}}, B]}),
    ],
)
def test_a_field_is_spoiled_wherever_it_stands(how: str, field: str, wrong: Any) -> None:
    assert corrupt(ANSWER, WrongShape(how), field) == wrong


def test_what_is_no_object_stays() -> None:
    assert corrupt("text", WrongShape.MISSING) == "text"
    assert with_empty_lists("text") == "text"


def test_every_list_is_emptied_and_nothing_else() -> None:
    assert with_empty_lists(ANSWER) == {"instances": [], "count": 0}

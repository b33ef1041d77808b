"""The arguments that a program may give to an Instance, without any process around it."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.output import Unknown

from pulumi_cortecs.cortecs.arguments import MAX_WORKERS
from pulumi_cortecs.cortecs.cloud import ORDER_FIELDS
from pulumi_cortecs.cortecs.kind import ARGUMENTS
from pulumi_cortecs.provider.kind import MARKET, Argument, ArgumentTable
from pulumi_cortecs.provider.properties import InvalidValueError, equal_values, identifier, integer, read_properties
from pulumi_cortecs.resources.constructor import trigger_digest

UNKNOWN = Unknown()  # type: ignore[no-untyped-call]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
"""What can come over the wire."""


def _problems(**news: Any) -> list[str]:
    return [problem.property for problem in read_properties({"model_id": "a/b", **news}, ARGUMENTS)[1]]


def test_only_the_first_slash_style_is_accepted() -> None:
    assert read_properties({"model_id": "Qwen/Qwen2"}, ARGUMENTS) == ({"model_id": "Qwen--Qwen2"}, [])
    assert read_properties({"model_id": "Qwen--Qwen2"}, ARGUMENTS) == ({"model_id": "Qwen--Qwen2"}, [])
    assert read_properties({"model_id": "Qwen2"}, ARGUMENTS) == ({"model_id": "Qwen2"}, [])


def test_what_is_left_out_stays_out() -> None:
    given_, problems = read_properties({"model_id": "a/b", "num_workers": None, "__provider": "bytes"}, ARGUMENTS)
    assert (given_, problems) == ({"model_id": "a--b"}, [])


def test_an_unknown_is_kept_and_never_read() -> None:
    given_, problems = read_properties(dict.fromkeys(ARGUMENTS.replacing, UNKNOWN), ARGUMENTS)
    assert problems == []
    assert all(value is UNKNOWN for value in given_.values())


def test_a_wrong_argument_is_unknown_to_what_follows() -> None:
    given_, problems = read_properties({"model_id": "a/b", "num_workers": 9.0, "context_length": 8.0}, ARGUMENTS)
    assert [problem.property for problem in problems] == ["num_workers"]
    assert isinstance(given_["num_workers"], Unknown)
    assert given_["context_length"] == 8


@pytest.mark.parametrize(
    ("labels", "read"),
    [
        ({}, {}),
        ({"team": "search", "a.b/c_d-E": ""}, {"team": "search", "a.b/c_d-E": ""}),
        ({"team": "é" * 70}, {"team": "?" * 64}),
        ({"team": UNKNOWN, "x": "y"}, {"team": UNKNOWN, "x": "y"}),
        ({"n" * 63: "x"}, {"n" * 63: "x"}),
        ({str(number): "x" for number in range(32)}, {str(number): "x" for number in range(32)}),
    ],
)
def test_labels_are_read_and_cut(labels: dict[str, Any], read: dict[str, Any]) -> None:
    assert read_properties({"model_id": "a/b", "labels": labels}, ARGUMENTS) == (
        {"model_id": "a--b", "labels": read},
        [],
    )


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("team=search", 'must be an object such as {"team": "search"}; got \'team=search\''),
        (["team"], "must be an object"),
        ({"cost_center": 4711.0}, "cost_center: must be a string; got 4711"),
        ({"a": True}, "a: must be a string; got True"),
        ({"a": None}, "a: must be a string; got None"),
        ({"a": {"b": "c"}}, "a: must be a string"),
        ({"": "x"}, "must have names of 1 to 63 letters, digits and . _ / -; got ''"),
        ({"n" * 64: "x"}, "must have names"),
        ({"my team": "x"}, "must have names"),
        ({"team\n": "x"}, "must have names"),
        ({"tеam": "x"}, "must have names"),
        ({str(number): "x" for number in range(33)}, "must be at most 32 labels; got 33"),
    ],
)
def test_odd_labels_are_refused_by_name(labels: Any, says: str) -> None:
    (problem,) = read_properties({"model_id": "a/b", "labels": labels}, ARGUMENTS)[1]
    assert problem.property == "labels"
    assert problem.reason.startswith(says)


def test_defaults_pass_their_own_readers() -> None:
    keys = ("billing_interval", "num_workers", "state", "restart_trigger", "labels")
    assert _problems(**{key: ARGUMENTS.defaults[key] for key in keys}) == []


@given(st.integers(1, MAX_WORKERS), st.booleans())
def test_whole_numbers_arrive_as_floats_and_are_read_as_ints(number: int, as_float: bool) -> None:
    given_, problems = read_properties(
        {"model_id": "a/b", "num_workers": float(number) if as_float else number}, ARGUMENTS
    )
    assert problems == []
    assert given_["num_workers"] == number
    assert type(given_["num_workers"]) is int


@given(st.floats())
def test_a_float_is_a_whole_number_in_the_limits_or_refused(value: float) -> None:
    if math.isfinite(value) and value.is_integer() and 1 <= value <= 8:
        assert integer(1, 8)(value) == value
    else:
        with pytest.raises(InvalidValueError, match="must be"):
            integer(1, 8)(value)


@given(st.dictionaries(st.sampled_from([*ARGUMENTS.replacing, "state", "restart_trigger", "other", "__x"]), ANYTHING))
def test_whatever_comes_each_wrong_value_is_named_and_each_right_one_kept(news: dict[str, Any]) -> None:
    given_, problems = read_properties(news, ARGUMENTS)
    named = {problem.property for problem in problems}
    assert named <= {*news, "model_id"}
    assert set(given_) - named == {key for key, value in news.items() if value is not None} - named
    kept = {key: value for key, value in given_.items() if key not in named}
    assert read_properties({"model_id": "a/b", **kept}, ARGUMENTS)[1] == []
    assert all(problem.reason and "\n" not in problem.reason for problem in problems)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1.0, True),
        (32000.0, 32000, True),
        (True, 1.0, False),
        (1, True, False),
        (True, True, True),
        ("8", 8.0, False),
        (None, None, True),
        (None, "", False),
        (UNKNOWN, UNKNOWN, True),
        (UNKNOWN, 1, False),
    ],
)
def test_values_are_the_same_when_they_mean_the_same(one: Any, other: Any, expected: bool) -> None:
    assert equal_values(one, other) is expected


def test_what_interrupts_is_what_an_endpoint_waits_again_for() -> None:
    waited_for = inspect.signature(trigger_digest).parameters
    assert tuple(waited_for) == ARGUMENTS.interrupting


def test_each_argument_is_required_or_has_a_default_or_one_of_the_market() -> None:
    of_the_market = {key for key, argument in ARGUMENTS.items() if argument.default is MARKET}
    assert [*ARGUMENTS.required] == ["model_id"]
    assert of_the_market == {"hardware_type_id", "context_length"}
    assert {*ARGUMENTS.required, *of_the_market, *ARGUMENTS.defaults} == {*ARGUMENTS}


def test_no_problem_shows_a_secret() -> None:
    table = ArgumentTable("a Thing", {"key": Argument(identifier, "", secret=True)})
    given_, problems = read_properties({"key": " sk-1 "}, table)
    assert isinstance(given_["key"], Unknown)
    assert [(problem.property, problem.reason) for problem in problems] == [("key", "cannot be used")]


def test_what_is_ordered_is_what_replaces() -> None:
    assert ARGUMENTS.replacing == ORDER_FIELDS

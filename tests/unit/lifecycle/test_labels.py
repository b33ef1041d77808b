"""Labels: what a purchase notes by itself, what a value may be, and what a person reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.lifecycle.labels import NO_LABELS, Labels, clip_value, labels_of_purchase, labels_text

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/cortecs:Instance::chat"
OF_URN = {"stack": "dev", "project": "shop"}
GITHUB = {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": "0123456789abcdef", "GITHUB_REF": "refs/pull/12/merge"}
GITLAB = {"CI_PROJECT_PATH": "group/shop", "CI_COMMIT_SHA": "fedcba", "CI_MERGE_REQUEST_IID": "7"}


@pytest.mark.parametrize(
    ("environment", "labels"),
    [
        ({}, {}),
        ({"GITHUB_SHA": "0123"}, {}),
        (GITHUB, {"repository": "acme/shop", "commit": "0123456789abcdef", "pull_request": "12"}),
        ({**GITHUB, "GITHUB_REF": "refs/heads/main"}, {"repository": "acme/shop", "commit": "0123456789abcdef"}),
        ({**GITHUB, **GITLAB, "GITHUB_SHA": ""}, {"repository": "acme/shop", "pull_request": "12"}),
        (GITLAB, {"repository": "group/shop", "commit": "fedcba", "pull_request": "7"}),
        ({**GITLAB, "CI_MERGE_REQUEST_IID": ""}, {"repository": "group/shop", "commit": "fedcba"}),
        ({"GITHUB_REPOSITORY": "a" * 65 + "/b"}, {"repository": "a" * 64}),
    ],
)
def test_a_purchase_notes_its_stack_and_in_ci_its_commit(environment: dict[str, str], labels: dict[str, str]) -> None:
    assert labels_of_purchase(URN, environment) == {**OF_URN, **labels}


@pytest.mark.parametrize(("urn", "labels"), [("", {}), ("urn:pulumi:dev", {"stack": "dev"}), ("a::b", {"stack": "a"})])
def test_an_odd_urn_is_no_error(urn: str, labels: dict[str, str]) -> None:
    assert labels.items() <= labels_of_purchase(urn, {}).items()


@given(st.text(max_size=200))
def test_a_value_is_short_and_printable_and_stays_what_it_is(text: str) -> None:
    value = clip_value(text)
    assert len(value) == min(len(text), 64)
    assert value.isascii()
    assert value.isprintable()
    assert clip_value(value) == value


def test_every_other_character_is_a_question_mark() -> None:
    assert clip_value("a b~\n\x1bä\u202e\x7f") == "a b~?????"


@pytest.mark.parametrize(
    "labels", [NO_LABELS, Labels({"a": "b"}), Labels({}, {"a": "c"}), Labels({"a": "b"}, {"a": "c"})]
)
def test_the_journals_text_is_read_as_it_was_written(labels: Labels) -> None:
    assert Labels.from_json(labels.as_json()) == labels


@pytest.mark.parametrize(("text", "says"), [("", "Expecting"), ("{", "Expecting"), ("[]", "allowed: an object")])
def test_any_other_text_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Labels.from_json(text)


@pytest.mark.parametrize("text", ['{"own": 1, "later": {}}', '{"purchase": []}'])
def test_odd_kinds_have_no_labels(text: str) -> None:
    assert Labels.from_json(text) == NO_LABELS


def test_without_labels_the_journal_has_nothing() -> None:
    assert NO_LABELS.as_json() == "{}"


def test_the_programs_word_comes_before_that_of_the_purchase() -> None:
    assert Labels({"team": "search", "stack": "mine"}, OF_URN).merged == {**OF_URN, "stack": "mine", "team": "search"}


def test_a_person_reads_the_first_of_a_commit() -> None:
    labels: dict[str, Any] = {"team": "search", "commit": "0123456789abcdef0123"}
    assert labels_text(labels) == "team=search, commit=0123456789ab…"
    assert labels_text({"commit": "012345"}) == "commit=012345"
    assert labels_text({}) == ""

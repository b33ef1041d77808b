"""Texts have the program's own spelling of its values, by which the CLI hides a secret of the config."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_cortecs.cortecs.kind import ARGUMENTS
from pulumi_cortecs.provider import session
from pulumi_cortecs.provider.as_written import as_written, record
from pulumi_cortecs.provider.properties import read_properties


@pytest.fixture(autouse=True)
def own_session() -> Iterator[None]:
    """A process that has checked nothing yet."""
    before = session.current()
    session.activate(session.Session())
    yield
    session.activate(before)


@pytest.mark.parametrize("model_id", ["Qwen/Qwen2-7B-Instruct", "Qwen--Qwen2-7B-Instruct"])
def test_a_model_is_quoted_in_the_spelling_of_the_program(model_id: str) -> None:
    news = {"model_id": model_id, "num_workers": 2.0}
    record("urn", ARGUMENTS, news, read_properties(news, ARGUMENTS)[0])
    for spelling in ("Qwen/Qwen2-7B-Instruct", "Qwen--Qwen2-7B-Instruct"):
        assert as_written("urn", f"no model {spelling!r}; 2 workers of it") == f"no model '{model_id}'; 2 workers of it"


@pytest.mark.parametrize("text", ["it's\"", "back\\slash", "Qwen/7B/it's\"x"])
def test_a_refused_text_is_quoted_without_escapes(text: str) -> None:
    news = {"model_id": text, "labels": {"team": [text]}}
    record("urn", ARGUMENTS, news, read_properties(news, ARGUMENTS)[0])
    assert text in as_written("urn", f"must be a model id; got {text!r}")
    assert text in as_written("urn", f"team: must be a string; got {[text]!r}")


def test_a_control_character_stays_escaped() -> None:
    record("urn", ARGUMENTS, {"hardware_type_id": "\x1b[2J"}, {})
    assert as_written("urn", f"got {chr(27) + '[2J'!r}") == r"got '\x1b[2J'"


def test_each_resource_has_its_own_spelling() -> None:
    for urn, model_id in (("one", "Qwen/7B"), ("other", "Qwen--7B")):
        record(urn, ARGUMENTS, {"model_id": model_id}, {"model_id": "Qwen--7B"})
        assert as_written(urn, "Qwen/7B Qwen--7B") == f"{model_id} {model_id}"
    assert as_written("a third", "Qwen/7B Qwen--7B") == "Qwen/7B Qwen--7B"


def test_without_another_spelling_a_text_stays() -> None:
    record("urn", ARGUMENTS, {"hardware_type_id": "NVIDIA_L4_1"}, {"hardware_type_id": "NVIDIA_L4_1"})
    assert as_written("urn", "NVIDIA_L4_1 of 'Qwen--X'") == "NVIDIA_L4_1 of 'Qwen--X'"

"""The packs accept as authentic the pickles of today's classes, and those in every state."""

from __future__ import annotations

import pickle

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from pulumi_cortecs import _abi
from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cortecs.kind import ARGUMENTS
from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.resource_types import published
from pulumi_cortecs.policy.testing import ENDPOINT, INSTANCE
from tests.contract.test_pickle import PUBLISHED

NAMES = {INSTANCE: "cortecs.Instance", ENDPOINT: "cortecs.Endpoint"}


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("token", NAMES)
def test_todays_classes_are_authentic(token: str, protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle, "DEFAULT_PROTOCOL", protocol)
    assert serialize_provider(_abi.load(NAMES[token])) in RESOURCE_TYPES[token].providers


def test_the_bytes_are_those_that_are_published_and_no_others() -> None:
    for token, name in NAMES.items():
        assert RESOURCE_TYPES[token].providers == {
            text for (token_name, _), text in PUBLISHED.items() if token_name == name
        }


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("name", [name for name, token in TOKENS.items() if token in RESOURCE_TYPES])
def test_the_bytes_of_every_published_type_follow_from_its_name(
    name: str, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickle, "DEFAULT_PROTOCOL", protocol)
    served_by = type("Provider", (_abi.LazyProvider,), {"abi_name": name})
    assert serialize_provider(served_by()) in RESOURCE_TYPES[TOKENS[name]].providers == published(name)
    assert len(published(name)) == 2


def test_only_what_changes_in_place_may_be_ignored() -> None:
    assert RESOURCE_TYPES[INSTANCE].may_ignore == {*ARGUMENTS.updatable}


def test_what_else_a_program_says_decides_what_is_bought() -> None:
    assert RESOURCE_TYPES[INSTANCE].bought == {*ARGUMENTS} - {*ARGUMENTS.updatable}

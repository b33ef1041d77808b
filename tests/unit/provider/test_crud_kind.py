"""What a CrudKind may say, and the names that check makes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pulumi_cortecs.lifecycle.journal import ResourceKey
from pulumi_cortecs.provider.generated_names import generated_name
from pulumi_cortecs.provider.kind import Argument, ArgumentTable, Change
from pulumi_cortecs.provider.properties import string
from tests.acme.kind import DISK, KEY

URN = "urn:pulumi:test::tests::pulumi-python:dynamic/acme:Disk::"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("data", "data"),
        ("My data!", "my-data"),
        ("--a--b--", "a-b"),
        ("é", "resource"),
        ("x" * 60, "x" * 40),
        ("x" * 39 + " y", "x" * 39),
    ],
)
def test_a_name_has_few_characters_and_a_suffix(name: str, prefix: str) -> None:
    assert re.fullmatch(f"{prefix}-[a-z2-7]{{6}}", generated_name(ResourceKey("backend", URN + name)))


def test_a_name_is_the_same_for_the_same_and_another_for_all_else() -> None:
    key = ResourceKey("backend", f"{URN}data")
    names = [
        generated_name(key),
        generated_name(key, "data-aaaaaa"),
        generated_name(ResourceKey("other", key.urn)),
        generated_name(ResourceKey("backend", f"{URN}other::data")),
    ]
    assert len(set(names)) == len(names)
    assert generated_name(ResourceKey("backend", key.urn)) == names[0]


def test_without_update_nothing_changes_in_place() -> None:
    with pytest.raises(ValueError, match="Key cannot change scope in place"):
        replace(KEY, update=None)


def test_a_price_does_not_change_in_place() -> None:
    arguments = ArgumentTable("a Disk", {**DISK.arguments, "iops": Argument(string, "", Change.UPDATE, priced=True)})
    with pytest.raises(ValueError, match="Disk cannot change iops in place"):
        replace(DISK, arguments=arguments, update=KEY.update)

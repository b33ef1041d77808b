"""Shared code names no cloud: the code of one cloud stands in its own folder, and in the registers of all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "pulumi_cortecs"
ROOMS = ("cost", "http", "lifecycle", "provider", "simulator")
OF_A_CLOUD = "simulator/cortecs/"

REGISTERS = {"cost/limits_file.py", "simulator/clouds.py"}
"""Where a cloud is entered; to name it is what they are for."""
STILL: set[str] = set()
"""Those that are yet to be cleared: nothing may be added, and what is clear is to be taken off."""

# the package's own name, its variables, and config keys
_OUR_OWN = re.compile(r"(?i:pulumi[-_]cortecs)|cortecs:(?=[a-z])")


def names_a_cloud(text: str) -> bool:
    return "cortecs" in _OUR_OWN.sub("", text).lower()


def test_no_shared_file_names_a_cloud() -> None:
    files = {str(file.relative_to(ROOT)): file for room in ROOMS for file in (ROOT / room).rglob("*.py")}
    naming = {name for name, file in files.items() if names_a_cloud(file.read_text(encoding="utf-8"))}
    assert {name for name in naming if not name.startswith(OF_A_CLOUD)} == REGISTERS | STILL


@pytest.mark.parametrize("text", ["import pulumi_cortecs.cortecs.client", "Cortecs says", "CORTECS_CLIENT_ID"])
def test_the_word_is_found(text: str) -> None:
    assert names_a_cloud(text)


@pytest.mark.parametrize("text", ["pulumi_cortecs.cost", "PULUMI_CORTECS_LIMITS", "pulumi-cortecs", "cortecs:clientId"])
def test_our_own_name_is_not_it(text: str) -> None:
    assert not names_a_cloud(text)

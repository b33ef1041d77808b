"""A local is named after what it is: a participle alone says only that somebody has it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pulumi_cortecs

PARTICIPLES = frozenset(("each", "found", "given", "known", "told", "said", "noted", "seen", "judged", "untold"))
PACKAGE = Path(pulumi_cortecs.__file__).parent


def bare_participles(source: str) -> list[str]:
    """The names of parameters and variables that are a participle alone."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return sorted(PARTICIPLES.intersection(names + [node.arg for node in nodes if isinstance(node, ast.arg)]))


def test_no_local_is_a_participle_alone() -> None:
    named = {str(file.relative_to(PACKAGE)): bare_participles(file.read_text()) for file in PACKAGE.rglob("*.py")}
    assert {file: names for file, names in named.items() if names} == {}


@pytest.mark.parametrize("source", ["found = 1", "def f(found): ...", "[each for each in ()]", "if (told := 1): ..."])
def test_such_a_name_is_noticed(source: str) -> None:
    assert len(bare_participles(source)) == 1

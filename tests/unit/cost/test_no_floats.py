"""Amounts are never binary fractions: no code in `cost/` or `policy/` makes a float, or is annotated to take one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import pulumi_cortecs

_PACKAGE: Final = Path(pulumi_cortecs.__file__).parent
_ROOMS: Final = ("cost", "policy")
_JUSTIFIED: Final = {
    ("cost/catalogue_diff.py", "(after.amount - before.amount) * 100 / before.amount"): "decimals",
    ("cost/billing.py", "hourly.amount * (billed // _SECOND) / (_HOUR // _SECOND)"): "a decimal by an int",
    ("cost/quote.py", "hour.amount / 60"): "a decimal by an int",
    ("policy/rules/prices.py", "(now.amount - pinned.amount) * 100 / pinned.amount"): "decimals",
    ("policy/rules/formatting.py", "price.amount / parts"): "a decimal by an int",
    ("cost/suggestions.py", "0.5"): "how alike two names are",
    ("cost/suggestions.py", "float"): "how alike two names are",
    ("policy/limits_json.py", "float"): "numbers as the engine hands them to a pack, which reads no amount from one",
    ("policy/pinned.py", "Path(__file__).parents[1] / 'catalogues'"): "a path",
    ("policy/pinned.py", "place / file"): "a path",
    ("policy/testing.py", "SHIPPED / 'simulator.lock.yaml'"): "a path",
}
"""What may stand there, by file and source, and why."""


def floats(source: str) -> Iterator[ast.AST]:
    """Literals, calls of float, what returns one or may, and every annotation that names it.

    `isinstance(value, float)` is none: to refuse one, it has to be recognised.
    """
    tree = ast.parse(source)
    recognised = {
        id(name)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "isinstance"
        for name in ast.walk(call)
    }
    for node in ast.walk(tree):
        if _is_float(node) and id(node) not in recognised:
            yield node


def _is_float(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (float, complex)) or node.value == "float"
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        return isinstance(node.op, ast.Div)  # of two whole numbers, too
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.load", "json.loads"):
        return "parse_float" not in {keyword.arg for keyword in node.keywords}
    if isinstance(node, ast.Attribute):
        return node.attr in ("from_float", "total_seconds", "timestamp", "__float__")
    if isinstance(node, ast.ImportFrom):
        return node.module == "math"
    if isinstance(node, ast.Import):
        return any(alias.name == "math" for alias in node.names)
    return isinstance(node, ast.Name) and node.id == "float"


@pytest.mark.parametrize("room", _ROOMS)
def test_there_is_no_float(room: str) -> None:
    files = sorted((_PACKAGE / room).rglob("*.py"))
    assert files
    literals = {
        (str(path.relative_to(_PACKAGE)), ast.unparse(node)): node
        for path in files
        for node in floats(path.read_text(encoding="utf-8"))
    }
    unjustified = [
        f"{file}:{getattr(literals[file, code], 'lineno', '?')}: {code}"
        for file, code in literals
        if (file, code) not in _JUSTIFIED
    ]
    assert unjustified == []


def test_no_justification_outlives_what_it_was_for() -> None:
    for file, code in _JUSTIFIED:
        source = (_PACKAGE / file).read_text(encoding="utf-8")
        assert code in {ast.unparse(node) for node in floats(source)}, (file, code)


@pytest.mark.parametrize(
    "source",
    [
        "x = 0.5",
        "x = 1e3",
        "x = float('1.2')",
        "x: float = 1",
        "def f(x: float) -> int: ...",
        "def f(x: int) -> list[float | None]: ...",
        "xs = map(float, ys)",
        "x = Decimal.from_float(y)",
        "import math",
        "from math import nan",
        "hours = run.total_seconds()",
        "half = 1 / 2",
        "total /= 2",
        "x = cast('float', y)",
        "rows = json.loads(text)",
    ],
)
def test_a_float_is_seen(source: str) -> None:
    assert list(floats(source))


@pytest.mark.parametrize(
    "source",
    [
        "if isinstance(x, (int, float)): raise TypeError",
        "started = -(-seconds // 60)",
        "rows = json.loads(text, parse_float=Decimal)",
    ],
)
def test_what_makes_none_is_let_be(source: str) -> None:
    assert not list(floats(source))

"""Good answers made wrong in ways that a JSON parser does not notice."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Any


class WrongShape(str, Enum):
    """What is wrong: fields are `missing`, `null` or of a `wrong_type`, or the whole answer is an empty `array`."""

    MISSING = "missing"
    NULL = "null"
    WRONG_TYPE = "wrong_type"
    ARRAY = "array"


def misshapen(answer: Any, how: WrongShape, field: str = "") -> Any:
    """The answer with `field` spoiled wherever it stands, or each of several with commas between; "" stands for all
    fields of the outermost object."""
    if how is WrongShape.ARRAY:
        return []
    if field:
        return _spoiled(answer, how, frozenset(field.split(",")))
    if not isinstance(answer, dict):
        return answer
    return {} if how is WrongShape.MISSING else {name: _wrong(value, how) for name, value in answer.items()}


def emptied(answer: Any) -> Any:
    """The answer without a row in any of its lists."""
    if not isinstance(answer, dict):
        return answer
    return {name: [] if isinstance(value, list) else value for name, value in answer.items()}


def _spoiled(value: Any, how: WrongShape, fields: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_spoiled(each, how, fields) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _wrong(each, how) if name in fields else _spoiled(each, how, fields)
        for name, each in value.items()
        if name not in fields or how is not WrongShape.MISSING
    }


def _wrong(value: Any, how: WrongShape) -> Any:
    """Null, or an object where none belongs: lenient readers turn texts, numbers and booleans into each other."""
    if how is WrongShape.NULL:
        return None
    return ["unexpected"] if isinstance(value, dict) else {"unexpected": True}

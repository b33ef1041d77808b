"""A strict reader of properties: it refuses wrong types, unknown keys and odd numbers by name, and never converts
them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from pulumi.output import Unknown

from pulumi_cortecs.provider.kind import ArgumentTable, Problem, Reader

UNKNOWN: Final[Any] = Unknown()  # type: ignore[no-untyped-call]
"""The place of a value that only `up` will know; check may return it."""

_PROVIDER_KEY: Final = "__provider"


def is_unknown(*values: Any) -> bool:
    """Returns whether any of the values is one that only `up` will know."""
    return any(isinstance(value, Unknown) for value in values)


class InvalidValueError(ValueError):
    """The value of a property is invalid; the text names the allowed values."""


def read_properties(news: Mapping[str, Any], arguments: ArgumentTable) -> tuple[dict[str, Any], list[Problem]]:
    """The properties, each read by its reader, and their problems.

    The result omits properties that were left out. A value that only `up` will know is Unknown, and so is a refused or
    missing one, so that check can judge the others in the same call.
    """
    properties: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in news.items():
        if key == _PROVIDER_KEY or value is None:
            continue
        argument = arguments.get(key)
        if argument is None:
            problems.append(Problem(key, _unknown_argument_text(key, arguments)))
        elif isinstance(value, Unknown):
            properties[key] = value
        else:
            try:
                properties[key] = argument.read(value)
            except InvalidValueError as error:
                properties[key] = UNKNOWN
                problems.append(Problem(key, "cannot be used" if argument.secret else str(error)))
    missing = [key for key in arguments.required if key not in properties]
    problems += [Problem(key, f"is required: {arguments.required[key]}") for key in missing]
    return properties | dict.fromkeys(missing, UNKNOWN), problems


def string(value: Any) -> str:
    """Any string."""
    if not isinstance(value, str):
        raise InvalidValueError(f"must be a string; got {_describe(value)}")
    return value


def identifier(value: Any) -> str:
    """The id of something that exists elsewhere."""
    name = string(value)
    if not name or name != name.strip() or not name.isprintable():
        raise InvalidValueError(f"must be an id without spaces around it; got {name!r}")
    return name


def one_of(*allowed: str) -> Reader:
    """One of a few words."""

    def reader(value: Any) -> str:
        word = string(value)
        if word not in allowed:
            raise InvalidValueError(f"must be {' or '.join(allowed)}; got {word!r}")
        return word

    return reader


def integer(low: int, high: int | None = None) -> Reader:
    """An int in low..high, or from low on; the host passes every number as a float."""
    limits = f"{low}..{high}" if high is not None else f"{low} or more"

    def reader(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidValueError(f"must be a whole number, {limits}; got {_describe(value)}")
        if not math.isfinite(value) or value != int(value):
            raise InvalidValueError(f"must be a whole number, {limits}; got {value}")
        number = int(value)
        if number < low or (high is not None and number > high):
            raise InvalidValueError(f"must be {limits}; got {number}")
        return number

    return reader


def equal_values(one: Any, other: Any) -> bool:
    """Returns whether two values of an argument are equal, although the host passes every number as a float."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def without_float(value: Any) -> Any:
    """The value with whole numbers as ints: the host passes every number as a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unknown_argument_text(key: str, arguments: ArgumentTable) -> str:
    from pulumi_cortecs.cost.suggestions import closest_match  # programs import this module

    near = closest_match(key, arguments, at_least=0.6)
    hint = f"; did you mean {near}?" if near else f"; valid arguments: {', '.join(arguments)}"
    return f"is not an argument of {arguments.owner}{hint}"


def _describe(value: Any) -> str:
    kind = {str: "the string", bool: "the boolean", list: "the list", dict: "the object"}.get(type(value), "")
    return f"{kind} {value!r}".strip()

"""A strict reader of properties: it refuses wrong types, unknown keys and odd numbers by name, and never converts
them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from re import Pattern
from typing import Any, Final

from pulumi.output import Unknown

from pulumi_cortecs.provider.kind import ArgumentTable, Problem, Reader

UNKNOWN: Final[Any] = Unknown()  # type: ignore[no-untyped-call]
"""The place of a value that only `up` will know; check may return it."""

_PROVIDER_KEY: Final = "__provider"
_EMPTY: Final[tuple[Any, ...]] = (None, {}, [])
_MAX_SHOWN: Final = 200
"""Characters of a wrong id that a message shows."""


def is_unknown(*values: Any) -> bool:
    """Returns whether any of the values is one that only `up` will know."""
    return any(isinstance(value, Unknown) for value in values)


class InvalidValueError(ValueError):
    """The value of a property is invalid; the text names the allowed values. `shows_value` says whether the text may
    have the value in it, so that nobody is to see it of a secret."""

    def __init__(self, text: str, *, shows_value: bool = True) -> None:
        super().__init__(text)
        self.shows_value = shows_value


@dataclass(frozen=True)
class InvalidField:
    """An invalid field within the value of a property: `path` is its place, `reason` the allowed values."""

    path: str
    reason: str

    def within(self, name: str) -> InvalidField:
        """The same field, seen from outside of `name`."""
        return InvalidField(f"{name}{'' if self.path.startswith('[') else '.'}{self.path}", self.reason)


class InvalidFieldsError(InvalidValueError):
    """Fields within the value of a property are invalid. The reasons have no secret."""

    def __init__(self, *fields: InvalidField) -> None:
        super().__init__("; ".join(f"{field.path} {field.reason}" for field in fields), shows_value=False)
        self.fields = fields


def has_unknown(*values: Any) -> bool:
    """Returns whether any of the values is one that only `up` will know, or has one in it."""
    return any(
        is_unknown(value)
        or (isinstance(value, Mapping) and has_unknown(*value.values()))
        or (isinstance(value, list) and has_unknown(*value))
        for value in values
    )


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
            except InvalidFieldsError as error:
                properties[key] = UNKNOWN
                problems += [Problem(key, f"{field.path} {field.reason}") for field in error.fields]
            except InvalidValueError as error:
                properties[key] = UNKNOWN
                is_hidden = argument.secret and error.shows_value
                problems.append(Problem(key, "cannot be used" if is_hidden else str(error)))
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
        shown = repr(name) if len(name) <= _MAX_SHOWN else f"a text of {len(name)} characters"  # perhaps a key's file
        raise InvalidValueError(f"must be an id without spaces around it; got {shown}")
    return name


def one_of(*allowed: str) -> Reader:
    """One of a few words."""

    def reader(value: Any) -> str:
        word = string(value)
        if word not in allowed:
            raise InvalidValueError(f"must be {' or '.join(allowed)}; got {word!r}")
        return word

    return reader


def hidden_string(value: Any) -> str:
    """Any string, which may be a secret."""
    if not isinstance(value, str):
        raise InvalidValueError("must be a string", shows_value=False)
    return value


def boolean(value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise InvalidValueError(f"must be true or false; got {_describe(value)}")
    return value


def or_none(reader: Reader) -> Reader:
    """What `reader` reads, or "" for none."""
    return lambda value: "" if value == "" else reader(value)


def list_of(item: Reader, at_most: int = 1000) -> Reader:
    """A list of at most so many items."""

    def reader(value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise InvalidValueError("must be a list", shows_value=False)
        if len(value) > at_most:
            text = f"must have at most {at_most} item{'s' * (at_most != 1)}; got {len(value)}"
            raise InvalidValueError(text, shows_value=False)
        return list(_read_fields([(f"[{number}]", item, field) for number, field in enumerate(value)]).values())

    return reader


def mapping_of(item: Reader, names: Pattern[str]) -> Reader:
    """An object of any names that match the pattern, each with such a value."""

    def reader(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise InvalidValueError("must be an object of names and values", shows_value=False)
        odd = [InvalidField(repr(name), "is not a valid name") for name in value if not names.fullmatch(str(name))]
        return _read_fields([(name, item, field) for name, field in value.items() if names.fullmatch(str(name))], odd)

    return reader


@dataclass(frozen=True)
class ObjectReader:
    """The reader of an object of these fields, the `required` ones among them; {} for none at all, if it
    `may_be_none`. It has the two spellings of what it reads, for a vendor that fills in what was left out.

    `defaults` is what the vendor fills in. An object whose boolean field `switch` is off is none. `check` raises
    InvalidValueError for fields that do not fit together.
    """

    fields: Mapping[str, Reader]
    required: Sequence[str] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    switch: str = ""
    may_be_none: bool = True
    check: Callable[[dict[str, Any]], None] = lambda _: None

    def __call__(self, value: Any) -> dict[str, Any]:
        valid = ", ".join(self.fields)
        if not isinstance(value, Mapping):
            raise InvalidValueError(f"must be an object of {valid}", shows_value=False)
        parts = {key: part for key, part in value.items() if part is not None and key != _PROVIDER_KEY}
        required = self.required if parts or not self.may_be_none else ()
        odd = [
            InvalidField(str(key), f"is not a field; valid fields: {valid}") for key in parts if key not in self.fields
        ]
        odd += [InvalidField(key, "is required") for key in required if key not in parts]
        read = _read_fields([(key, self.fields[key], parts[key]) for key in self.fields if key in parts], odd)
        self.check(read)
        return read

    def read_minimal(self, value: Any) -> Any:
        """Reads the object, and returns its minimal spelling."""
        return self.minimal(self(value))

    def minimal(self, value: Any) -> Any:
        """An object that was read, or that the vendor reports, without what is empty or a default, at every depth; {}
        for None."""
        if not isinstance(value, Mapping):
            return {} if value is None else value
        if self.switch and value.get(self.switch) in (None, False):
            return {}
        parts = {
            key: inner.minimal(part) if (inner := self._inner(key)) else part
            for key, part in value.items()
            if part is not None
        }
        return {key: part for key, part in parts.items() if not self._is_default(key, part)}

    def full(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """An object with all defaults, at every depth."""
        if self.switch and not value:
            return {self.switch: False}
        return {
            key: inner.full(part) if isinstance(part, Mapping) and (inner := self._inner(key)) else part
            for key, part in {**self.defaults, **value}.items()
        }

    def _inner(self, key: str) -> ObjectReader | None:
        reader = self.fields.get(key)
        return reader if isinstance(reader, ObjectReader) else None

    def _is_default(self, key: str, part: Any) -> bool:
        default = self.defaults.get(key)
        return part == default or (part in _EMPTY and default in _EMPTY)


object_of: Final = ObjectReader


def _read_fields(fields: Iterable[tuple[str, Reader, Any]], problems: Iterable[InvalidField] = ()) -> dict[str, Any]:
    """The values of fields, of which each may be one that only `up` will know. Raises InvalidFieldsError with all
    `problems`, and those of the values."""
    values: dict[str, Any] = {}
    invalid = [*problems]
    for name, reader, value in fields:
        try:
            values[name] = value if is_unknown(value) else reader(value)
        except InvalidFieldsError as error:
            invalid += [field.within(name) for field in error.fields]
        except InvalidValueError as error:
            invalid.append(InvalidField(name, str(error)))
    if invalid:
        raise InvalidFieldsError(*invalid)
    return values


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
    """The value with whole numbers as ints, also within lists and objects: the host passes every number as a float."""
    if isinstance(value, list):
        return [without_float(item) for item in value]
    if isinstance(value, Mapping):
        return {key: without_float(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unknown_argument_text(key: str, arguments: ArgumentTable) -> str:
    from pulumi_cortecs.cost.suggestions import closest_match  # programs import this module

    near = closest_match(key, arguments, at_least=0.6)
    hint = f"; did you mean {near}?" if near else f"; valid arguments: {', '.join(arguments)}"
    return f"is not an argument of {arguments.owner}{hint}"


def _describe(value: Any) -> str:
    kind = {str: "the string", bool: "the boolean", list: "the list", dict: "the object"}.get(type(value), "")
    return f"{kind} {without_float(value)!r}".strip()

"""A reader of a resource's properties, which returns Known, Unknown and Missing. `property_reader` reads those of
pulumi-policy with it, and the review of a change those of a preview's events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pulumi_cortecs.policy.field import Field, Known, Missing, Unknown, malformed
from pulumi_cortecs.policy.settings import as_integer

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


class MappedProperties:
    """The properties in a mapping. `within`: the path to them, "quote.".

    `UNKNOWN_ERRORS` are the errors that the mapping raises for an unknown value.
    """

    UNKNOWN_ERRORS: ClassVar[tuple[type[Exception], ...]] = ()

    def __init__(self, values: Mapping[str, Any], within: str = "") -> None:
        self._values = values
        self._within = within

    def string(self, key: str) -> Field[str]:
        """A non-empty string."""
        return self._read(key, _text)

    def integer(self, key: str) -> Field[int]:
        """A whole number; they all arrive as doubles."""
        return self._read(key, _whole)

    def mapping(self, key: str) -> Field[Self]:
        """An object."""
        return self._read(key, lambda value: type(self)(_table(value), f"{self._within}{key}."))

    def strings(self, key: str) -> Field[Mapping[str, Field[str]]]:
        """An object of strings."""
        cells = self.mapping(key)
        if not isinstance(cells, Known):
            return cells
        return Known({name: cells.value.string(name) for name in cells.value._values})

    def mappings(self, key: str) -> Field[Sequence[Self]]:
        """A list of objects."""
        return self._read(key, lambda value: self._items(key, _list(value)))

    def length(self, key: str) -> Field[int]:
        """The length of a list."""
        return self._read(key, lambda value: len(_list(value)))

    def _hidden(self, name: str, value: Any) -> Unknown | None:
        """The Unknown in place of a value that is there and must not be read; None for any other value."""
        return None

    def _items(self, key: str, values: Sequence[Any]) -> Sequence[Self]:
        return [type(self)(_table(value), f"{self._within}{key}[{number}].") for number, value in enumerate(values)]

    def _read(self, key: str, reader: Callable[[Any], T]) -> Field[T]:
        name = self._within + key
        try:
            value = self._values[key]
        except KeyError:
            return Missing(name)
        except self.UNKNOWN_ERRORS:
            return Unknown(name)
        if value is None or value == "":
            return Missing(name)
        if hidden := self._hidden(name, value):
            return hidden
        try:
            return Known(reader(value))
        except self.UNKNOWN_ERRORS:
            return Unknown(name)
        except ValueError as error:
            return malformed(name, str(error))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is {_describe(value)}, not a string")
    return value


def _whole(value: Any) -> int:
    number = as_integer(value)
    if number is None:
        raise ValueError(f"is {_describe(value)}, not a whole number")
    return number


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"is {_describe(value)}, not an object")
    return value


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"is {_describe(value)}, not a list")
    return value


def _describe(value: Any) -> str:
    nested = isinstance(value, (Mapping, Sequence)) and not isinstance(value, str)
    return "a list or an object" if nested else repr(value)

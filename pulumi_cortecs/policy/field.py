"""One property of a purchase, as a pack knows it: its value, or the reason why it has none.

A rule calls `get()`, which raises without a value. That counts as a violation of the rule: an unknown value is not
allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NoReturn, TypeAlias, TypeVar

T = TypeVar("T")


class NotKnownError(Exception):
    """A rule needed an unknown value. `later`: `up` will know it."""

    def __init__(self, text: str, *, later: bool = False) -> None:
        super().__init__(text)
        self.later = later


@dataclass(frozen=True)
class Known(Generic[T]):
    """A value."""

    value: T

    def get(self) -> T:
        """The value."""
        return self.value


@dataclass(frozen=True)
class Unknown:
    """An unknown value. `later`: it depends on a resource that only `up` creates."""

    name: str
    why: str = "is only known when `pulumi up` creates the resource that it depends on"
    later: bool = True

    def get(self) -> NoReturn:
        """Raises NotKnownError."""
        raise NotKnownError(f"{self.name} {self.why}", later=self.later)


@dataclass(frozen=True)
class Missing:
    """No value."""

    name: str
    why: str = "is not given"

    def get(self) -> NoReturn:
        """Raises NotKnownError."""
        raise NotKnownError(f"{self.name} {self.why}")


Field: TypeAlias = Known[T] | Unknown | Missing


def malformed(name: str, why: str) -> Unknown:
    """A property with an invalid value: no rule may use it."""
    return Unknown(name, why, later=False)

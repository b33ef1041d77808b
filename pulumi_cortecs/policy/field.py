"""What a pack knows of one property of a purchase: its value, or why there is none.

A rule asks with `get()`. Where there is no value that raises, and the rule has found a violation without having written
a line for it: what is not known is not allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NoReturn, TypeAlias, TypeVar

T = TypeVar("T")


class NotKnownError(Exception):
    """A rule needed a value that there is not. `later` says whether `up` will know it."""

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
    """There is a value, and it cannot be told. `later`: because only `up` makes what it depends on."""

    name: str
    why: str = "is only known once `pulumi up` makes what it depends on"
    later: bool = True

    def get(self) -> NoReturn:
        """Raises NotKnownError."""
        raise NotKnownError(f"{self.name} {self.why}", later=self.later)


@dataclass(frozen=True)
class Missing:
    """There is no value."""

    name: str
    why: str = "is not given"

    def get(self) -> NoReturn:
        """Raises NotKnownError."""
        raise NotKnownError(f"{self.name} {self.why}")


Field: TypeAlias = Known[T] | Unknown | Missing


def malformed(name: str, why: str) -> Unknown:
    """A property whose value makes no sense: no rule may take it for anything."""
    return Unknown(name, why, later=False)

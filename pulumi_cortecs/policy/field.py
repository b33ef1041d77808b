"""One property of a purchase as a pack knows it: its value, or why there is none.

A rule asks with `get()`. Without a value that raises, which counts as a violation of the rule: what is not known is not
allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NoReturn, TypeAlias, TypeVar

T = TypeVar("T")


class NotKnownError(Exception):
    """A rule needed a value that is not known. `later` says whether `up` will know it."""

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
    """A value that exists and is not known. `later`: only `up` makes what it depends on."""

    name: str
    why: str = "is only known once `pulumi up` makes what it depends on"
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
    """A property whose value makes no sense: no rule may take it for anything."""
    return Unknown(name, why, later=False)

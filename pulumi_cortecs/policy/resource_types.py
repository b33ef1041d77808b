"""The resource types that this package publishes, and a resource as a pack observes it before it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from pulumi_cortecs.policy.field import Field
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.purchase import Purchase


class Properties(Protocol):
    """A resource's properties, by name and kind. A property of another kind is an Unknown with that reason."""

    def string(self, key: str) -> Field[str]:
        """A string that is not empty."""
        ...

    def integer(self, key: str) -> Field[int]:
        """A whole number."""
        ...

    def mapping(self, key: str) -> Field[Any]:
        """An object: Properties of its own."""
        ...

    def strings(self, key: str) -> Field[Mapping[str, Field[str]]]:
        """An object of strings."""
        ...


Extract = Callable[[str, str, Properties, PinnedPrices], Purchase]
"""A function that makes a Purchase of the URN, the name, the properties and the prices."""


@dataclass(frozen=True)
class ResourceType:
    """A published type. `providers` are the exact bytes of its pickled provider class; `extract` is None for a type
    that buys nothing. `may_ignore`: the arguments whose changes a program may ignore. `bought`: the other arguments."""

    resource_type: str
    providers: frozenset[str]
    may_ignore: frozenset[str]
    extract: Extract | None = None
    bought: frozenset[str] = frozenset()

    @property
    def arguments(self) -> frozenset[str]:
        """All arguments of such a resource."""
        return self.bought | self.may_ignore


class ProviderOrigin(Enum):
    """The origin of the code that serves a resource, as far as the pack has observed it."""

    PUBLISHED = "the published one"
    FOREIGN = "another one"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class ObservedResource:
    """One resource. `published_type` is None for a type that this package does not publish; `ignore_changes` are the
    program's."""

    urn: str
    resource_type: str
    published_type: ResourceType | None
    provider: ProviderOrigin
    ignore_changes: tuple[str, ...]

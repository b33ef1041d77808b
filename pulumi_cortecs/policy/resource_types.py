"""The resource types that this package publishes, and a resource as a pack observes it before it is made."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol

from pulumi_cortecs.policy.field import Field
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.purchase import Purchase

_LOAD: Final = b"\x8c\x13pulumi_cortecs._abi\x94\x8c\x04load\x94\x93\x94\x8c%c%b\x94\x85\x94R\x94."
"""A pickle that calls `pulumi_cortecs._abi.load` with a name, which follows its length."""
_PROTOCOLS: Final = (4, 5)
"""Python pickles with protocol 4, from 3.14 on with 5."""


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

    def mappings(self, key: str) -> Field[Sequence[Any]]:
        """A list of objects: Properties of their own."""
        ...

    def length(self, key: str) -> Field[int]:
        """The length of a list; its items may be unknown."""
        ...


Extract = Callable[[str, str, Properties, PinnedPrices], Purchase]
"""A function that makes a Purchase of the URN, the name, the properties and the prices."""


def published(name: str) -> frozenset[str]:
    """The pickles, in base64, of the provider class that states call `name`: "cortecs.Instance"."""
    calls = _LOAD % (len(name), name.encode())
    return frozenset(
        b64encode(b"\x80%c\x95%b%b" % (protocol, len(calls).to_bytes(8, "little"), calls)).decode()
        for protocol in _PROTOCOLS
    )


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

"""The names that users' states hold for ever.

A state keeps each provider as a pickle that says "call `pulumi_cortecs._abi.load` with this name". So neither this
module nor `load` nor a name in it may ever be renamed, or nobody could refresh or destroy what they have; where the
classes behind the names live is free to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_cortecs.provider.host import served

if TYPE_CHECKING:
    from pulumi.dynamic import ResourceProvider


class UnknownProviderError(LookupError):
    """The state was written by a newer version of this package."""


@served
def load(name: str) -> ResourceProvider:
    """The provider that a state calls `name`. Raises UnknownProviderError for a name of a newer version."""
    if name == "cortecs.Instance":
        from pulumi_cortecs.provider.cortecs import InstanceProvider

        return InstanceProvider()
    if name == "cortecs.Endpoint":
        from pulumi_cortecs.provider.cortecs import EndpointProvider

        return EndpointProvider()
    raise UnknownProviderError(
        f"this pulumi-cortecs has no provider {name!r}; a newer one has: pip install -U pulumi-cortecs"
    )

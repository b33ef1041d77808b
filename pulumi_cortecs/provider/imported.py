"""What a table names and programs do not need: functions whose modules are imported when they are called."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulumi_cortecs.cost import Money
    from pulumi_cortecs.http.credentials import Credentials
    from pulumi_cortecs.lifecycle.cloud import Cloud
    from pulumi_cortecs.provider.kind import Inputs


def imported(path: str) -> Callable[..., Any]:
    """The function or class "package.module:name", imported at its first call."""
    module, _, name = path.partition(":")
    return lambda *args: attrgetter(name)(import_module(module))(*args)


def connected(cloud: str, client: str) -> Callable[[Credentials, float, Callable[[Inputs], Money | None]], Cloud[Any]]:
    """The `connect` of an InstanceKind for the AccountCloud and the client at these paths."""

    def connect(credentials: Credentials, list_lag: float, price: Callable[[Inputs], Money | None]) -> Cloud[Any]:
        made: Cloud[Any] = imported(cloud)(imported(client)(credentials), credentials.fingerprint, list_lag, price)
        return made

    return connect

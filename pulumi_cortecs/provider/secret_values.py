"""Secret values that no program has given: those that the vendor reports of an adopted instance, or after a drift.

The engine keeps secret what the program or the state has as a secret, and takes everything else in clear, unless it is
marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.stack_export import SIGNATURE
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.properties import equal_values, has_unknown

_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"


def mark_secrets(kind: InstanceKind, props: Mapping[str, Any], clear: Mapping[str, Any]) -> dict[str, Any]:
    """The properties for the engine, with the values of secret arguments marked, but for empty ones and those in
    `clear`, which the engine has given."""
    secret = kind.arguments.names_where(lambda argument: argument.secret)
    hidden = {
        key
        for key in secret
        if props.get(key) and not has_unknown(props[key]) and not equal_values(props[key], clear.get(key))
    }
    return {key: {SIGNATURE: _SECRET, "value": value} if key in hidden else value for key, value in props.items()}

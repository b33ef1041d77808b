"""The resource types that users' states hold for ever, by the names of their providers (`_abi.py`)."""

from __future__ import annotations

from typing import Final

TOKENS: Final[dict[str, str]] = {
    "cortecs.Instance": "pulumi-python:dynamic/cortecs:Instance",
    "cortecs.Endpoint": "pulumi-python:dynamic/cortecs:Endpoint",
}


PLAIN_RESOURCES: Final[set[str]] = set()
"""The names in `TOKENS` of plain resources: what is neither an instance nor an Endpoint."""


def instance_tokens() -> frozenset[str]:
    """The types of instances."""
    return owned_tokens() - {TOKENS[name] for name in PLAIN_RESOURCES}


def owned_tokens() -> frozenset[str]:
    """The types of everything that exists at a vendor: instances and plain resources."""
    return frozenset(token for name, token in TOKENS.items() if not name.endswith(".Endpoint"))

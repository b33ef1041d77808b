"""The resource types that users' states hold for ever, by the names of their providers (`_abi.py`)."""

from __future__ import annotations

from typing import Final

TOKENS: Final[dict[str, str]] = {
    "cortecs.Instance": "pulumi-python:dynamic/cortecs:Instance",
    "cortecs.Endpoint": "pulumi-python:dynamic/cortecs:Endpoint",
}


def instance_tokens() -> frozenset[str]:
    """The types of instances."""
    return frozenset(token for name, token in TOKENS.items() if name.endswith(".Instance"))

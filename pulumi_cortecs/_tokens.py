"""The resource types that users' states hold for ever, by the names of their providers (`_abi.py`)."""

from __future__ import annotations

from typing import Final

TOKENS: Final[dict[str, str]] = {
    "cortecs.Instance": "pulumi-python:dynamic/cortecs:Instance",
    "cortecs.Endpoint": "pulumi-python:dynamic/cortecs:Endpoint",
    "shadeform.Instance": "pulumi-python:dynamic/shadeform:Instance",
    "shadeform.Endpoint": "pulumi-python:dynamic/shadeform:Endpoint",
    "shadeform.SshKey": "pulumi-python:dynamic/shadeform:SshKey",
    "shadeform.Volume": "pulumi-python:dynamic/shadeform:Volume",
}


PLAIN_RESOURCES: Final[set[str]] = {"shadeform.SshKey", "shadeform.Volume"}
"""The names in `TOKENS` of plain resources: what is neither an instance nor an Endpoint."""


def instance_tokens() -> frozenset[str]:
    """The types of instances."""
    return frozenset(token for name, token in TOKENS.items() if name.endswith(".Instance"))


def owned_tokens() -> frozenset[str]:
    """The types of everything that exists at a vendor: instances and plain resources."""
    return frozenset(token for name, token in TOKENS.items() if not name.endswith(".Endpoint"))

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
    "gcore.InferenceDeployment": "pulumi-python:dynamic/gcore:InferenceDeployment",
    "gcore.Endpoint": "pulumi-python:dynamic/gcore:Endpoint",
    "gcore.ApiKey": "pulumi-python:dynamic/gcore:ApiKey",
    "gcore.RegistryCredential": "pulumi-python:dynamic/gcore:RegistryCredential",
    "gcore.Secret": "pulumi-python:dynamic/gcore:Secret",
}


PLAIN_RESOURCES: Final[set[str]] = {
    "shadeform.SshKey",
    "shadeform.Volume",
    "gcore.ApiKey",
    "gcore.RegistryCredential",
    "gcore.Secret",
}
"""The names in `TOKENS` of plain resources: what is neither an instance nor an Endpoint."""


def is_instance(name: str) -> bool:
    """Returns whether a name in `TOKENS` is that of a cloud's instances, whatever the vendor calls them."""
    return not name.endswith(".Endpoint") and name not in PLAIN_RESOURCES


def instance_tokens() -> frozenset[str]:
    """The types of instances."""
    return frozenset(token for name, token in TOKENS.items() if is_instance(name))


def owned_tokens() -> frozenset[str]:
    """The types of everything that exists at a vendor: instances and plain resources."""
    return frozenset(token for name, token in TOKENS.items() if not name.endswith(".Endpoint"))

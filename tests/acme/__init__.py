"""Acme, a made-up cloud for tests in the shape that all have (docs/adding-a-cloud.md). Its import registers it."""

from pulumi_cortecs import _abi, _tokens
from pulumi_cortecs.cost import limits_file

_KINDS = {"Instance": "INSTANCE", "Endpoint": "INSTANCE", "Key": "KEY", "Disk": "DISK"}
_abi.KINDS.update({f"acme.{name}": f"tests.acme.kind:{kind}" for name, kind in _KINDS.items()})
_tokens.TOKENS.update({f"acme.{name}": f"pulumi-python:dynamic/acme:{name}" for name in _KINDS})
_tokens.PLAIN_RESOURCES.update({"acme.Key", "acme.Disk"})
limits_file.CLOUDS["acme"] = {"allowed_plans": limits_file.AllowList("plan")}

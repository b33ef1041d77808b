"""Acme, a made-up cloud for tests, in the shape that every cloud has (docs/adding-a-cloud.md). Who imports it has it
registered."""

from __future__ import annotations

from pulumi_cortecs import _abi, _tokens
from pulumi_cortecs.cost import limits_file

_abi.KINDS.update(dict.fromkeys(("acme.Instance", "acme.Endpoint"), "tests.acme.kind:INSTANCE"))
_tokens.TOKENS.update({f"acme.{name}": f"pulumi-python:dynamic/acme:{name}" for name in ("Instance", "Endpoint")})
limits_file.CLOUDS["acme"] = {"allowed_plans": limits_file.AllowList("plan")}

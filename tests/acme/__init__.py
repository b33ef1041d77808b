"""Acme, a made-up cloud for tests in the shape that all have (docs/adding-a-cloud.md). Its import registers it."""

from pulumi_cortecs import _abi, _tokens
from pulumi_cortecs.cost import limits_file

_abi.KINDS.update(dict.fromkeys(("acme.Instance", "acme.Endpoint"), "tests.acme.kind:INSTANCE"))
_tokens.TOKENS.update({f"acme.{name}": f"pulumi-python:dynamic/acme:{name}" for name in ("Instance", "Endpoint")})
limits_file.CLOUDS["acme"] = {"allowed_plans": limits_file.AllowList("plan")}

"""Resources that cost the engine what ours cost, and do nothing: the yardstick."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class NoopProvider(ResourceProvider):
    """Answers at once."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("noop", {key: value for key, value in props.items() if not key.startswith("__")})


class Noop(Resource, module="benchmarks", name="Noop"):
    """Five small properties."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        props = {"a": "one", "b": "two", "c": 3, "d": "four", "e": "five"}
        super().__init__(NoopProvider(), name, props, opts)

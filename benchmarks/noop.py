"""Resources that cost the engine what ours cost, and do nothing: the yardstick."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, ReadResult, Resource, ResourceProvider


class NoopProvider(ResourceProvider):
    """Answers at once."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("noop", {**_own(props), "made": "yes"})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, _own(props))


class AlikeProvider(NoopProvider):
    """Hands back rows that have the properties of ours, inputs too, as a read of ours does."""

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        outs = _own(props)
        inputs = _INPUTS_OF_ENDPOINT if "base_url" in outs else _INPUTS_OF_INSTANCE
        return ReadResult(id_, outs, {key: outs[key] for key in inputs if key in outs})


_INPUTS_OF_INSTANCE = (
    "model_id",
    "hardware_type_id",
    "context_length",
    "billing_interval",
    "num_workers",
    "state",
    "restart_trigger",
    "on_timeout",
    "quote",
)
_INPUTS_OF_ENDPOINT = ("instance_id", "state", "spec_digest", "ready_timeout")


class Noop(Resource, module="benchmarks", name="Noop"):
    """Five small properties."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        props = {"a": "one", "b": "two", "c": 3, "d": "four", "e": "five"}
        super().__init__(NoopProvider(), name, props, opts)


class NoopChild(Resource, module="benchmarks", name="NoopChild"):
    """Three small properties, one of them another resource's output."""

    def __init__(self, name: str, made: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(NoopProvider(), name, {"a": made, "b": "two", "c": 3}, opts)


class NoopPair(Resource, module="benchmarks", name="NoopPair"):
    """Five small properties and an output, and a child that cannot be made before that is known: the shape of ours."""

    made: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        props = {"a": "one", "b": "two", "c": 3, "d": "four", "e": "five", "made": None}
        super().__init__(NoopProvider(), name, props, opts)
        self.child = NoopChild(name, self.made, pulumi.ResourceOptions(parent=self))


def noops(size: int, kind: str = "Noop") -> str:
    """A program with that many of them; `kind` is the class."""
    return f"from benchmarks.noop import {kind}\nfor i in range({size}):\n    {kind}(f'n{{i}}')\n"


def _own(props: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if not key.startswith("__")}

"""Previews as the engine prints them, generated from a description. It imports nothing of ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STACK = "dev"
PROJECT = "shop"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
CORTECS = "pulumi-python:dynamic/cortecs:Instance"
GCORE = "pulumi-python:dynamic/gcore:InferenceDeployment"
VOLUME = "pulumi-python:dynamic/shadeform:Volume"
_NOT_LOGICAL = {"create-replacement", "delete-replaced", "refresh", "import-replacement"}


def urn(resource_type: str, name: str, stack: str = STACK) -> str:
    """The URN of a resource."""
    return f"urn:pulumi:{stack}::{PROJECT}::{resource_type}::{name}"


def cortecs(hardware: str = "NVIDIA_L4_1", workers: Any = 1, state: str = "running", **more: Any) -> dict[str, Any]:
    """The inputs of an instance at Cortecs."""
    return {
        "__provider": "gASV",
        "model_id": "Qwen--Qwen2-7B-Instruct",
        "hardware_type_id": hardware,
        "num_workers": workers,
        "billing_interval": "per_minute",
        "context_length": 32000,
        "state": state,
        **more,
    }


def gcore(flavor: str, least: int, most: int, state: str = "running") -> dict[str, Any]:
    """The inputs of a deployment at Gcore in one region."""
    scale = {"min": least, "max": most}
    return {"flavor_name": flavor, "containers": [{"region_id": "luxembourg-1", "scale": scale}], "state": state}


def volume(size_gb: int) -> dict[str, Any]:
    """The inputs of a volume at Shadeform."""
    return {"cloud": "hyperstack", "region": "montreal-canada-2", "size_in_gb": size_gb, "name": "disk"}


@dataclass
class Events:
    """Events in their order."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def step(
        self,
        op: str,
        name: str,
        old: Mapping[str, Any] | None = None,
        new: Mapping[str, Any] | None = None,
        *,
        resource_type: str = CORTECS,
        stack: str = STACK,
        diffs: Iterable[str] = (),
        old_id: str = "i-1",
        **old_state: Any,
    ) -> Events:
        """Adds a step with the inputs before and after it."""
        identity = {"type": resource_type, "urn": urn(resource_type, name, stack)}
        metadata: dict[str, Any] = {"op": op, **identity, "diffs": list(diffs) or None}
        metadata["old"] = None if old is None else {**identity, "id": old_id, "inputs": old, **old_state}
        metadata["new"] = None if new is None else {**identity, "id": "", "inputs": new}
        if op not in _NOT_LOGICAL:
            metadata["logical"] = True
            self.counts[op] += 1
        kind = "resOutputsEvent" if op == "refresh" else "resourcePreEvent"
        return self.event(**{kind: {"metadata": metadata, "planning": True}})

    def replace(self, name: str, old: Mapping[str, Any], new: Mapping[str, Any], **options: Any) -> Events:
        """Adds the three steps of a replacement."""
        self.step("create-replacement", name, old, new, **options)
        self.step("replace", name, old, new, **options)
        return self.step("delete-replaced", name, old, None, **options)

    def violation(
        self, name: str = "", level: str = "mandatory", rule: str = "workers-max", message: str = "No."
    ) -> Events:
        """Adds a finding of a pack."""
        return self.event(
            policyEvent={
                "resourceUrn": urn(CORTECS, name),
                "message": message,
                "policyName": rule,
                "policyPackName": "cortecs-guard",
                "enforcementLevel": level,
                "severity": "high",
            }
        )

    def error(self, message: str) -> Events:
        """Adds an error."""
        return self.event(diagnosticEvent={"prefix": "error: ", "message": f"{message}\n", "severity": "error"})

    def event(self, **content: Any) -> Events:
        """Adds an event; every third sequence number is left out, as the engine does."""
        number = len(self.lines) * 3 // 2
        self.lines.append({"sequence": number, "timestamp": 1795835751, **content})
        return self

    def end(self, **summary: Any) -> Events:
        """Adds the summary and the end."""
        content = {"resourceChanges": dict(self.counts), "isPreview": True, "maybeCorrupt": False, "PolicyPacks": {}}
        self.event(summaryEvent={**content, "result": "succeeded", **summary})
        return self.event(cancelEvent={})

    def encode(self) -> bytes:
        """The stream."""
        return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in self.lines)

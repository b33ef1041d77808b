"""Backends as a `pulumi` of ours shows them: a script on PATH that answers from files, in milliseconds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSTANCE = "pulumi-python:dynamic/cortecs:Instance"
ENDPOINT = "pulumi-python:dynamic/cortecs:Endpoint"

_SCRIPT = """#!/bin/sh
# stack ls ... | stack export --stack NAME ...
folder="${PULUMI_BACKEND_URL#*://}/said"
case "$2" in ls) answer=ls ;; *) answer=$(echo "$4" | tr / .) ;; esac
if [ -f "$folder/$answer.error" ]; then cat "$folder/$answer"; cat "$folder/$answer.error" >&2; exit 1; fi
if [ -f "$folder/$answer" ]; then exec cat "$folder/$answer"; fi
echo "error: no stack named '$4' found" >&2
exit 6
"""


def installed(directory: Path, script: str = _SCRIPT) -> str:
    """A PATH with such a `pulumi` before everything else."""
    directory.mkdir()
    command = directory / "pulumi"
    command.write_text(script)
    command.chmod(0o755)
    return os.pathsep.join([str(directory), os.environ["PATH"]])


@dataclass(frozen=True)
class Backend:
    """One backend, a folder."""

    directory: Path

    @property
    def url(self) -> str:
        return f"file://{self.directory}"

    def put(self, stack: str, *rows: Mapping[str, Any], pending: Iterable[Mapping[str, Any]] = ()) -> None:
        """A stack, "organization/project/stack", with these rows."""
        state = {"resources": [*rows], "pending_operations": [*pending]}
        self.says(stack, json.dumps({"version": 3, "deployment": state}))

    def says(self, stack: str, exported: str) -> None:
        """Sets the output of `stack export`."""
        names = [*self._names(), stack]
        self._file("ls").write_text(json.dumps([{"name": name} for name in dict.fromkeys(names)]))
        self._file(stack).write_text(exported)

    def empty(self) -> None:
        """A backend without any stack."""
        self._file("ls").write_text("[]")

    def breaks(self, what: str, error: str) -> None:
        """Makes "ls", or the export of a stack, fail from now on with this text on stderr."""
        self._file(f"{what}.error").write_text(error)

    def lock(self, project: str, stack: str) -> None:
        """Locks a stack as a running or killed command does in a directory."""
        folder = self.directory / ".pulumi" / "locks" / "organization" / project / stack
        folder.mkdir(parents=True)
        (folder / "1.json").write_text("{}")

    def _names(self) -> list[str]:
        file = self._file("ls")
        return [row["name"] for row in json.loads(file.read_text())] if file.exists() else []

    def _file(self, name: str) -> Path:
        folder = self.directory / "said"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name.replace("/", ".")


def urn(name: str, stack: str = "dev", project: str = "shop") -> str:
    return f"urn:pulumi:{stack}::{project}::{INSTANCE}::{name}"


def row(instance_id: str, name: str = "chat", **more: Any) -> dict[str, Any]:
    """An Instance in a state. `expires_at` is one of its outputs."""
    outputs = {"expires_at": more.pop("expires_at")} if "expires_at" in more else {}
    return {"urn": urn(name), "type": INSTANCE, "custom": True, "id": instance_id, "outputs": outputs, **more}


def endpoint_row(instance_id: str) -> dict[str, Any]:
    """An Endpoint that waits for an instance."""
    return {"urn": urn("chat"), "type": ENDPOINT, "custom": True, "id": "e1", "outputs": {"instance_id": instance_id}}


def creating(name: str = "chat", **inputs: Any) -> dict[str, Any]:
    """A purchase that never ended."""
    return {"resource": {"urn": urn(name), "type": INSTANCE, "custom": True, "inputs": inputs}, "type": "creating"}

"""What the Instance row behind each id says, as far as this process has been shown it, and what came for it.

The engine shows us every Instance before its Endpoint, which is told an id and not much more.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi_cortecs.provider.cortecs.arguments import PURCHASE

_lock = threading.Lock()
_by_instance: dict[str, Row] = {}


@dataclass(frozen=True)
class Row:
    """An Instance's row: `arguments` are those that decide what is bought, `came` what the vendor told when it was
    bought in this process. `inferred`: its id was concluded from a list of the vendor's."""

    urn: str
    arguments: Mapping[str, Any]
    inferred: bool = False
    came: Mapping[str, Any] = field(default_factory=dict)


def note(instance_id: str, urn: str, props: Mapping[str, Any], came: Mapping[str, Any] | None = None) -> None:
    """Remembers a row by its inputs or outputs."""
    arguments = {key: props[key] for key in PURCHASE if key in props}
    with _lock:
        _by_instance[instance_id] = Row(urn, arguments, bool(props.get("inferred")), came or {})


def of(instance_id: str) -> Row | None:
    """The row that has the instance, None where this process has been shown none."""
    with _lock:
        return _by_instance.get(instance_id)

"""What the Instance row behind each id says, as far as this process has been shown it, and what came for it.

The engine shows us every Instance before its Endpoint, which is told an id and not much more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_cortecs.provider import session
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.session import InstanceRow


def record_row(
    kind: InstanceKind, instance_id: str, urn: str, props: Mapping[str, Any], came: Mapping[str, Any] | None = None
) -> None:
    """Remembers a row by its inputs or outputs."""
    arguments = {key: props[key] for key in kind.arguments.replacing if key in props}
    row = InstanceRow(urn, arguments, bool(props.get("inferred")), came or {})
    session.current().rows[instance_id] = row


def row_of(instance_id: str) -> InstanceRow | None:
    """The row that has the instance, None where this process has been shown none."""
    return session.current().rows.get(instance_id)

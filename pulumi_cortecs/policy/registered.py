"""What a pack sees of any resource, bought or not, before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pulumi_cortecs.policy.ours import Ours


class Provider(Enum):
    """Whose code serves the resource, as far as the pack has seen it."""

    PUBLISHED = "the published one"
    FOREIGN = "another one"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Registered:
    """One resource. `ours` is what is known of its type, None for a type that is not ours; `ignore_changes` is as the
    program has it."""

    urn: str
    resource_type: str
    ours: Ours | None
    provider: Provider
    ignore_changes: tuple[str, ...]

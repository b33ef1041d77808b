"""From a resource's type to what it buys: one extractor per type, so that no rule knows any cloud's resources."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pulumi_cortecs.policy import cortecs
from pulumi_cortecs.policy.resource_types import ResourceType

RESOURCE_TYPES: Final[Mapping[str, ResourceType]] = MappingProxyType(
    {resource.resource_type: resource for resource in cortecs.RESOURCES}
)
"""By type token. Another cloud's resources are added here, and no rule changes."""

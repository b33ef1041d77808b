"""The extractor of each resource type, which makes a Purchase of a resource: no rule needs to know a cloud's
resources."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pulumi_cortecs.policy import cortecs, gcore, shadeform
from pulumi_cortecs.policy.resource_types import ResourceType

RESOURCE_TYPES: Final[Mapping[str, ResourceType]] = MappingProxyType(
    {resource.resource_type: resource for resource in (*cortecs.RESOURCES, *shadeform.RESOURCES, *gcore.RESOURCES)}
)
"""By type token. A further cloud adds its resources here, without a change of rules."""

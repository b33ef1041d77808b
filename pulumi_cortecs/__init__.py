"""Rented LLM inference as Pulumi resources: priced before it is bought, and provably ended."""

from pulumi_cortecs.resources.cortecs import Endpoint, Instance, InstanceArgs

__all__ = ["Endpoint", "Instance", "InstanceArgs"]

"""Mocks for unit tests of programs: no engine, no network, no costs (docs/testing.md)."""

from pulumi_cortecs.testing.instance_mocks import CloudMocks, MockedInstance, RefusedArgumentsError
from pulumi_cortecs.testing.mocks import CortecsMocks, DeclaredInstance

__all__ = ["CloudMocks", "CortecsMocks", "DeclaredInstance", "MockedInstance", "RefusedArgumentsError"]

"""Mocks for unit tests of programs: no engine, no network, no costs (docs/testing.md)."""

from pulumi_cortecs.testing.mocks import CortecsMocks, DeclaredInstance, RefusedArgumentsError

__all__ = ["CortecsMocks", "DeclaredInstance", "RefusedArgumentsError"]

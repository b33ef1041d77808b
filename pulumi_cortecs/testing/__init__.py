"""For unit tests of programs that declare our resources: no engine, no network, nothing to pay (docs/testing.md)."""

from pulumi_cortecs.testing.mocks import CortecsMocks, DeclaredInstance, RefusedArgumentsError

__all__ = ["CortecsMocks", "DeclaredInstance", "RefusedArgumentsError"]

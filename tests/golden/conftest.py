"""The real pulumi CLI, as in tests/engine."""

from tests.engine.conftest import are_forked, make_stack, pulumi, pulumi_home

__all__ = ["are_forked", "make_stack", "pulumi", "pulumi_home"]

"""The real pulumi CLI, as in tests/engine."""

from tests.engine.conftest import make_stack, pulumi, pulumi_home

__all__ = ["make_stack", "pulumi", "pulumi_home"]

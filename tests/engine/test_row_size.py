"""The rows that the engine writes again and again are short."""

from __future__ import annotations

import json

from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack


def test_a_row_keeps_where_it_was_declared_and_not_the_whole_stack(stack: Stack) -> None:
    stack.program(one_instance())
    stack.up()
    (instance,), (endpoint,) = stack.resources("Instance"), stack.resources("Endpoint")
    frames = [frame.get("sourcePosition", "") for frame in instance["stackTrace"]]
    assert len(frames) == 2
    assert "__main__.py#" in frames[1]  # the line of the program that declares it
    assert "stackTrace" not in endpoint
    assert max(len(json.dumps(row)) for row in (instance, endpoint)) < 2000

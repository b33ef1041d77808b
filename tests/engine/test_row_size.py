"""What the engine writes again and again has to be short."""

from __future__ import annotations

import json

from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack


def test_a_row_keeps_where_it_was_declared_and_not_the_whole_stack(stack: Stack) -> None:
    stack.program(one_instance())
    stack.up()
    for row in (*stack.resources("Instance"), *stack.resources("Endpoint")):
        assert row["sourcePosition"].partition("#")[0].endswith("pulumi_cortecs/resources/cortecs.py")
        frames = [frame.get("sourcePosition", "") for frame in row["stackTrace"]]
        assert len(frames) <= 2
        assert len(json.dumps(row)) < 2200
    (instance,) = stack.resources("Instance")
    # the line of the program that declares it
    assert any("__main__.py#" in frame.get("sourcePosition", "") for frame in instance["stackTrace"])

"""Something else came than was ordered: it is owned, not waited for, and the way on that the error names is one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from pulumi_cortecs.simulator import Simulator
from tests.contract.proxy import Answer, Sent, between
from tests.engine.advice import assert_seen
from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack


def test_the_way_on_after_other_hardware_came_is_a_replacement(
    make_stack: Callable[[Mapping[str, str]], Stack], simulator: Simulator
) -> None:
    wrong: set[str] = set()

    def other_hardware(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        instances: list[dict[str, Any]] = [*answer.body.get("instances", []), answer.body.get("instance") or {}]
        if sent.path == "/instances/start" and not wrong:
            wrong.add(answer.body["instance"]["instance_id"])
        for instance in instances:
            if instance.get("instance_id") in wrong:
                instance["instance_args"]["hardware_type_id"] = "NVIDIA_L4_2"
        return answer

    with between(simulator) as proxy:
        proxy.rewrite = other_hardware
        stack = make_stack(proxy.env())
        stack.program(one_instance())
        text = stack.up(expect=1).text
        (first,) = wrong
        assert stack.instance_ids() == {first}
        error_text = (
            "is not what was ordered, so the Endpoint does not wait for it: hardware_type_id 'NVIDIA_L4_1' was ordered"
        )
        assert f"{first} {error_text}, 'NVIDIA_L4_2' was delivered. It exists and costs 2.40 EUR/h" in text
        assert_seen("other hardware, workers or model than ordered", text)
        again = stack.up(expect=1).text  # which buys no other one, and says the same
        assert f"{first} {error_text}" in again
        assert [instance.instance_id for instance in simulator.control.instances()] == [first]
        (command,) = set(re.findall(r"`pulumi (up --replace [^`]+)`", again))
        _, *arguments = shlex.split(command)
        stack.up(*arguments)
        (second,) = stack.instance_ids()
        assert second != first
        assert [instance.instance_id for instance in simulator.control.instances()] == [second]
        stack.drift(expect=0)

"""Data sources in a real program: in previews, in `up`, with what is not known yet, and when there is no such thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.engine.documented import program_of
from tests.engine.pulumi import Stack

MakeStack = Callable[[Mapping[str, str]], Stack]


def test_the_documented_program_buys_the_cheapest_hardware_in_stock(stack: Stack, simulator: Simulator) -> None:
    simulator.control.reprice("NVIDIA_L40S_1", "0.60")
    stack.program(program_of("accounts.md", "Data sources"))
    preview = stack.preview("--diff").text
    assert 'hardware_type_id: "NVIDIA_L40S_1"' in preview
    assert "seen            : [unknown]" in preview

    stack.up()
    (bought,) = simulator.control.instances()
    assert bought.hardware_type_id == "NVIDIA_L40S_1"
    outputs = stack.outputs()
    assert outputs["left"]["currency"] == "EUR"
    assert isinstance(outputs["left"]["current_balance"], str)
    instance = outputs["seen"]
    assert (instance["instance_id"], instance["instance_status"]["status"]) == (bought.instance_id, "running")
    assert instance["instance_args"]["hardware_type_id"] == "NVIDIA_L40S_1"
    assert instance["worker_statuses"][0]["init_progress"]["num_steps"] == 5
    # what was asked for is no input of anything but the hardware
    stack.drift(expect=0)

    simulator.control.set_available("NVIDIA_L40S_1", False)
    assert "replace" in stack.preview().text


@pytest.mark.parametrize(
    "call", ["get_model('Qwen/Qwen2-7B-Instrukt')", "get_model_output(pulumi.Output.secret('Qwen/Qwen2-7B-Instrukt'))"]
)
def test_an_unknown_id_ends_the_program_with_one_sentence(stack: Stack, call: str) -> None:
    stack.program(
        f"import pulumi\nfrom pulumi_cortecs import get_model, get_model_output\npulumi.export('model', {call})\n"
    )
    run = stack.preview(expect=None)
    assert run.code != 0
    assert "error: Cortecs has no model 'Qwen/Qwen2-7B-Instrukt'; did you mean Qwen--Qwen2-7B-Instruct?" in run.text
    assert "Traceback" not in run.text


def test_data_sources_find_the_credentials_of_the_stacks_config(simulator: Simulator, make_stack: MakeStack) -> None:
    simulator.control.register("of-config", "secret-of-config", "acct-config")
    stack = make_stack({})
    stack.run("config", "set", "cortecs:apiBaseUrl", simulator.base_url)
    stack.run("config", "set", "cortecs:clientId", "of-config")
    stack.run("config", "set", "--secret", "cortecs:clientSecret", "secret-of-config")
    stack.program("import pulumi\nfrom pulumi_cortecs import get_balance\npulumi.export('left', get_balance())\n")
    assert "secret-of-config" not in stack.up().text
    assert stack.outputs()["left"]["currency"] == "EUR"

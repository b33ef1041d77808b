"""Two rows of one stack that have one instance: taking one out never ends it, and the last one that goes does."""

from __future__ import annotations

from pulumi_cortecs.simulator import Simulator
from tests.engine.advice import assert_seen
from tests.engine.programs import NOTHING, one_instance
from tests.engine.pulumi import Stack


def with_a_second(instance_id: str, *, provider: bool = False) -> str:
    """`chat`, and a second resource that adopts what it has, served by a process of its own if wanted."""
    lines = ["options = None"]
    if provider:
        lines = [
            "import os",
            "from pulumi_cortecs import Provider",
            "other = Provider('other', client_id=os.environ['CORTECS_CLIENT_ID'],",
            "                 api_base_url=os.environ['CORTECS_API_BASE_URL'],",
            "                 client_secret=pulumi.Output.secret(os.environ['CORTECS_CLIENT_SECRET']))",
            "options = pulumi.ResourceOptions(provider=other)",
        ]
    second = f"second = Instance('second', InstanceArgs(model_id='Qwen/Qwen2-7B-Instruct', adopt_id='{instance_id}'),"
    return one_instance() + "\n".join([*lines, second, "                  options)"]) + "\n"


def shared(stack: Stack, *, provider: bool) -> str:
    """Two rows that have one instance; its id."""
    stack.program(one_instance())
    stack.up()
    (instance_id,) = stack.instance_ids()
    stack.program(with_a_second(instance_id, provider=provider))
    text = stack.up().text
    assert f"{instance_id}, which this resource adopts, belongs to " in text
    assert "::chat. To rename that resource" in text
    assert len(stack.resources("Instance")) == 2
    assert stack.instance_ids() == {instance_id}
    return instance_id


def test_removing_a_second_row_leaves_the_first_its_instance(stack: Stack, simulator: Simulator) -> None:
    shared(stack, provider=True)
    stack.program(one_instance())
    text = stack.up().text
    assert "::chat has it, too, and keeps it" in text
    assert_seen("a deletion ended nothing", text)
    assert [instance.status for instance in simulator.control.instances()] == ["running"]
    stack.drift(expect=0)
    stack.destroy()
    assert simulator.control.instances() == ()


def test_a_destroy_of_both_rows_ends_it(stack: Stack, simulator: Simulator) -> None:
    shared(stack, provider=True)
    stack.destroy()
    assert simulator.control.instances() == ()
    assert simulator.control.ledger().open == ()


def test_both_rows_taken_out_in_one_up_end_it(stack: Stack, simulator: Simulator) -> None:
    shared(stack, provider=False)
    stack.program(NOTHING)
    stack.up()
    assert simulator.control.instances() == ()

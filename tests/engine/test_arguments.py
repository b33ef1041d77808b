"""ttl, on_timeout and adopt_id, as the real engine takes them."""

from __future__ import annotations

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import bought
from tests.engine.programs import NOTHING, one_instance
from tests.engine.pulumi import Stack

SOON = "custom_timeouts=pulumi.CustomTimeouts(create='1s')"


def changed_rows(preview: str) -> list[str]:
    """The rows of a preview that say what would be done to a resource of ours."""
    rows = [line.split() for line in preview.splitlines() if "dynamic/cortecs:" in line]
    return [" ".join(row[:3]) for row in rows if row[0] in ("+", "~", "-", "+-", "++", "--")]


def test_a_ttl_is_recorded_once_and_a_change_of_it_is_one_quiet_row(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance("ttl='8h'"))
    stack.up()
    (row,) = stack.resources("Instance")
    expires_at = row["outputs"]["expires_at"]
    assert expires_at.endswith("Z")
    stack.up("--refresh")
    stack.drift(expect=0)
    assert stack.resources("Instance")[0]["outputs"]["expires_at"] == expires_at
    stack.program(one_instance("ttl='9h', on_timeout='stop'"))
    preview = stack.preview("--diff").text
    assert '~ ttl       : "8h" => "9h"' in preview
    assert "[unknown]" not in preview
    assert "Endpoint" not in preview
    assert changed_rows(stack.preview().text) == ["~ pulumi-python:dynamic/cortecs:Instance chat"]
    stack.up()
    assert stack.resources("Instance")[0]["outputs"]["expires_at"] > expires_at
    assert stack.resources("Instance")[0]["outputs"]["on_timeout"] == "stop"
    stack.preview("--expect-no-changes")
    stack.drift(expect=0)
    assert len(simulator.control.ledger().entries) == 1


@pytest.mark.parametrize(("on_timeout", "left"), [("stop", ["stopped"]), ("delete", [])])
def test_a_wait_that_gives_up_ends_the_bill_and_the_next_up_goes_on(
    stack: Stack, simulator: Simulator, on_timeout: str, left: list[str]
) -> None:
    simulator.control.fault("stuck_boot", count=1)
    stack.program(one_instance(f"on_timeout='{on_timeout}'", options=SOON))
    failed = stack.up(expect=1).text
    assert "(on_timeout)" in failed
    assert "`pulumi up --refresh`" in failed
    assert [instance.status for instance in simulator.control.instances()] == left
    assert simulator.control.ledger().open == ()
    stack.up("--refresh")
    assert stack.outputs()["status"] == "running"
    assert stack.instance_ids() == {instance.instance_id for instance in simulator.control.instances()}
    assert len(simulator.control.instances()) == 1
    stack.drift(expect=0)


def test_a_transform_sets_on_timeout_for_both(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot")
    program = one_instance(options=SOON)
    stack.program(
        "import pulumi\n"
        "def cheaply(args):\n"
        "    if args.type_.endswith('cortecs:Instance'):\n"
        "        return pulumi.ResourceTransformResult({**args.props, 'on_timeout': 'stop'}, args.opts)\n"
        "pulumi.runtime.register_resource_transform(cheaply)\n" + program
    )
    assert "It was stopped (on_timeout)" in stack.up(expect=1).text
    assert simulator.control.ledger().open == ()


def test_adopting_buys_nothing_and_from_then_on_it_is_like_any_other(stack: Stack, simulator: Simulator) -> None:
    running = bought(simulator, hardware_type_id="NVIDIA_L4_2", num_workers=2)
    adopting = one_instance(f"adopt_id='{running.id}'")
    stack.program(adopting)
    assert 'hardware_type_id: "NVIDIA_L4_2"' in stack.preview("--diff").text
    stack.up()
    assert stack.outputs()["base_url"].endswith(f"/serve/{running.id}/v1")
    assert (stack.instance_ids(), len(simulator.control.ledger().entries)) == ({running.id}, 1)
    stack.drift(expect=0)
    stack.preview("--expect-no-changes")
    stack.program(one_instance())  # the argument may stay or go
    stack.preview("--expect-no-changes")
    stack.up()
    stack.drift(expect=0)
    assert (stack.instance_ids(), len(simulator.control.ledger().entries)) == ({running.id}, 1)
    stack.destroy()
    assert simulator.control.instances() == ()


@pytest.mark.parametrize(
    ("options", "code", "refusal"),
    [
        ("", 0, "was not deleted: urn:pulumi"),
        ("delete_before_replace=True", 1, "was not deleted: the program adopts it"),
        ("replace_on_changes=['restart_trigger']", 1, "already, and would only adopt it again"),
    ],
)
def test_a_replacement_ends_nothing_that_was_adopted(
    stack: Stack, simulator: Simulator, options: str, code: int, refusal: str
) -> None:
    running = bought(simulator)
    stack.program(one_instance(f"adopt_id='{running.id}'", options=options))
    stack.up()
    (row,) = stack.resources("Instance")
    if "replace_on_changes" in options:
        stack.program(one_instance(f"adopt_id='{running.id}', restart_trigger='now'", options=options))
        text = stack.up(expect=code).text
    else:
        text = stack.up("--replace", row["urn"], expect=code).text
    assert f"{running.id} {refusal}" in text
    assert [(instance.instance_id, instance.status) for instance in simulator.control.instances()] == [
        (running.id, "running")
    ]
    assert stack.instance_ids() == {running.id}
    stack.program(one_instance(options=options))  # without adopt_id it is replaced as asked for
    stack.up("--replace", row["urn"])
    (replacement,) = stack.instance_ids()
    assert replacement != running.id
    assert [instance.instance_id for instance in simulator.control.instances()] == [replacement]
    stack.drift(expect=0)


def test_a_rename_that_adopts_hands_the_instance_over(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (instance_id,) = stack.instance_ids()
    stack.program(one_instance(f"adopt_id='{instance_id}'").replace("'chat'", "'assistant'"))
    text = stack.up().text
    assert f"{instance_id} was not deleted" in text
    assert stack.instance_ids() == {instance_id}
    assert [(instance.instance_id, instance.status) for instance in simulator.control.instances()] == [
        (instance_id, "running")
    ]
    stack.drift(expect=0)
    stack.program(NOTHING)
    stack.up()
    assert simulator.control.instances() == ()


def test_what_cannot_be_adopted_is_refused_in_the_preview(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance("adopt_id='of-somebody-else'"))
    assert "Cortecs instance 'of-somebody-else' does not exist" in stack.preview(expect=1).text
    running = bought(simulator)
    stack.program(one_instance(f"adopt_id='{running.id}', num_workers=2"))
    assert f"{running.id} has 1, not 2" in stack.preview(expect=1).text

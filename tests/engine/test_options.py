"""What Pulumi's resource options and target flags do to an instance, and to its bill."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.engine.programs import NOTHING, in_a_component, one_instance, things
from tests.engine.pulumi import Stack, read_until

INSTANCE = "pulumi-python:dynamic/cortecs:Instance"
ENDPOINT = "pulumi-python:dynamic/cortecs:Endpoint"
MakeStack = Callable[[Mapping[str, str]], Stack]
URN = f"urn:pulumi:test::tests::{INSTANCE}::chat"


def living(simulator: Simulator) -> list[tuple[str, str]]:
    """What there is at the vendor: ids and statuses."""
    return [(instance.instance_id, instance.status) for instance in simulator.control.instances()]


def types_and_names(stack: Stack) -> set[str]:
    """What the URNs of our rows end with."""
    rows = [*stack.resources("Instance"), *stack.resources("Endpoint")]
    return {row["urn"].partition("::tests::")[2] for row in rows}


def test_a_protected_instance_is_not_ended_until_it_is_unprotected(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance(options="protect=True"))
    stack.up()
    (instance_id,) = stack.instance_ids()
    assert "because it is protected" in stack.destroy(expect=1).text
    stack.program(NOTHING)
    assert "because it is protected" in stack.up(expect=1).text
    stack.program(one_instance("hardware_type_id='NVIDIA_L4_2'", options="protect=True"))
    assert "as it is currently marked for protection" in stack.up(expect=1).text
    assert living(simulator) == [(instance_id, "running")]
    stack.program(one_instance("state='stopped'", options="protect=True"))
    stack.up()  # a change in place ends no resource
    assert living(simulator) == [(instance_id, "stopped")]
    assert len(simulator.control.ledger().entries) == 1
    stack.program(one_instance("state='stopped'"))
    stack.up()
    stack.destroy()
    assert living(simulator) == []


def test_what_is_retained_on_delete_leaves_the_state_and_is_billed_on(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance(options="retain_on_delete=True"))
    stack.up()
    (instance_id,) = stack.instance_ids()
    stack.program(NOTHING)
    stack.up()
    assert stack.resources("Instance") == stack.resources("Endpoint") == []
    assert living(simulator) == [(instance_id, "running")]
    assert [entry.instance_id for entry in simulator.control.ledger().open] == [instance_id]
    stack.program(one_instance(f"adopt_id='{instance_id}'"))  # the way back
    stack.up()
    stack.destroy()
    assert living(simulator) == []


def test_with_delete_before_replace_there_are_never_two(stack: Stack, simulator: Simulator) -> None:
    once = "delete_before_replace=True"
    stack.program(one_instance(options=once))
    stack.up()
    (old,) = stack.instance_ids()
    stack.program(one_instance("hardware_type_id='NVIDIA_L4_2'", options=once))
    stack.up()
    (new,) = stack.instance_ids()
    first, second = simulator.control.ledger().entries
    assert (first.instance_id, second.instance_id) == (old, new)
    assert first.ended_at is not None
    assert first.ended_at <= second.started_at
    assert living(simulator) == [(new, "running")]
    assert stack.outputs()["base_url"].endswith(f"/serve/{new}/v1")
    stack.drift(expect=0)


def test_an_ignored_change_of_hardware_is_quiet(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    stack.program(one_instance("hardware_type_id='NVIDIA_L4_2'", options="ignore_changes=['hardware_type_id']"))
    stack.preview("--expect-no-changes")
    stack.up("--refresh")
    stack.drift(expect=0)
    assert stack.outputs()["hardware_type_id"] == "NVIDIA_L4_1"
    assert len(simulator.control.ledger().entries) == 1


def test_with_state_ignored_an_instance_stopped_outside_stays_stopped(stack: Stack, simulator: Simulator) -> None:
    left_alone = "ignore_changes=['state']"
    stack.program(one_instance(options=left_alone))
    stack.up()
    (instance_id,) = stack.instance_ids()
    simulator.control.stop(instance_id)
    stack.drift(expect=7)
    for _ in range(2):
        stack.up("--refresh")  # nor does the Endpoint wait for it
        assert living(simulator) == [(instance_id, "stopped")]
        assert stack.outputs()["status"] == "stopped"
    stack.preview("--expect-no-changes")
    stack.drift(expect=0)
    stack.program(one_instance())
    stack.up()
    assert living(simulator) == [(instance_id, "running")]
    assert stack.outputs()["base_url"].startswith("http")


def test_replace_on_changes_makes_a_swap_of_what_would_be_a_restart(stack: Stack, simulator: Simulator) -> None:
    options = "replace_on_changes=['restart_trigger']"
    stack.program(one_instance(options=options))
    stack.up()
    (old,) = stack.instance_ids()
    stack.program(one_instance("restart_trigger='again'", options=options))
    stack.up()
    (new,) = stack.instance_ids()
    assert new != old
    assert living(simulator) == [(new, "running")]
    assert stack.outputs()["base_url"].endswith(f"/serve/{new}/v1")
    stack.drift(expect=0)


def test_an_alias_keeps_the_instance_through_a_rename_and_a_move(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    before = stack.outputs()["base_url"]
    renamed = one_instance(options="aliases=[pulumi.Alias(name='chat')]").replace("Instance('chat'", "Instance('talk'")
    stack.program(renamed)
    stack.preview("--expect-no-changes")
    stack.up()
    assert types_and_names(stack) == {f"{INSTANCE}::talk", f"{INSTANCE}${ENDPOINT}::talk"}
    moved = "aliases=[pulumi.Alias(name='talk', parent=pulumi.ROOT_STACK_RESOURCE)]"
    stack.program(in_a_component("Instance", options=moved))
    stack.up()
    assert types_and_names(stack) == {
        f"tests:index:App${INSTANCE}::chat",
        f"tests:index:App${INSTANCE}${ENDPOINT}::chat",
    }
    assert stack.outputs()["base_url"] == before
    assert len(simulator.control.ledger().entries) == len(simulator.control.ledger().open) == 1


@pytest.mark.parametrize("constructor", ["Instance", "Sized"])
def test_in_a_component_an_instance_and_a_subclass_of_it_are_one_type(
    stack: Stack, simulator: Simulator, constructor: str
) -> None:
    stack.program(in_a_component(constructor))
    stack.up()
    assert types_and_names(stack) == {
        f"tests:index:App${INSTANCE}::chat",
        f"tests:index:App${INSTANCE}${ENDPOINT}::chat",
    }
    assert stack.outputs()["context_length"] == 32000
    ((instance_id, _),) = living(simulator)
    assert stack.outputs()["base_url"].endswith(f"/serve/{instance_id}/v1")
    stack.program(in_a_component("Sized" if constructor == "Instance" else "Instance"))
    stack.preview("--expect-no-changes")
    stack.destroy()
    assert living(simulator) == []


def test_dependents_of_the_endpoint_wait_for_the_boot_others_do_not(stack: Stack, simulator: Simulator) -> None:
    simulator.control.pause()
    stack.program(
        things()
        + one_instance(export=False)
        + "Thing('early', pulumi.ResourceOptions(depends_on=[chat]))\n"
        + "Thing('late', pulumi.ResourceOptions(depends_on=[chat.endpoint]))\n"
    )
    with stack.started("up", "--yes", "--skip-preview") as process:
        assert process.stdout is not None
        read_until(process, "Thing early created")
        ((_, status),) = living(simulator)
        simulator.control.resume()
        text = process.stdout.read()
        assert process.wait(timeout=30) == 0
    assert status == "pending"
    assert 0 < text.index("Endpoint chat created") < text.index("Thing late creating")


def test_a_targeted_instance_is_bought_without_a_wait_for_its_endpoint(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance() + "Instance('other', model_id='Qwen/Qwen2-7B-Instruct')\n")
    stack.up("--target", URN)
    (instance_id,) = stack.instance_ids()
    assert stack.resources("Endpoint") == []
    stack.up("--target", URN, "--target-dependents")
    assert stack.outputs()["base_url"].endswith(f"/serve/{instance_id}/v1")
    assert living(simulator) == [(instance_id, "running")]
    assert "pass --target-dependents" in stack.destroy("--target", URN, expect=1).text
    assert living(simulator) == [(instance_id, "running")]
    stack.up("--exclude", f"{INSTANCE}::chat")
    assert len(living(simulator)) == 2
    stack.destroy("--target", URN, "--target-dependents")
    ((left, _),) = living(simulator)
    assert left != instance_id
    assert stack.instance_ids() == {left}


def test_a_targeted_change_is_seen_by_the_endpoint_in_the_next_full_up(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (instance_id,) = stack.instance_ids()
    stack.program(one_instance("state='stopped'"))
    stack.up("--target", URN)
    assert living(simulator) == [(instance_id, "stopped")]
    stack.up()
    outputs = stack.outputs()
    assert (outputs["status"], outputs.get("base_url")) == ("stopped", None)
    stack.drift(expect=0)


def test_a_targeted_replacement_ends_the_old_one_before_the_new_answers(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (old,) = stack.instance_ids()
    simulator.control.pause()
    stack.program(one_instance("hardware_type_id='NVIDIA_L4_2'"))
    stack.up("--target", URN)
    (new,) = stack.instance_ids()
    assert living(simulator) == [(new, "pending")]  # without --target-dependents nothing waits
    assert new != old
    simulator.control.resume()
    stack.up()
    assert stack.outputs()["base_url"].endswith(f"/serve/{new}/v1")
    stack.drift(expect=0)


def test_a_forced_replacement_is_checked_and_quoted_like_a_new_instance(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (old,) = stack.instance_ids()
    simulator.control.recommend("Qwen--Qwen2-7B-Instruct", "NVIDIA_L4_2")
    shown = stack.preview("--replace", URN, "--diff").text
    assert '~ hardware_type_id: "NVIDIA_L4_1" => "NVIDIA_L4_2"' in shown
    assert '~ hourly_total    : "1.20" => "2.40"' in shown
    stack.up("--replace", URN)
    (new,) = stack.instance_ids()
    assert new != old
    assert stack.outputs()["hardware_type_id"] == "NVIDIA_L4_2"
    assert living(simulator) == [(new, "running")]


def test_what_a_transform_makes_of_an_instance_reaches_its_endpoint(stack: Stack, simulator: Simulator) -> None:
    transform = (
        "import pulumi\n"
        "def bigger(args):\n"
        f"    if args.type_ == '{INSTANCE}':\n"
        "        props = {**args.props, 'hardware_type_id': 'NVIDIA_L4_2', 'restart_trigger': 'once', **MORE}\n"
        "        return pulumi.ResourceTransformResult(props=props, opts=args.opts)\n"
    )
    stack.program("MORE = {}\n" + transform + one_instance("restart_trigger='one'", options="transforms=[bigger]"))
    stack.up()
    assert stack.outputs()["hardware_type_id"] == "NVIDIA_L4_2"
    stack.preview("--expect-no-changes")
    everywhere = transform + "pulumi.runtime.register_resource_transform(bigger)\n"
    stack.program("MORE = {}\n" + everywhere + one_instance("restart_trigger='two'"))
    stack.preview("--expect-no-changes")  # the digest is that of what the transform made
    stack.program("MORE = {'state': 'stopped'}\n" + everywhere + one_instance())
    stack.up()
    outputs = stack.outputs()
    assert (outputs["status"], outputs.get("base_url")) == ("stopped", None)
    assert len(simulator.control.ledger().entries) == 1
    stack.drift(expect=0)


def test_deleted_with_another_resource_an_instance_may_run_on(stack: Stack, simulator: Simulator) -> None:
    together = things() + "owner = Thing('owner')\n"
    stack.program(together + one_instance(options="deleted_with=owner"))
    stack.up()
    stack.program(together)
    stack.up()
    assert living(simulator) == []  # the owner is still there, so this is an ordinary deletion
    stack.program(together + one_instance(options="deleted_with=owner"))
    stack.up()
    (instance_id,) = stack.instance_ids()
    stack.destroy()
    assert stack.resources() == []
    # Pulumi takes the owner's word for it and does not call our delete: this goes on costing money
    assert living(simulator) == [(instance_id, "running")]
    assert [entry.instance_id for entry in simulator.control.ledger().open] == [instance_id]


def test_an_instance_can_be_read_beside_the_one_that_owns_it(stack: Stack, simulator: Simulator) -> None:
    names = ("base_url", "hardware_type_id", "context_length", "quote", "account", "instance_id", "model_id")
    read = "found = Instance.get('found', chat.id)\n" + "".join(
        f"pulumi.export('{name}', pulumi.Output.all(chat.{name}, found.{name}))\n" for name in names
    )
    stack.program(one_instance(export=False) + read)
    stack.up()
    outputs = stack.outputs()
    for name in names:
        owned, current = outputs[name]
        assert owned == current, name
    stack.drift(expect=0)
    stack.destroy()
    assert stack.resources() == []
    assert living(simulator) == []
    assert len(simulator.control.ledger().entries) == 1


def test_an_instance_that_is_only_read_from_now_on_is_let_go_and_not_ended(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (instance_id,) = stack.instance_ids()
    stack.program(f"from pulumi_cortecs import Instance\nInstance.get('chat', '{instance_id}')\n")
    stack.up()
    stack.destroy()
    assert stack.resources() == []
    assert living(simulator) == [(instance_id, "running")]
    assert len(simulator.control.ledger().open) == 1


def test_importing_is_refused_with_a_word_on_why(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance(options="import_='some-id'"))
    assert "Pulumi cannot import dynamic resources" in stack.preview(expect=1).text
    assert living(simulator) == []


def test_custom_timeouts_are_a_quiet_change_and_bound_the_next_wait(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    soon = "custom_timeouts=pulumi.CustomTimeouts(create='1s')"
    stack.program(one_instance(options=soon))
    stack.preview("--expect-no-changes")
    simulator.control.fault("stuck_boot")
    stack.program(one_instance("restart_trigger='again'", options=soon))
    assert "was not ready within 1 s" in stack.up(expect=1).text
    assert len(living(simulator)) == 1

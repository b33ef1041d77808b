"""What surprised people with prototypes: none of it may happen to what runs, nor to the bill."""

from __future__ import annotations

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.engine.packages import pack_python
from tests.engine.programs import one_instance, things
from tests.engine.pulumi import Stack

QWEN = "Qwen--Qwen2-7B-Instruct"


def bought(simulator: Simulator) -> list[tuple[str, str, int]]:
    """Everything that was ever bought or started: id, hardware and workers of each run."""
    return [
        (entry.instance_id, entry.hardware_type_id, entry.num_workers) for entry in simulator.control.ledger().entries
    ]


def assert_quiet(stack: Stack) -> None:
    """No preview, plan, refresh or `up` finds anything to do."""
    stack.preview("--expect-no-changes")
    stack.preview("--expect-no-changes", "--refresh")
    stack.drift(expect=0)
    stack.up("--refresh", "--expect-no-changes")


def test_a_market_that_moves_is_no_matter_to_what_runs(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (row,) = stack.resources("Instance")
    simulator.control.recommend(QWEN, "NVIDIA_L40S_1")
    simulator.control.reprice("NVIDIA_L4_1", "9.60")
    simulator.control.set_available("NVIDIA_L4_1", False)
    stack.preview("--expect-no-changes")
    simulator.control.withdraw_hardware("NVIDIA_L4_1")
    simulator.control.withdraw_model(QWEN)
    assert_quiet(stack)
    (now,) = stack.resources("Instance")
    assert now["outputs"] == row["outputs"]
    assert bought(simulator) == [(row["id"], "NVIDIA_L4_1", 1)]
    stack.program(one_instance("state='stopped'"))
    stack.up()
    assert [instance.status for instance in simulator.control.instances()] == ["stopped"]
    stack.destroy()
    assert simulator.control.instances() == ()


def test_files_of_the_users_beside_the_program_do_not_become_ours(stack: Stack, simulator: Simulator) -> None:
    for name in ("secrets", "httpx", "sqlite3", "platformdirs"):  # none of which `import pulumi` needs
        (stack.project / f"{name}.py").write_text("raise RuntimeError(f'{__name__} of the user')\n")
    stack.program(one_instance())
    stack.up()
    stack.refresh()
    stack.up("--expect-no-changes")
    (stack.project / "yaml.py").write_text("")  # which the program's own `import pulumi` would take for the library
    stack.refresh()
    stack.destroy()
    assert simulator.control.instances() == ()


def test_a_refresh_in_the_middle_of_a_boot_does_not_lose_the_address(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (instance_id,) = stack.instance_ids()
    simulator.control.pause()
    simulator.control.stop(instance_id)
    stack.program(one_instance(options="custom_timeouts=pulumi.CustomTimeouts(create='1s')"))
    stack.up("--refresh", expect=1)  # it was started again, and boots
    stack.refresh()
    (endpoint,) = stack.resources("Endpoint")
    assert (endpoint["outputs"]["status"], endpoint["outputs"]["base_url"]) == ("pending", "")
    simulator.control.resume()
    stack.program(one_instance())
    stack.up()
    outputs = stack.outputs()
    assert outputs["status"] == "running"
    assert outputs["base_url"].endswith(f"/serve/{instance_id}/v1")
    stack.drift(expect=0)
    assert {run[0] for run in bought(simulator)} == {instance_id}


def test_a_harmless_change_previews_as_what_it_is(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    for argument, rows, endpoint in (
        ("restart_trigger='again'", 2, 'spec_digest: "'),
        ("state='stopped'", 2, '~ state: "running" => "stopped"'),
        ("on_timeout='stop'", 1, None),
    ):
        stack.program(one_instance(argument))
        text = stack.preview("--diff").text
        assert f"~ {rows} to update" in text
        assert text.count("cortecs:Instance: (update)") == 1
        assert text.count("cortecs:Endpoint: (update)") == (endpoint is not None)
        assert endpoint is None or endpoint in text.partition("cortecs:Endpoint: (update)")[2]
        assert "[unknown]" not in text
        assert "--outputs:--" not in text
        assert "[secret]" not in text


ONLY_L4 = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def only_l4(args, report_violation):
    if args.resource_type.endswith("cortecs:Instance") and args.props["hardware_type_id"] != "NVIDIA_L4_1":
        report_violation(f"{args.props['hardware_type_id']} is not allowed")


def to_l4(args):
    if args.resource_type.endswith("cortecs:Instance"):
        args.props["hardware_type_id"] = "NVIDIA_L4_1"
        return args.props


PolicyPack(
    "only-l4",
    policies=[
        ResourceValidationPolicy(
            name="only-l4",
            description="Nothing but a single L4.",
            validate=only_l4,
            remediate=to_l4,
            enforcement_level=EnforcementLevel.LEVEL,
        ),
    ],
)
"""


def pack(stack: Stack, level: str) -> tuple[str, str]:
    """The flags for a pack that allows NVIDIA_L4_1 only; at level REMEDIATE it puts that in for anything else."""
    directory = stack.directory / "pack"
    directory.mkdir()
    (directory / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (directory / "__main__.py").write_text(ONLY_L4.replace("LEVEL", level))
    run, python = directory / "run", pack_python(stack.environment)
    run.write_text(f'#!/bin/sh\ncd "$(dirname "$0")" && exec "{python}" -I -u -m pulumi.policy "$1" "$PWD"\n')
    run.chmod(0o755)
    return ("--policy-pack", str(run))


ORDERS = pytest.mark.parametrize("order", ["", "delete_before_replace=True"], ids=["new-first", "old-first"])


def test_the_pack_of_these_tests_stops_what_it_forbids(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance("hardware_type_id='NVIDIA_L40S_1'"))
    text = stack.up(*pack(stack, "MANDATORY"), expect=1).text
    assert "NVIDIA_L40S_1 is not allowed" in text
    assert bought(simulator) == []


@ORDERS
def test_a_replacement_buys_the_default_that_was_judged(stack: Stack, simulator: Simulator, order: str) -> None:
    with_pack = pack(stack, "MANDATORY")
    stack.program(one_instance(options=order))
    stack.up(*with_pack)
    simulator.control.recommend(QWEN, "NVIDIA_L40S_1")
    stack.program(one_instance("num_workers=2", options=order))
    stack.up(*with_pack)
    assert [run[1:] for run in bought(simulator)] == [("NVIDIA_L4_1", 1), ("NVIDIA_L4_1", 2)]
    assert len(simulator.control.instances()) == 1
    stack.drift(expect=0)


@ORDERS
def test_a_replacement_does_not_restore_hardware_hidden_by_ignore_changes(
    stack: Stack, simulator: Simulator, order: str
) -> None:
    with_pack = pack(stack, "MANDATORY")
    stack.program(one_instance())
    stack.up(*with_pack)
    (instance_id,) = stack.instance_ids()
    ignoring = f"ignore_changes=['hardware_type_id'], {order}"
    stack.program(one_instance("hardware_type_id='NVIDIA_L40S_1', num_workers=2", options=ignoring))
    text = stack.up(*with_pack, expect=1).text
    assert "the replacement was reviewed with 'NVIDIA_L4_1', and the program says 'NVIDIA_L40S_1'" in text
    assert "is not allowed" not in text  # the pack saw nothing wrong
    assert bought(simulator) == [(instance_id, "NVIDIA_L4_1", 1)]
    assert [instance.status for instance in simulator.control.instances()] == ["running"]
    assert stack.instance_ids() == {instance_id}


@ORDERS
def test_a_replacement_does_not_undo_what_the_judge_has_put_right(
    stack: Stack, simulator: Simulator, order: str
) -> None:
    with_pack = pack(stack, "REMEDIATE")
    stack.program(one_instance("hardware_type_id='NVIDIA_L40S_1'", options=order))
    stack.up(*with_pack)
    (instance_id,) = stack.instance_ids()
    assert bought(simulator) == [(instance_id, "NVIDIA_L4_1", 1)]
    assert stack.outputs()["quote"]["hourly_total"] == "1.20"  # an L4's, and not that of what the program says
    stack.program(one_instance("hardware_type_id='NVIDIA_L40S_1', num_workers=2", options=order))
    text = stack.up(*with_pack, expect=1).text
    assert "the replacement was reviewed with 'NVIDIA_L4_1', and the program says 'NVIDIA_L40S_1'" in text
    assert bought(simulator) == [(instance_id, "NVIDIA_L4_1", 1)]
    assert [instance.status for instance in simulator.control.instances()] == ["running"]
    assert stack.instance_ids() == {instance_id}
    (row,) = stack.resources("Instance")
    stack.up("--replace", row["urn"], *with_pack)  # which the engine has judged as it will be bought
    assert [run[1:] for run in bought(simulator)] == [("NVIDIA_L4_1", 1), ("NVIDIA_L4_1", 2)]
    assert len(simulator.control.instances()) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("replacement_trigger='one'", "replacement_trigger='two'"),
        ("replace_with=[thing]", "replace_with=[thing]"),
    ],
    ids=["replacement_trigger", "replace_with"],
)
def test_a_replacement_that_the_engine_forces_unseen_buys_nothing(
    stack: Stack, simulator: Simulator, before: str, after: str
) -> None:
    with_pack = pack(stack, "REMEDIATE")

    def program(generation: int, options: str) -> str:
        thing = f"thing = Thing('thing', pulumi.ResourceOptions(replacement_trigger='{generation}'))\n"
        return things() + thing + one_instance("hardware_type_id='NVIDIA_L40S_1'", options=options)

    stack.program(program(1, before))
    stack.up(*with_pack)
    (instance_id,) = stack.instance_ids()
    stack.program(program(2, after))
    assert "nothing was bought or deleted" in stack.up(*with_pack, expect=1).text
    assert bought(simulator) == [(instance_id, "NVIDIA_L4_1", 1)]
    assert [instance.status for instance in simulator.control.instances()] == ["running"]

"""The evasion suite, apart: attempts that no pack can stop, against the limits of the machine. Those that get past
the limits as well buy something here, as a record."""

from __future__ import annotations

import base64
import json
import pickle
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits_file import limits_in_force
from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import bought, machine_limits
from tests.engine.pulumi import Stack
from tests.policy.attempts import Attempts
from tests.policy.conftest import ENGINE, POLICIES, Guarded, guarded
from tests.policy.evading import HEADER, IMPERSONATES, IN_A_STATE, PATCHES, RUNS_IN_A_PREVIEW
from tests.policy.test_evasion import BIG, EIGHT, LINUX, edit_instances, sold
from tests.policy.test_packs import under_guard

pytestmark = ENGINE

MACHINE = "the limits of the machine"
DEMO = POLICIES / "guard" / "limits" / "demo.json"


def machine(directory: Path, simulator: Simulator, **limits: Any) -> dict[str, str]:
    """Limits of the machine, as a variable names them."""
    file = directory / "machine.json"
    file.write_text(machine_limits(simulator, **limits))
    return {"PULUMI_CORTECS_LIMITS": str(file)}


def test_without_a_pack_in_a_command_within_the_program(
    make_stack: Callable[[Mapping[str, str]], Stack], simulator: Simulator, tmp_path: Path, attempts: Attempts
) -> None:
    limits = machine(tmp_path, simulator, instance_hourly_cap="5.00 EUR")
    outer, inner = make_stack(simulator.env()), make_stack(simulator.env())
    inner.program(HEADER + EIGHT)
    command = [str(inner.pulumi), "up", "--yes", "--skip-preview", "--non-interactive", "--stack", inner.name]
    outer.program(
        "import os, subprocess\n"
        f"env = {{**os.environ, 'PULUMI_BACKEND_URL': {inner.environment['PULUMI_BACKEND_URL']!r}}}\n"
        f"done = subprocess.run({command!r}, cwd={str(inner.project)!r}, env=env, capture_output=True, text=True)\n"
        "print(done.returncode, done.stdout, done.stderr)\n"
    )
    nested = guarded(outer, "guard").up(expect=0, **limits)
    assert "exceeded by 4.60 EUR" in nested.text
    assert sold(simulator) == []
    attempts.out_of_reach("a pack that is left out", stopped_by=MACHINE)
    attempts.out_of_reach("`pulumi up` within a program", stopped_by=MACHINE)


def test_what_is_retained_and_renamed(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    limits = machine(stack.directory, simulator, account_hourly_ceiling="2.00 EUR")
    for name in ("first", "second"):
        stack.program(HEADER + f"make({name!r}, Opts(retain_on_delete=True))\n")
        run = guarded(stack, "guard").up(expect=None, **limits)
    assert "the ceiling of the account is 2.00 EUR" in run.text
    move_everything(stack)
    assert stack.instance_ids() == set()
    run = guarded(stack, "guard").up(expect=None, **limits)
    assert "the ceiling of the account is 2.00 EUR" in run.text
    assert sold(simulator) == [("NVIDIA_L4_1", 1)]
    attempts.out_of_reach("retain_on_delete and another name, again and again; many stacks", stopped_by=MACHINE)
    attempts.out_of_reach("`pulumi state move` into another stack, and the same again", stopped_by=MACHINE)


def move_everything(stack: Stack) -> None:
    """Moves what a stack has into another one, "other"."""
    replace(stack, name="other").run("stack", "init", "--secrets-provider", "hashivault://tests")
    urns = [row["urn"] for kind in ("Instance", "Endpoint") for row in stack.resources(kind)]
    ends = ("--source", "organization/tests/test", "--dest", "organization/tests/other")
    subprocess.run(
        [str(stack.pulumi), "state", "move", *ends, "--yes", "--non-interactive", *urns],
        cwd=stack.project,
        env=stack.environment,
        capture_output=True,
        timeout=60,
        check=True,
    )


@LINUX
@pytest.mark.started
@pytest.mark.usefixtures("started_packs")
def test_a_program_that_takes_the_place_of_the_pack(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    limits = machine(stack.directory, simulator, instance_hourly_cap="5.00 EUR")
    stack.program(HEADER + IMPERSONATES + EIGHT)
    run = guarded(stack, "guard").up(expect=1, **limits)
    assert "packs found: 1" in run.text
    # the limits of the machine refuse it, unless the engine was asking the pack when it died, and ends the run
    assert "exceeded by 4.60 EUR" in run.text or "connection reset by peer" in run.text, run.text
    assert sold(simulator) == []
    attempts.out_of_reach("a pack that the program kills, and whose place it takes", stopped_by=MACHINE)


def test_another_environment_for_the_provider(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    limits = machine(stack.directory, simulator, instance_hourly_cap="1.00 EUR")
    loose = stack.directory / "loose.json"
    loose.write_text(machine_limits(simulator, instance_hourly_cap="99.00 EUR"))
    mapped = (
        "PROVIDER = Provider('mapped', Opts(env_var_mappings={'LOOSE': 'PULUMI_CORTECS_LIMITS'}),\n"
        "    client_id='sim', client_secret='sim', api_base_url=os.environ['CORTECS_API_BASE_URL'])\n"
        "make('small', Opts(provider=PROVIDER))\n"
    )
    stack.program(HEADER + mapped)
    guarded(stack, "guard").up(expect=0, **limits, LOOSE=str(loose))
    assert sold(simulator) == [("NVIDIA_L4_1", 1)]  # the variable could be replaced
    in_etc = Path(limits["PULUMI_CORTECS_LIMITS"])
    both = limits_in_force("cortecs", {"PULUMI_CORTECS_LIMITS": str(loose)}, machine_file=in_etc)
    assert "exceeded by 0.20 EUR" in both.check_price(Money.of("1.20", "EUR"))[0].text
    name = "PULUMI_CORTECS_LIMITS moved by env_var_mappings"
    attempts.out_of_reach(name, stopped_by=f"{MACHINE} in /etc, and not those that the variable names")


@pytest.mark.usefixtures("started_packs")
def test_a_pack_that_is_named_by_a_relative_path(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    """`main:` in Pulumi.yaml is where pulumi looks for it."""
    main = stack.project / "main"
    impostor = main / "pack" / "run"
    impostor.parent.mkdir(parents=True)
    impostor.write_text(f"#!/bin/sh\necho started > {stack.directory / 'impostor'}\nexit 1\n")
    impostor.chmod(0o755)
    (stack.project / "pack").symlink_to(POLICIES / "guard")
    yaml = stack.project / "Pulumi.yaml"
    yaml.write_text(f"{yaml.read_text()}main: main/\n")
    (main / "__main__.py").write_text(HEADER + EIGHT)
    Guarded(stack, ((Path("pack"), DEMO),)).up(expect=1)
    assert (stack.directory / "impostor").exists()
    assert "8 workers; 2 are allowed per instance" in Guarded(stack, ((POLICIES / "guard", DEMO),)).up(expect=1).text
    assert sold(simulator) == []
    attempts.out_of_reach("a pack that is named by a relative path, and `main:`", stopped_by="an absolute path")


class Pickled:
    """An object whose code runs when a state is loaded."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return exec, (IN_A_STATE,)


def test_code_that_runs_in_a_preview(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    stack.program(HEADER + "make('small')\n")
    stack.up()
    pickled = base64.b64encode(pickle.dumps(Pickled())).decode()
    edit_instances(stack, lambda row: [row[cells].update(__provider=pickled) for cells in ("inputs", "outputs")])
    stack.program(HEADER + RUNS_IN_A_PREVIEW + "make('small', num_workers=2)\n")
    keyless = {"CORTECS_CLIENT_ID": "", "CORTECS_CLIENT_SECRET": ""}
    for options in ((), ("--refresh",)):
        guarded(stack, "guard").preview(*options, expect=None, **keyless)
    _take_the_providers_place(stack)
    guarded(stack, "guard").preview(expect=1, **keyless)
    ran = (stack.project / "ran").read_text()
    assert "a class that is read, with the key ''" in ran
    assert "a state's pickle, with the key ''" in ran
    assert "a plugin, with the key ''" in ran
    assert sold(simulator) == [("NVIDIA_L4_1", 1)]
    no_key = "a preview that gets no key that buys"
    attempts.out_of_reach("a class that is only read (`opts.id`), run in a preview", stopped_by=no_key)
    attempts.out_of_reach("a state with another pickle, run in a preview", stopped_by=no_key)
    attempts.out_of_reach("`plugins` in Pulumi.yaml, run in a preview", stopped_by=no_key)


def _take_the_providers_place(stack: Stack) -> None:
    """A program of the author's, which the engine starts for the provider."""
    plugin, yaml = stack.project / "own" / "pulumi-resource-pulumi-python", stack.project / "Pulumi.yaml"
    plugin.parent.mkdir()
    plugin.write_text(
        f"#!/bin/sh\necho \"a plugin, with the key '$CORTECS_CLIENT_ID'\" >> '{stack.project}/ran'\nexit 1\n"
    )
    plugin.chmod(0o755)
    yaml.write_text(yaml.read_text() + "plugins:\n  providers:\n  - name: pulumi-python\n    path: ./own\n")


@LINUX
@pytest.mark.started
@pytest.mark.usefixtures("started_packs")
def test_the_memory_of_a_pack_in_a_debugger(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    listed = [*json.loads(DEMO.read_text())["hardware-allowed"]["allowed"]["cortecs"], "NVIDIA_A100_1"]
    listed.remove("NVIDIA_L40S_1")
    guard = under_guard(stack, **{"hardware-allowed": {"allowed": {"cortecs": listed}}})
    machines = machine(stack.directory, simulator, allowed_hardware=["NVIDIA_L4_1"])
    stack.program(HEADER + PATCHES + "make('other', hardware_type_id='NVIDIA_L40S_1')\n")
    run = guard.up(expect=1, **machines)
    assert "packs found: 1" in run.text
    assert sold(simulator) == []
    if "patched: True" in run.text:  # else the kernel forbids it: another user, or ptrace_scope
        assert "hardware-allowed" not in run.text.partition("Policies:")[2].partition("rules apply")[0]
        assert "NVIDIA_L40S_1 is not allowed by" in run.text
    attempts.out_of_reach("the memory of a pack, patched by a debugger", stopped_by=f"{MACHINE}; packs of another user")


def test_code_of_ones_own_with_the_credentials(simulator: Simulator, attempts: Attempts) -> None:
    bought(simulator, **BIG)
    assert sold(simulator) == [("NVIDIA_H100_1", 8)]
    name = "code of one's own with the credentials, an edited package"
    attempts.out_of_reach(name, stopped_by="nothing here: separate keys, and the vendor's prepaid balance")

"""The evasion suite on the real CLI, by ways that the engine itself offers: its flags, its edits of a state, components
of another process, transforms."""

from __future__ import annotations

import json
import sys
from typing import Any

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import bought
from tests.engine.pulumi import Stack
from tests.policy.attempts import Attempts
from tests.policy.conftest import ENGINE, Guarded, guarded
from tests.policy.evading import HEADER, MADE_ELSEWHERE, TEAM, TEAM_PLUGIN
from tests.policy.test_evasion import BIG, forbidden, refused_by_name, sold
from tests.policy.test_packs import under_guard

pytestmark = ENGINE

SMALL = HEADER + "small = make('small')\n"


def test_what_is_made_elsewhere_is_refused_by_name(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    plugin = stack.directory / "team"
    plugin.mkdir()
    (plugin / "component.py").write_text(TEAM_PLUGIN)
    run = plugin / "pulumi-resource-team"
    run.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{plugin}/component.py" "$@"\n')
    run.chmod(0o755)
    yaml = stack.project / "Pulumi.yaml"
    yaml.write_text(f"{yaml.read_text()}plugins:\n  providers:\n    - name: team\n      path: {plugin}\n")
    stack.program(HEADER + TEAM + MADE_ELSEWHERE)
    refused = refused_by_name(guarded(stack, "guard").preview(expect=1).text)
    assert "allowed" not in refused
    attempts.batch({name: name not in refused for name in ("remote component", "stack transform")})


def test_flags_gain_nothing(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    guard = guarded(stack, "guard")
    stack.program(SMALL + "make('eight', Opts(depends_on=[small]), num_workers=8)\n")
    flags = ("--target-dependents", "--continue-on-error", "--parallel 1", "--refresh", "--run-program")
    guard.up("--target", "**small", *" ".join(flags).split(), expect=1)
    attempts.batch(dict.fromkeys(flags, forbidden(simulator) != []))
    assert sold(simulator) == [("NVIDIA_L4_1", 1)]

    stack.program(HEADER + "make('small', num_workers=8)\n")
    guard.up("--exclude", "**other", "--replace", stack.resources("Instance")[0]["urn"], expect=1)
    attempts.batch(dict.fromkeys(("--exclude", "--replace"), forbidden(simulator) != []))
    loose = under_guard(stack, **{"workers-max": {"most": 99}, "gpu-count-max": {"most": 99}})
    run = Guarded(stack, (*guard.packs, *loose.packs)).preview(expect=None)
    attempts.tried("--policy-pack twice, and loose limits the second time", through=run.code == 0)
    stack.run("refresh", "--yes", "--skip-preview", "--run-program")
    attempts.tried("refresh --run-program, which takes no pack", through=sold(simulator) != [("NVIDIA_L4_1", 1)])


def edited(stack: Stack, big_id: str) -> dict[str, Any]:
    """An export with a row more, "moved", of a bigger machine, and a begun creation of such a machine, "new"."""
    exported: dict[str, Any] = json.loads(stack.run("stack", "export").text)
    deployment = exported["deployment"]
    (row,) = [row for row in deployment["resources"] if row["type"].endswith(":Instance")]
    moved = {**row, "urn": row["urn"].replace("::renamed", "::moved"), "id": big_id}
    moved |= {"inputs": {**row["inputs"], **BIG}, "outputs": {**row["outputs"], **BIG, "instance_id": big_id}}
    begun = {key: moved[key] for key in ("type", "custom", "inputs", "parent", "provider")}
    begun["urn"] = row["urn"].replace("::renamed", "::new")
    deployment["resources"].append(moved)
    deployment["pending_operations"] = [{"type": "creating", "resource": begun}]
    return exported


def test_states_that_the_cli_edits_gain_nothing(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    guard = guarded(stack, "guard")
    stack.program(SMALL)
    guard.up(expect=0)
    stack.run("state", "rename", stack.resources("Instance")[0]["urn"], "renamed", "--yes")
    big = bought(simulator, **BIG)
    file = stack.directory / "edited.json"
    file.write_text(json.dumps(edited(stack, big.id)))
    stack.run("stack", "import", "--file", str(file))
    stack.program(
        HEADER
        + "make('renamed', num_workers=8)\n"
        + f"make('moved', model_id={BIG['model_id']!r})\n"
        + "make('new', num_workers=8)\n"
    )
    run = guard.preview(expect=1)
    names = {
        "renamed": "state rename: more workers under the name of something small",
        "moved": "stack import: a row with another machine and its arguments",
        "new": "stack import: a creation that has begun",
    }
    refused = refused_by_name(run.text)
    through = forbidden(simulator) != [("NVIDIA_H100_1", 8)]
    attempts.batch({words: through or name not in refused for name, words in names.items()})

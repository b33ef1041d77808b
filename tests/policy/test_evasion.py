"""The evasion suite on the real CLI: ways to get something forbidden past the packs, where the engine has a say in it.

What got through is judged by what the simulator has sold, not by our own words. `test_evasion_bench.py` and
`test_evasion_process.py` try what the engine has no say in; `test_evasion_second_line.py` what no pack can stop.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import bought
from tests.engine.programs import fleet
from tests.engine.pulumi import Run, Stack
from tests.policy.attempts import Attempts
from tests.policy.conftest import ENGINE, POLICIES, Guarded, guarded
from tests.policy.evading import CONFIGURES, HEADER, KILLS, REGISTERED, registering
from tests.policy.test_packs import limits, under_guard

pytestmark = ENGINE

LINUX = pytest.mark.skipif(not Path("/proc/net/tcp6").exists(), reason="the program finds the pack by /proc")
ALLOWED = ("NVIDIA_L4_1", "NVIDIA_L4_2", "NVIDIA_L40S_1")
BIG = {"model_id": "meta-llama--Meta-Llama-3.1-8B-Instruct", "hardware_type_id": "NVIDIA_H100_1", "num_workers": 8}
EIGHT = "make('eight', num_workers=8)\n"
REFUSED = re.compile(r"\[mandatory\].*  \(\S+: (.*)\)$", re.M)


def sold(simulator: Simulator) -> list[tuple[str, int]]:
    """The hardware and workers of everything that was bought or started."""
    return [(entry.hardware_type_id, entry.num_workers) for entry in simulator.control.ledger().entries]


def forbidden(simulator: Simulator) -> list[tuple[str, int]]:
    """The hardware and workers that were bought or started although the demo's limits refuse them."""
    return [(hardware, workers) for hardware, workers in sold(simulator) if hardware not in ALLOWED or workers > 2]


def refused_by_name(text: str) -> set[str]:
    """The resources that a preview names under mandatory policies."""
    return set(REFUSED.findall(text))


def bought_after(simulator: Simulator, run: Run, before: int = 0) -> bool:
    """Returns whether an `up` that was to be refused went through, or has bought more than `before`."""
    return run.code == 0 or len(sold(simulator)) > before


def edit_instances(stack: Stack, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edits the rows of the instances in the state."""
    state = json.loads(stack.state_file.read_text())
    for row in state["checkpoint"]["latest"]["resources"]:
        if row["type"].endswith(":Instance"):
            edit(row)
    stack.state_file.write_text(json.dumps(state))


def test_what_is_registered_is_refused_by_name_and_not_bought(
    stack: Stack, simulator: Simulator, attempts: Attempts
) -> None:
    guard = guarded(stack, "guard")
    simulator.control.register("second", "second", "second")
    config = stack.project / "Pulumi.test.yaml"
    config.write_text(f"{config.read_text()}config:\n  tests:workers: '8'\n  tests:hardware: NVIDIA_H100_1\n")
    big = bought(simulator, **BIG)
    adopting = "make(N, model_id=LLAMA, adopt_id=os.environ['BIG'])"
    stack.program(registering({**REGISTERED, "adopting something forbidden": adopting}))
    text = guard.preview(expect=1, BIG=big.id).text
    assert "has a problem" not in text  # what our own check refuses would end the preview before the others are seen
    refused = refused_by_name(text)
    assert "allowed" not in refused, text
    attempts.batch({name: name not in refused for name in (*REGISTERED, "adopting something forbidden")})

    stack.program(
        registering({name: arguments for name, arguments in REGISTERED.items() if "ALLOWED" not in arguments})
    )
    run = guard.up("--parallel", "100", expect=None)
    through = run.code == 0 or len(forbidden(simulator)) > 1 or (stack.project / "bought").exists()
    attempts.tried("all of it at once in an up that skips its preview", through=through)

    stack.program(registering({}))  # and without them, the same program goes through
    assert guard.up(expect=0).code == 0
    assert ("NVIDIA_L4_1", 1) in sold(simulator)


def test_what_only_an_up_knows_is_refused_there(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    demo = json.loads((POLICIES / "guard" / "limits" / "demo.json").read_text())
    later = {
        name: {**demo[name], "unknown_in_preview": "advisory"}
        for name in demo
        if name not in ("catalogue-digest", "quote-matches-catalogue") and "not_limited" not in demo[name]
    }
    fitting = {"model-fits-hardware": {"unknown_in_preview": "advisory"}}
    later["model-allowed"]["allowed"] = ["*"]
    guard = under_guard(stack, **later, **fitting)
    name = "workers from another resource"
    stack.program(registering({name: REGISTERED[name]}))
    guard.preview(expect=0)
    run = guard.up(expect=None)
    assert name in refused_by_name(run.text)
    attempts.tried("known only in the up, with previews that only advise", through=forbidden(simulator) != [])
    assert sold(simulator) == [("NVIDIA_L4_1", 1)]


def test_one_thing_is_shown_and_another_is_made(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    guard = guarded(stack, "guard")
    stack.program(HEADER + "make('forked', num_workers=1 if pulumi.runtime.is_dry_run() else 8)\n")
    run = stack.run("up", "--yes", *guard.options(), env=guard.environment, expect=None)
    assert "forked" in run.text
    attempts.tried("is_dry_run(): a cheap preview, a dear up", through=bought_after(simulator, run))
    tight = under_guard(stack, **{"stack-hourly-budget": {"per_hour": ["3.60 EUR"]}})
    forked = fleet(8).replace("range(8)", "range(1 if pulumi.runtime.is_dry_run() else 8)")
    stack.program("import pulumi\n" + forked)
    run = tight.up(expect=1)
    attempts.tried("is_dry_run(): one in the preview, eight in the up", through=len(sold(simulator)) > 3)
    stack.program(fleet(8))
    attempts.tried("many small ones in a preview", through=tight.preview(expect=None).code == 0)


def test_rounds_that_fail_do_not_add_a_budget_each(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    """One instance is the budget, and no round gets so far that it deletes what another has bought."""
    guard = under_guard(stack, **{"stack-hourly-budget": {"per_hour": ["1.20 EUR"]}})
    fails = "if not pulumi.runtime.is_dry_run():\n    raise RuntimeError('at its end')\n"
    stack.program(HEADER + "make('a')\n")
    guard.up(expect=0)
    stack.program(HEADER + "make('b')\n" + fails)  # another name at a full budget is let through
    guard.up(expect=1)
    assert len(stack.instance_ids()) == 2
    stack.program(HEADER + "make('c')\n" + fails)
    preview = guard.preview(expect=None)
    assert "2 instances in the stack's state, and 1 that this run adds: 3.60 EUR/h" in preview.text
    attempts.tried("a third budget by new names and a failure at the end, in a preview", through=preview.code == 0)
    run = guard.up(expect=None)
    attempts.tried("a third budget by new names and a failure at the end", through=bought_after(simulator, run, 2))


def test_secrets_and_replacements_by_command_add_no_third_budget(
    stack: Stack, simulator: Simulator, attempts: Attempts
) -> None:
    """One instance is the budget, two are there, and what is kept as it is ends one of them."""
    guard = under_guard(stack, **{"stack-hourly-budget": {"per_hour": ["1.20 EUR"]}})
    fails = "raise RuntimeError('at its end')\n"
    options = "Opts(additional_secret_outputs=['ttl'], replace_on_changes=['ttl', 'restart_trigger'])"
    kept = f"make('a', {options}, ttl='8h', restart_trigger=Output.secret('x'))\n"
    stack.program(HEADER + f"make('a', {options}, ttl='9h', restart_trigger=Output.secret('x'))\n")
    guard.up(expect=0)
    stack.program(HEADER + kept + fails)
    guard.up(expect=1)
    assert len(sold(simulator)) == 2
    stack.program(HEADER + kept.replace("ttl='8h', ", "") + fails)
    run = guard.up(expect=None)
    attempts.tried("a third budget by a secret that leaves the program", through=bought_after(simulator, run, 2))
    (urn,) = {row["urn"] for row in stack.resources("Instance")}
    stack.program(HEADER + kept)
    run = guard.up("--replace", urn, expect=None)
    attempts.tried("a third budget by --replace", through=bought_after(simulator, run, 2))
    guard.up(expect=0)
    assert len(sold(simulator)) == 2
    assert len(stack.instance_ids()) == 1


def test_a_replacement_makes_nothing_else_than_was_judged(
    stack: Stack, simulator: Simulator, attempts: Attempts
) -> None:
    wider = {
        "hardware-allowed": {"allowed": {"cortecs": [*ALLOWED, "NVIDIA_L40S_2"]}},
        "model-allowed": {"allowed": ["*"]},
        "vram-range": {"at_most_gb": 96},
        "instance-hourly-cap": {"per_hour": ["9.00 EUR"]},
        "stack-monthly-budget": {"per_month": ["9000.00 EUR"]},
    }
    guard = under_guard(stack, **wider)
    big_model = "model_id='neuralmagic/Meta-Llama-3.1-70B-Instruct-FP8'"

    def made_h100() -> bool:
        return any(hardware.startswith("NVIDIA_H100") for hardware, _ in sold(simulator))

    stack.program(HEADER + f"make('kept', {big_model}, hardware_type_id='NVIDIA_L40S_2')\n")
    guard.up(expect=0)
    stack.program(HEADER + f"make('kept', {big_model}, num_workers=2)\n")  # the vendor would choose an H100
    guard.up(expect=None)
    attempts.tried("a default that was carried over, and a replacement", through=made_h100())
    assert sold(simulator)[1:] == [("NVIDIA_L40S_2", 2)]
    ignoring = f"make('kept', Opts(ignore_changes=['hardware_type_id']), {big_model}, hardware_type_id='NVIDIA_H100_2'"
    before = len(sold(simulator))
    stack.program(HEADER + f"{ignoring}, num_workers=1)\n")
    run = guard.up(expect=None)
    attempts.tried("ignored hardware, and a replacement", through=bought_after(simulator, run, before))
    assert "changes of 'hardware_type_id' are ignored" in run.text
    run = guard.up("--replace", stack.resources("Instance")[0]["urn"], expect=None)
    attempts.tried("ignored hardware, and a forced replacement", through=bought_after(simulator, run, before))
    assert "changes of 'hardware_type_id' are ignored" in run.text


FIXER = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy
def cheaper(args):
    if args.resource_type.endswith(":Instance"):
        return {**args.props, "hardware_type_id": "NVIDIA_L4_2"}
PolicyPack("fixer", enforcement_level=EnforcementLevel.REMEDIATE, policies=[
    ResourceValidationPolicy(name="cheaper", description="Takes something cheaper.", remediate=cheaper)])
"""


def test_a_remediation_is_not_undone_by_a_replacement(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    fixer = stack.directory / "fixer"
    fixer.mkdir()
    (fixer / "__main__.py").write_text(FIXER)
    (fixer / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (fixer / "run").write_text((POLICIES / "guard" / "run").read_text())
    (fixer / "run").chmod(0o755)
    (fixer / "limits.json").write_text("{}")
    models = limits(stack.directory, {"model-allowed": {"allowed": ["*"]}, "gpu-count-max": {"most": 8}})
    guard = Guarded(stack, ((fixer, fixer / "limits.json"), (POLICIES / "guard", models)))
    dear = "model_id=LLAMA, hardware_type_id='NVIDIA_H100_1'"
    stack.program(HEADER + f"make('fixed', {dear})\n")
    guard.up(expect=0)
    assert sold(simulator) == [("NVIDIA_L4_2", 1)]
    stack.program(HEADER + f"make('fixed', {dear}, num_workers=2)\n")
    run = guard.up(expect=None)
    assert "the replacement was reviewed with 'NVIDIA_L4_2', and the program says 'NVIDIA_H100_1'" in run.text
    attempts.tried("a remediation, and a later replacement", through=forbidden(simulator) != [])


@pytest.mark.usefixtures("started_packs")
def test_what_lies_beside_the_program_does_not_become_the_pack(
    stack: Stack, simulator: Simulator, attempts: Attempts
) -> None:
    disarmed = stack.directory / "disarmed"
    first = stack.project / ".venv" / "bin"
    first.mkdir(parents=True)
    commands = ("dirname", "cd", "sh", "env", "pulumi-analyzer-policy", "pulumi-analyzer-policy-python", "uv", "run")
    for command in commands:
        (first / command).write_text(f"#!/bin/sh\necho {command} >> {disarmed}\nexit 1\n")
        (first / command).chmod(0o755)
    log = stack.directory / "seen"
    for module in ("pulumi_policy", "sitecustomize", "stringprep"):
        note = f"import sys; open({str(log)!r}, 'a').write('{module} ' + ' '.join(sys.orig_argv) + chr(10))\n"
        (stack.project / f"{module}.py").write_text(note)
    (stack.project / "catalogue.lock.yaml").write_text("version: 1\n")
    yaml = stack.project / "Pulumi.yaml"
    names = ("policy", "policy-python", "cortecs-guard", "guard", "run")
    analyzers = "".join(f"    - name: {name}\n      path: ./.venv/bin\n" for name in names)
    yaml.write_text(f"{yaml.read_text()}plugins:\n  analyzers:\n{analyzers}")
    stack.program(HEADER + EIGHT)
    path = f"{first}{os.pathsep}{stack.environment['PATH']}"
    run = guarded(stack, "guard").up(expect=None, PATH=path, PYTHONPATH=str(stack.project))
    refused = "eight" in refused_by_name(run.text)
    led = disarmed.read_text() if disarmed.exists() else ""
    lines = log.read_text().splitlines()
    packs = {line.split()[0] for line in lines if "pulumi.policy" in line}
    assert any(line.startswith("sitecustomize ") for line in lines)  # the program itself was led astray
    outcomes = {
        "pulumi_policy beside the program": "pulumi_policy" in packs,
        "sitecustomize beside the program": "sitecustomize" in packs,
        "a module of Python's own beside the program": "stringprep" in packs,
        "commands that a pack is started by in the program's environment": led != "",
        "a catalogue beside the program, and analyzers in Pulumi.yaml": not refused,
    }
    through = bought_after(simulator, run)
    attempts.batch({name: got or through for name, got in outcomes.items()})


@LINUX
@pytest.mark.started
@pytest.mark.parametrize(
    ("name", "attack", "says"),
    [
        ("Configure, called by the program on the pack's port", CONFIGURES, "has its limits already, and keeps them"),
        ("a pack that the program kills", KILLS, "failed to run remediation"),
    ],
    ids=["configures", "kills"],
)
def test_a_program_that_finds_the_pack_gains_nothing(
    stack: Stack, simulator: Simulator, attempts: Attempts, name: str, attack: str, says: str
) -> None:
    stack.program(HEADER + attack + EIGHT)
    run = guarded(stack, "guard").up(expect=None)
    assert "packs found: 1" in run.text
    assert says in run.text
    attempts.tried(name, through=bought_after(simulator, run))


BARE = """
class Bare(Resource, **{"module": "cortecs", "name": "Instance"}):
    def __init__(self, name, props, opts=None):
        super().__init__(_abi.load("cortecs.Instance"), name, props, opts)
"""


@pytest.mark.parametrize(
    ("name", "statement", "says"),
    [
        (
            "nothing at all",
            "CustomResource('pulumi-python:dynamic/cortecs:Instance', 'bare', {})",
            "KeyError: '__provider'",
        ),
        (
            "imported by a class of its own",
            "Bare('bare', {'model_id': LLAMA}, Opts(import_=os.environ['BIG'], protect=False))",
            "KeyError: '__provider'",
        ),
        (
            "keys that begin with __, and workers in them",
            "Bare('bare', {'model_id': 'Qwen/Qwen2-7B-Instruct', '__num_workers': 8})",
            "is not an argument of an Instance",
        ),
        (
            "a forged quote",
            "Bare('bare', {'model_id': 'Qwen/Qwen2-7B-Instruct', 'num_workers': 8,\n"
            "    'quote': {'hourly_total': '0.01', 'currency': 'EUR', 'source': 'live'}})",
            "8 workers; 2 are allowed per instance",
        ),
    ],
    ids=["nothing", "imported", "underscores", "quote"],
)
def test_a_bare_resource_gains_nothing(
    stack: Stack, simulator: Simulator, attempts: Attempts, name: str, statement: str, says: str
) -> None:
    big = bought(simulator, **BIG)
    stack.program(HEADER + BARE + statement + "\n")
    run = guarded(stack, "guard").up(expect=None, BIG=big.id)
    taken = big.id in stack.instance_ids()
    attempts.tried(name, through=bought_after(simulator, run, 1) or taken)
    assert says in run.text


def test_flags_and_edited_states_gain_nothing(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    guard = guarded(stack, "guard")
    stack.program(HEADER + "make('small')\n" + EIGHT)
    run = guard.up("--target", "**eight", expect=None)
    attempts.tried("--target", through=bought_after(simulator, run))
    stack.program(HEADER + "make('small')\n")
    guard.up(expect=0)
    big = bought(simulator, **BIG)
    simulator.control.stop(big.id)

    edit_instances(stack, lambda row: row.update({"id": big.id, "outputs": {**row["outputs"], "instance_id": big.id}}))
    stack.program(HEADER + "make('small', restart_trigger='now')\n")
    run = guard.up(expect=None)
    attempts.tried("a state that names another, stopped machine", through=len(forbidden(simulator)) > 1)
    assert f"nothing was started: {big.id} is not what was reviewed" in run.text

    edit_instances(stack, lambda row: [row[cells].update(BIG) for cells in ("inputs", "outputs")])
    stack.program(HEADER + f"make('small', model_id={BIG['model_id']!r})\n")  # what is left out is carried over
    run = guard.up(expect=None)
    attempts.tried("a state that says what was never bought", through=len(forbidden(simulator)) > 1)
    assert "small" in refused_by_name(run.text)


def test_a_pack_that_nobody_gave_limits_lets_nothing_through(
    stack: Stack, simulator: Simulator, attempts: Attempts
) -> None:
    stack.program(HEADER + "make('small')\n")
    run = Guarded(stack, ((POLICIES / "guard", None),)).up(expect=None)
    attempts.tried("a pack that was given no file of limits", through=bought_after(simulator, run))

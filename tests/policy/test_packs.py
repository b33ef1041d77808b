"""The packs stop purchases on the real engine: in a preview, and in an `up` that skips it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.policy.testing import sample_catalogue
from pulumi_cortecs.simulator import Simulator
from tests.engine.programs import fleet, one_instance
from tests.engine.pulumi import Stack
from tests.policy.conftest import ENGINE, POLICIES, ROOT, Guarded, guarded

pytestmark = ENGINE

LLAMA = "neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8"
EIGHT_H100 = one_instance("hardware_type_id='NVIDIA_H100_1', num_workers=8", export=False).replace(
    "Qwen/Qwen2-7B-Instruct", LLAMA
)

REFUSED = f"""
    ❌ cortecs-cost@v0.1.0
        - [mandatory] [severity: critical]  instance-hourly-cap  (pulumi-python:dynamic/cortecs:Instance: chat)
          An instance costs no more an hour than allowed.
          8 x NVIDIA_H100_1 cost 36.00 EUR/h; the limit is 5.00 EUR: 31.00 EUR too much.
          What it would cost: 36.00 EUR/h for 8 workers, by the catalogue of {sample_catalogue().as_of:%Y-%m-%d}.
          What could be taken for neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8: 4 x NVIDIA_L4_1 (4.80 EUR/h), 2 x NVIDIA_L40S_1 (4.20 EUR/h), 2 x NVIDIA_L4_2 (4.80 EUR/h).
        - [mandatory] [severity: critical]  stack-hourly-budget  (pulumi:pulumi:Stack: tests-test)
          All instances of the stack together cost no more an hour than allowed.
          1 instance of this stack: 36.00 EUR/h; the budget of the stack is 10.00 EUR (stack-hourly-budget in the pack's limits, the file of --policy-pack-config): 26.00 EUR too much.
        - [mandatory] [severity: critical]  stack-monthly-budget  (pulumi:pulumi:Stack: tests-test)
          All instances of the stack together cost no more a month (730 hours) than allowed.
          1 instance of this stack: 26280.00 EUR/month; the budget of the stack is 5000.00 EUR (stack-monthly-budget in the pack's limits, the file of --policy-pack-config): 21280.00 EUR too much.
        - [mandatory] [severity: high]  price-per-gpu-cap  (pulumi-python:dynamic/cortecs:Instance: chat)
          A GPU costs no more an hour than allowed.
          a GPU of NVIDIA_H100_1 costs 4.50 EUR/h; the limit is 2.50 EUR: 2.00 EUR too much.
    ❌ cortecs-hardware@v0.1.0
        - [mandatory] [severity: critical]  hardware-allowed  (pulumi-python:dynamic/cortecs:Instance: chat)
          Only hardware on the list is bought.
          NVIDIA_H100_1 is not among the hardware that is allowed on cortecs: NVIDIA_L4_1, NVIDIA_L4_2, NVIDIA_L40S_1.
          What it would cost: 36.00 EUR/h for 8 workers, by the catalogue of {sample_catalogue().as_of:%Y-%m-%d}.
        - [mandatory] [severity: high]  gpu-count-max  (pulumi-python:dynamic/cortecs:Instance: chat)
          An instance has no more GPUs than allowed, all its workers together.
          8 x NVIDIA_H100_1 are 8 GPUs; 4 are allowed per instance: 4 too many.
        - [mandatory] [severity: high]  gpu-type-allowed  (pulumi-python:dynamic/cortecs:Instance: chat)
          Only GPUs of the types on the list are bought.
          NVIDIA_H100_1 has NVIDIA H100 GPUs; allowed are NVIDIA L4, NVIDIA L40S.
        - [mandatory] [severity: high]  model-allowed  (pulumi-python:dynamic/cortecs:Instance: chat)
          Only models on the list are served.
          neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8 is not among the models that are allowed: Qwen/*.
        - [mandatory] [severity: high]  workers-max  (pulumi-python:dynamic/cortecs:Instance: chat)
          An instance has no more workers than allowed.
          8 workers; 2 are allowed per instance: 6 too many.
        - [mandatory] [severity: medium]  vram-range  (pulumi-python:dynamic/cortecs:Instance: chat)
          The GPU memory of a worker is within the range.
          NVIDIA_H100_1 has 80 GB; at most 48 GB are allowed: 32 GB too many.
"""  # noqa: E501


def limits(directory: Path, changed: Mapping[str, Any]) -> Path:
    """A limits file: the demo's of the pack guard, changed."""
    demo = json.loads((POLICIES / "guard" / "limits" / "demo.json").read_text())
    file = directory / "limits.json"
    file.write_text(json.dumps({**demo, **changed}))
    return file


def under_guard(stack: Stack, **changed: Any) -> Guarded:
    """The stack under the pack guard, with the demo's limits changed."""
    return Guarded(stack, ((POLICIES / "guard", limits(stack.directory, changed)),))


def policies_in(text: str) -> str:
    """The CLI's lines under "Policies:", without the paths."""
    block = text.partition("\nPolicies:")[2].partition("\n\n")[0]
    return re.sub(r" \(local: [^)]*\)", "", block) + "\n"


def nothing_was_bought(stack: Stack, simulator: Simulator) -> bool:
    return simulator.control.ledger().entries == () and stack.resources("Instance") == []


def test_both_packs_stop_eight_h100_and_say_what_could_be_taken(stack: Stack, simulator: Simulator) -> None:
    both = guarded(stack, "hardware", "cost")
    stack.program(EIGHT_H100)
    assert policies_in(both.preview(expect=1).text).rstrip() == REFUSED.rstrip()
    # in an `up` each of them refuses the instance itself, before it is bought, and counts the sum on the way
    on_the_way = REFUSED.replace("(pulumi:pulumi:Stack: tests-test)", "(pulumi-python:dynamic/cortecs:Instance: chat)")
    on_the_way = on_the_way.replace("of this stack:", "of this stack so far:")
    shown = policies_in(both.up(expect=1).text)
    assert sorted(shown.split()) == sorted(on_the_way.split())  # the engine asks both at once: either may come first
    assert nothing_was_bought(stack, simulator)


def test_what_is_within_the_limits_is_bought_and_kept(stack: Stack, simulator: Simulator) -> None:
    guard = guarded(stack, "guard")
    stack.program(one_instance(export=False))
    text = guard.up(expect=0).text
    assert "✅ cortecs-guard" in text
    not_limited = "region-allowed, ttl-required, scale-to-zero-required, catalogue-fresh"
    assert f"cortecs-guard: 20 rules apply, not limited: {not_limited}" in text
    (running,) = simulator.control.instances()
    stack.program(one_instance("num_workers=8", export=False))
    assert "workers-max" in guard.up(expect=1).text
    stack.program(one_instance(export=False))
    assert '  workers-max: mandatory {"most": 2}' in guard.preview("--debug", expect=0).text
    assert [instance.instance_id for instance in simulator.control.instances()] == [running.instance_id]
    assert len(simulator.control.ledger().entries) == 1


def test_a_pack_without_limits_or_with_odd_ones_lets_nothing_through(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance(export=False))
    silent = Guarded(stack, ((POLICIES / "guard", limits(stack.directory, {}).with_name("empty.json")),))
    (stack.directory / "empty.json").write_text("{}")
    assert "this pack was given no limits, and without limits nothing is bought." in silent.up(expect=1).text
    for changed, says in (
        ({"all": "disabled"}, "the level must be mandatory, not disabled"),
        ({"workers-max": {"most": 2, "enforcementLevel": "advisory"}}, "workers-max: the level must be mandatory"),
        ({"workers-maxx": {"enforcementLevel": "mandatory"}}, "workers-maxx: unknown rule; did you mean"),
        ({"workers-max": {"msot": 2}}, "most: is missing; msot: unknown key; did you mean most?"),
        ({"workers-max": {"most": "2"}}, "workers-max: most: Invalid type. Expected: integer, given: string"),
    ):
        assert says in under_guard(stack, **changed).up(expect=1).text
    assert nothing_was_bought(stack, simulator)


OWN_CLASS = """
import pathlib, pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Own(ResourceProvider):
    def create(self, props):
        pathlib.Path("bought").touch()
        return CreateResult("id", props)

class Instance(Resource, {keywords}):
    def __init__(self, name):
        props = dict(model_id="Qwen--Qwen2-7B-Instruct", hardware_type_id="NVIDIA_L4_1", context_length=32000,
                     billing_interval="per_minute", num_workers=1, state="running")
        super().__init__(Own(), name, props)

Instance("chat")
"""


def test_somebody_elses_code_is_refused_under_our_type_and_under_any_other(stack: Stack, simulator: Simulator) -> None:
    guard = under_guard(stack)
    stack.program(OWN_CLASS.format(keywords="module='cortecs', name='Instance'"))
    assert "is served by a foreign class" in guard.up(expect=1).text
    stack.program(OWN_CLASS.format(keywords="module='rows', name='Row'"))
    assert "pulumi-python:dynamic/rows:Row is made by code in the program" in guard.up(expect=1).text
    assert not (stack.project / "bought").exists()
    allowed = under_guard(stack, **{"unknown-dynamic-type": {"allowed": ["pulumi-python:dynamic/rows:Row"]}})
    allowed.up(expect=0)
    assert (stack.project / "bought").exists()


@pytest.mark.usefixtures("started_packs")
def test_what_lies_beside_the_program_does_not_become_the_pack(stack: Stack, simulator: Simulator) -> None:
    for name in ("pulumi_policy", "pulumi_cortecs"):
        (stack.project / name).mkdir()
        (stack.project / name / "__init__.py").write_text("raise SystemExit('this is not the one')\n")
    (stack.project / "sitecustomize.py").write_text("import os; os.environ['PULUMI_DISARMED'] = '1'\n")
    (stack.project / "catalogue.lock.yaml").write_text("version: 1\n")
    stack.program("import os\nprint('disarmed:', os.environ.get('PULUMI_DISARMED'))\nimport pulumi_cortecs\n")
    text = guarded(stack, "guard").preview(expect=1, PYTHONPATH=str(stack.project)).text
    assert "cortecs-guard: 20 rules apply" in text
    # the program itself was led astray, and the pack was not
    assert "disarmed: 1" in text
    assert "this is not the one" in text
    assert nothing_was_bought(stack, simulator)


def test_many_small_ones_are_stopped_on_the_way(stack: Stack, simulator: Simulator) -> None:
    guard = under_guard(stack, **{"stack-hourly-budget": {"per_hour": ["3.60 EUR"]}})
    stack.program(fleet(8))
    text = guard.preview(expect=1).text
    assert "8 instances of this stack: 9.60 EUR/h; the budget of the stack is 3.60 EUR (" in text
    # a program that shows one and makes eight
    stack.program("import pulumi\n" + fleet(8).replace("range(8)", "range(1 if pulumi.runtime.is_dry_run() else 8)"))
    guard.preview(expect=0)
    text = guard.up(expect=1).text
    assert "4 instances of this stack so far: 4.80 EUR/h; the budget of the stack is 3.60 EUR (" in text
    assert len(simulator.control.ledger().entries) <= 3


def test_a_component_a_subclass_and_an_adoption_hide_nothing(stack: Stack, simulator: Simulator) -> None:
    guard = guarded(stack, "guard")
    stack.program(
        "import pulumi\nfrom pulumi_cortecs import Instance\n"
        "class Mine(Instance): pass\n"
        "class Team(pulumi.ComponentResource):\n"
        "    def __init__(self, name):\n"
        "        super().__init__('team:index:Team', name)\n"
        "        Mine('chat', model_id='Qwen/Qwen2-7B-Instruct', num_workers=pulumi.Output.secret(8),\n"
        "             opts=pulumi.ResourceOptions(parent=self))\n"
        "Team('search')\n"
    )
    assert "8 workers; 2 are allowed per instance: 6 too many." in guard.up(expect=1).text
    assert nothing_was_bought(stack, simulator)
    stack.program(EIGHT_H100)
    stack.up()  # without the packs
    (running,) = simulator.control.instances()
    stack.run("state", "delete", "--all", "--yes", "--force", expect=None)
    stack.program(
        one_instance(f"adopt_id={running.instance_id!r}", export=False).replace("Qwen/Qwen2-7B-Instruct", LLAMA)
    )
    assert "NVIDIA_H100_1 is not among the hardware that is allowed" in guard.preview(expect=1).text


def test_looking_at_what_runs_is_no_purchase(stack: Stack, simulator: Simulator) -> None:
    stack.program(EIGHT_H100)
    stack.up()  # without the packs
    (running,) = simulator.control.instances()
    stack.program(f"from pulumi_cortecs import Instance\nInstance.get('seen', {running.instance_id!r})\n")
    stack.run("state", "delete", "--all", "--yes", "--force", expect=None)
    guarded(stack, "guard").up(expect=0)
    assert [instance.instance_id for instance in simulator.control.instances()] == [running.instance_id]


def test_what_target_leaves_alone_is_not_judged(stack: Stack, simulator: Simulator) -> None:
    guard = guarded(stack, "guard")
    stack.program(fleet(1))
    guard.up(expect=0)
    stack.program(fleet(1) + "Instance('dear', model_id='Qwen/Qwen2-7B-Instruct', num_workers=8)\n")
    guard.up("--target", "**n0", expect=0)
    assert "workers-max" in guard.up(expect=1).text
    assert len(simulator.control.ledger().entries) == 1


def test_a_rule_of_ones_own_and_a_substitution_work_on_the_engine(stack: Stack, simulator: Simulator) -> None:
    example = ROOT / "examples" / "custom-rule"
    guard = Guarded(stack, ((example, example / "limits.json"),))
    stack.program(one_instance(export=False))
    assert "chat begins with none of search-, support-." in guard.preview(expect=1).text
    stack.program(
        "import pulumi\nfrom pulumi_cortecs import Instance\nfrom pulumi_cortecs.policy import substitute\n"
        "pulumi.runtime.register_resource_transform(substitute({'NVIDIA_H100_1': 'NVIDIA_L4_1'}))\n"
        "Instance('search-chat', model_id='Qwen/Qwen2-7B-Instruct', hardware_type_id='NVIDIA_H100_1')\n"
    )
    text = guard.up(expect=0).text
    assert "search-chat: NVIDIA_L4_1 is taken instead of NVIDIA_H100_1" in text
    (bought,) = simulator.control.instances()
    assert bought.hardware_type_id == "NVIDIA_L4_1"

"""`docs/policies/audit.md`: what already runs, judged from a state, and the traps that the page warns of."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.engine.packages import pack_python
from tests.engine.programs import one_instance
from tests.engine.pulumi import Run, Stack
from tests.policy.conftest import ENGINE, PACK_PYTHON, POLICIES, ROOT
from tests.policy.test_packs import EIGHT_H100, limits

pytestmark = ENGINE

PAGE = (ROOT / "docs" / "policies" / "audit.md").read_text(encoding="utf-8")
RECIPE, REPORT = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
(PENDING,) = re.findall(r"`(grep -c .*?)`", PAGE)
DEMO = POLICIES / "guard" / "limits" / "demo.json"
FOUND = "error: one or more mandatory policy violations were found"
KEPT = "custom_timeouts=pulumi.CustomTimeouts(create='1s')"
MORE = """
from pulumi_cortecs import Instance
Instance('hidden', model_id='Qwen/Qwen2-7B-Instruct', num_workers=pulumi.Output.secret(2))
Instance.get('seen', {seen!r})
"""


class Auditor:
    """A person with a state and a pack in an empty folder: without program, backend or credentials."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        self._stack = stack
        self._folder = directory / "audit"
        self._folder.mkdir()

    def sh(self, script: str, limits: Path = DEMO, **env: str) -> Run:
        """Runs a piece of the page."""
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self._folder,
            env={
                **{name: self._stack.environment[name] for name in ("PATH", "PULUMI_HOME", "GOGC", "GOMEMLIMIT")},
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                PACK_PYTHON: pack_python(self._stack.environment),
                "PACK": str(POLICIES / "guard" / "run"),
                "LIMITS": str(limits),
                **env,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    def audit(self, limits: Path = DEMO, **env: str) -> Run:
        """The last line of the recipe."""
        return self.sh(RECIPE.splitlines()[-1], limits, **env)

    def export(self) -> dict[str, Any]:
        """Fetches the state, as the second line of the recipe does."""
        self._stack.run("stack", "export", "--file", str(self._folder / "state.json"))
        state: dict[str, Any] = json.loads((self._folder / "state.json").read_text())
        return state

    def write(self, state: Mapping[str, Any]) -> None:
        (self._folder / "state.json").write_text(json.dumps(state))

    def report(self) -> list[dict[str, Any]]:
        """The policy events of `--json`."""
        self.sh(REPORT)
        lines = (self._folder / "findings.jsonl").read_text().splitlines()
        return [event["policyEvent"] for line in lines if "policyEvent" in (event := json.loads(line))]


@pytest.fixture
def auditor(stack: Stack, tmp_path: Path) -> Auditor:
    return Auditor(stack, tmp_path)


def passphrase(stack: Stack) -> dict[str, str]:
    return {key: value for key, value in stack.environment.items() if key.startswith(("PULUMI_CONFIG_PASS", "VAULT_"))}


def test_the_recipe_judges_purchases_without_a_pack_and_changes_nothing(
    stack: Stack, simulator: Simulator, auditor: Auditor
) -> None:
    stack.program(one_instance(export=False))
    stack.up()
    connected = {name: value for name, value in stack.environment.items() if name not in os.environ}
    connected |= {"STACK": stack.name, "CDPATH": ""}
    recipe = RECIPE.replace("pulumi refresh", f"cd {stack.project} && pulumi refresh")
    within = auditor.sh(recipe, DEMO, **connected)
    assert (within.code, FOUND in within.text) == (0, False), within.text
    assert "✅ cortecs-guard" in within.text
    assert "cortecs-guard: 20 rules apply" in within.text

    (running,) = simulator.control.instances()
    tight = limits(stack.directory, {"instance-hourly-cap": {"per_hour": ["1.00 EUR"]}})
    auditor.export()
    before, requests = stack.state_file.read_bytes(), dict(simulator.control.requests().counts)
    beyond = auditor.audit(tight)
    assert beyond.code == 1
    assert "1 x NVIDIA_L4_1 cost 1.20 EUR/h; the limit is 1.00 EUR: 0.20 EUR too much." in beyond.text
    assert FOUND in beyond.text
    assert stack.state_file.read_bytes() == before
    assert dict(simulator.control.requests().counts) == requests
    assert simulator.control.instances() == (running,)

    urn = stack.resources("Instance")[0]["urn"]
    exempt = {
        "rule": "instance-hourly-cap",
        "reason": "why",
        "owner": "who",
        "until": "2999-01-01",
        "up_to": "1.20 EUR",
    }
    exempted = {"exemptions-valid": {"exemptions": [{"resource": urn, **exempt}]}}
    tight = limits(stack.directory, {"instance-hourly-cap": {"per_hour": ["1.00 EUR"]}, **exempted})
    excused = auditor.audit(tight)
    assert (excused.code, "It is exempt until 2999-01-01" in excused.text) == (0, True), excused.text

    state = auditor.export()
    auditor.write({**state, "deployment": {**state["deployment"], "resources": []}})
    empty = auditor.audit()
    assert (empty.code, "nothing to analyze" in empty.text) == (0, True)
    auditor.write({})
    broken = auditor.audit()
    assert (broken.code, FOUND in broken.text) == (1, False)


def test_the_traps_are_as_the_page_says(stack: Stack, simulator: Simulator, auditor: Auditor) -> None:
    stack.program(EIGHT_H100)
    stack.up()  # without a pack
    (dear,) = simulator.control.instances()

    # what is changed behind the state's back is seen after a refresh only; budgets are reported twice
    auditor.export()
    reported = auditor.report()
    rules = [event["policyName"] for event in reported]
    assert rules.count("stack-hourly-budget") == 2
    assert rules.count("workers-max") == 1
    assert {event["resourceUrn"].rpartition("::")[2] for event in reported} == {"chat", "tests-test"}
    simulator.control.stop(dear.instance_id)
    assert "8 workers; 2 are allowed" in auditor.audit().text
    stack.refresh()
    state = auditor.export()
    assert '"stopped"' in json.dumps(state)
    assert "36.00 EUR/h" in auditor.audit().text  # a stopped one has its full price

    # after a replacement that never answered, the old one is in the state, billed, and not judged
    stack.up("--refresh")  # starts it again
    simulator.control.fault("stuck_boot")
    stack.program(one_instance(options=KEPT, export=False))
    stack.up(expect=1)
    assert dear.instance_id in {instance.instance_id for instance in simulator.control.instances()}
    state = auditor.export()
    assert dear.instance_id in json.dumps(state)
    calm = auditor.audit()
    assert (calm.code, "✅ cortecs-guard" in calm.text) == (0, True), calm.text
    assert auditor.sh(PENDING).text.strip() == "1"

    # what was only looked at is judged, and secrets need their passphrase
    simulator.control.clear_faults()
    stack.program(one_instance(export=False) + MORE.format(seen=dear.instance_id))
    stack.up("--target", "**hidden", "--target", "**seen", expect=None)
    auditor.export()
    result = auditor.audit(DEMO, **passphrase(stack))
    assert "8 workers; 2 are allowed per instance: 6 too many." in result.text
    assert "[secret]" not in result.text
    assert (
        "num_workers is '[secret]', not a whole number; what cannot be judged is not allowed." in auditor.audit().text
    )

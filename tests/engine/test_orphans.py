"""`docs/orphans.md`: every command of the page, by the real CLI."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import bought, ids
from tests.engine.programs import NOTHING, one_instance
from tests.engine.pulumi import Run, Stack

SECRET = "pulumi.export('secret', pulumi.Output.secret('x'))\n"
PAGE = (Path(__file__).parents[2] / "docs" / "orphans.md").read_text(encoding="utf-8")
STACK = "organization/tests/test"


def commands(section: str, number: int = 0) -> list[str]:
    """The lines of a section's shell block."""
    (body,) = re.findall(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```$", body, re.DOTALL | re.MULTILINE)
    return blocks[number].splitlines()


def sh(stack: Stack, command: str, expect: int, **variables: str) -> Run:
    """Runs a line of the page in the project's folder, without the passphrase of the states."""
    passphrase = {} if command.startswith("pulumi-cortecs") else {"PULUMI_CONFIG_PASSPHRASE": "tests"}
    environment = {key: value for key, value in stack.environment.items() if key != "PULUMI_CONFIG_PASSPHRASE"}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=stack.project,
        env={**environment, **passphrase, "STACK": STACK, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == expect, f"{command}\n{done.stdout}{done.stderr}"
    return Run(done.returncode, done.stdout)


def test_what_no_stack_owns_is_found_ended_and_adopted(
    make_stack: Callable[[Mapping[str, str]], Stack], simulator: Simulator
) -> None:
    stack, other = make_stack(simulator.env()), make_stack(simulator.env())
    backends = {
        "BACKEND": stack.environment["PULUMI_BACKEND_URL"],
        "OTHER_BACKEND": other.environment["PULUMI_BACKEND_URL"],
    }
    stack.program(one_instance() + SECRET)
    stack.up()
    (owned,) = stack.instance_ids()
    first, second, third = (bought(simulator).id for _ in range(3))
    simulator.control.advance(3600)

    look, as_json, named, in_two = commands("Look")
    for command in (look, named):
        shown = sh(stack, command, 3).text
        assert [instance_id in shown for instance_id in (owned, first, second, third)] == [False, True, True, True]
    assert {orphan["id"] for orphan in json.loads(sh(stack, as_json, 3).text)["orphans"]} == {first, second, third}
    assert "3 orphans among 4 instances" in sh(stack, in_two, 3, **backends).text

    (adopt,) = commands("Adopt")
    printed = sh(stack, adopt, 3, ID=first).text
    (lines,) = re.findall(r"^Instance\(\n.*?^\)\n", printed, re.M | re.S)
    stack.program(one_instance() + SECRET + lines)
    stack.up()
    assert stack.instance_ids() == {owned, first}

    end_one, end_all = commands("End")
    sh(stack, end_one, 0, ID=second)
    assert ids(simulator) == [owned, first, third]
    sh(stack, end_all, 0)
    assert set(ids(simulator)) == stack.instance_ids()
    (keep,) = commands("Keep")
    assert f"{first} is kept" in sh(stack, keep, 0, ID=first).text

    # one state that cannot be read, and nothing is told of the others
    (stack.state_file.parent / "torn.json").write_text("{")
    sh(stack, as_json, 1)


def test_whom_to_ask_is_shown_when_the_stack_is_gone(
    make_stack: Callable[[Mapping[str, str]], Stack], simulator: Simulator
) -> None:
    stack, other = make_stack(simulator.env()), make_stack(simulator.env())
    for name, value in {"team": "search", "cost_center": "4711"}.items():
        stack.run("config", "set", "--path", f"cortecs:defaultLabels.{name}", value)
    stack.program(one_instance("labels={'team': 'chat'}"))
    stack.up(env={"GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": "0123456789abcdef"})
    later = {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": "fedcba9876543210", "GITHUB_REF": "refs/pull/2/merge"}
    stack.up("--expect-no-changes", env=later)
    stack.program(one_instance("labels={'team': 'ads'}"))
    assert "~ 1 updated" in stack.up(env=later).text  # without the Endpoint, which would wait
    (instance_id,) = stack.instance_ids()
    stack.run("stack", "rm", "--force", "--yes")

    look = f"pulumi-cortecs orphans --all-stacks --backend-url {other.environment['PULUMI_BACKEND_URL']}"
    (orphan,) = json.loads(sh(stack, f"{look} --json", 3).text)["orphans"]
    of_run = {"stack": "test", "project": "tests", "repository": "acme/shop", "commit": "0123456789abcdef"}
    assert (orphan["id"], orphan["labels"]) == (instance_id, {**of_run, "team": "ads", "cost_center": "4711"})
    shown = sh(stack, look, 3).text
    assert "team=ads" in shown
    assert "commit=0123456789ab…" in shown


def test_an_instance_is_imported_unchanged_and_reaped_after_its_time(stack: Stack, simulator: Simulator) -> None:
    running, stopped = bought(simulator, num_workers=2).id, bought(simulator, billing_interval="per_hour").id
    simulator.control.advance(3600)
    simulator.control.stop(stopped)
    stack.program(NOTHING)
    write, take_over = commands("Import")
    sh(stack, write, 0, ID=running, OTHER_ID=stopped)
    sh(stack, take_over, 0)
    lines = (stack.project / "lines.py").read_text()
    stack.program(lines)
    stack.preview("--expect-no-changes")
    assert stack.instance_ids() == {running, stopped}

    stack.program(lines.replace("num_workers=2,", "num_workers=2, ttl='8h',"))
    stack.up()
    look, end, refresh = commands("Time to live")
    assert running not in sh(stack, look, 0).text
    simulator.control.advance(8 * 3600 + 1)
    assert running in sh(stack, look, 3).text
    sh(stack, end, 0)
    assert ids(simulator) == [stopped]
    sh(stack, refresh, 0)
    assert stack.instance_ids() == {stopped}
    for hourly in commands("Time to live", 1):
        sh(stack, hourly, 0)

"""What the commands show and do of deployments at Gcore: scaled ones, and those of applications."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pulumi_cortecs import cli
from pulumi_cortecs.simulator import Simulator, running
from tests.clouds.cortecs import CORTECS
from tests.clouds.gcore import GCORE
from tests.contract.bought import bought
from tests.unit.simulated import BOOT
from tests.unit.stacked import Backend, installed, row

DEV = "organization/shop/dev"
KEY = "hf_of_nobody_else"
L40S = "inference-16vcpu-232gib-1xl40s-48gb"
DEPLOYMENTS = "/cloud/v3/inference/1/deployments"
Run = Callable[..., Result]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with running(boot=BOOT, seed=1, simulated=[CORTECS.simulated, GCORE.simulated]) as simulator:
        simulator.control.pause()
        simulator.control.settings(gcore_task_seconds=0)  # a deletion is waited for
        yield simulator


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    backend = Backend(tmp_path / "states")
    backend.put(DEV)
    return backend


@pytest.fixture
def run(sim: Simulator, backend: Backend, tmp_path: Path) -> Run:
    """Runs a command with the credentials of both clouds."""
    knobs = {"PULUMI_CORTECS_LIST_LAG": "0", "PULUMI_CORTECS_STATE_DIR": str(tmp_path / "orders")}
    environment = {**sim.env(), **knobs, "PATH": installed(tmp_path / "bin")}

    def run(command: str, *arguments: str, code: int) -> Result:
        where = ("--all-stacks", "--backend-url", backend.url) if command in ("orphans", "reap") else ()
        result = CliRunner().invoke(cli.app, [command, *where, *arguments], env=environment)
        assert result.exit_code == code, result.output
        return result

    return run


def deployment(sim: Simulator, name: str = "chat-abcdef", *, least: int = 1, most: int = 2, **order: Any) -> str:
    """A deployment, an hour and half a minute old."""
    wanted = {
        "name": name,
        "flavor_name": L40S,
        "image": "vllm/vllm-openai:v1",
        "listening_port": 8000,
        "containers": [{"region_id": 7, "scale": {"min": least, "max": most}}],
        "envs": {"HF_TOKEN": KEY},
        **order,
    }
    with sim.gcore_client() as client:
        client.post(DEPLOYMENTS, json=wanted).raise_for_status()
    sim.control.advance(3630)
    return name


def managed(sim: Simulator, name: str = "part-of-one") -> str:
    """A deployment of an application."""
    deployment(sim, name)
    sim.control.gcore_set_application(name, "assistant")
    return name


def owned(deployment_name: str, expires_at: str) -> dict[str, Any]:
    """The row of a deployment in a state."""
    made = row(deployment_name, name=deployment_name, expires_at=expires_at)
    return {**made, "urn": str(made["urn"]).replace(CORTECS.token, GCORE.token), "type": GCORE.token}


def there(sim: Simulator) -> set[str]:
    return {instance.instance_id for instance in sim.control.instances()}


def test_a_deployment_at_zero_counts_with_the_price_of_all_its_replicas(run: Run, sim: Simulator) -> None:
    name = deployment(sim, least=0)
    (one,) = json.loads(run("orphans", "--json", code=3).stdout)["orphans"]
    what = [one[key] for key in ("cloud", "id", "name", "flavor_name", "containers", "status")]
    scaled = [{"region_id": 7, "scale": {"min": 0, "max": 2}}]
    assert what == ["gcore", name, name, L40S, scaled, "PENDING"]
    # at most: 61 started minutes of 2 replicas at 1.80
    assert [one[key] for key in ("hourly", "so_far", "currency", "at_most")] == ["3.60", "3.66", "USD", True]
    shown = run("orphans", code=3).stdout
    assert "; at most 3.60 USD/h, 3.66 USD so far\n" in shown
    line = next(line for line in shown.splitlines() if f" {name} " in line)
    cells = [cell.strip() for cell in line.split("│")[1:-1]]
    assert cells[:7] == [
        "gcore",
        name,
        f"the deployment {name}",
        "PENDING",
        "1h00m",
        "at most 3.60 USD",
        "at most 3.66 USD",
    ]


def test_a_deployment_that_does_not_scale_costs_what_it_says(run: Run, sim: Simulator) -> None:
    deployment(sim, least=2)
    shown = run("orphans", code=3).stdout
    assert "; 3.60 USD/h, " in shown
    assert "at most" not in shown


def test_the_accounts_of_several_clouds_are_counted_and_named(run: Run, sim: Simulator) -> None:
    cortecs, gcore = r"cortecs:[0-9a-f]{16}", r"gcore:[0-9a-f]{16}@[0-9a-f]{16}"
    among = rf"among no instances of 2 accounts \({cortecs}, {gcore}\), compared with 1 stack\n"
    assert re.match(f"no orphans {among}", run("orphans", code=0).stdout)
    assert re.match(f"no instances past the ttl {among}", run("reap", code=0).stdout)


def test_what_an_application_manages_is_shown_and_never_deleted(run: Run, sim: Simulator) -> None:
    orphan, part = deployment(sim), managed(sim)
    shown = run("orphans", "--delete", "--yes", "--include-young", part, code=3).stdout
    assert f"{part} is managed by Gcore's AppDeployment assistant: never deleted, never adopted" in shown
    assert "--delete needs" not in shown
    assert there(sim) == {orphan, part}
    document = json.loads(run("orphans", "--json", "--delete", "--yes", "--include-young", code=3).stdout)
    rows = {one["id"]: (one["gone"], one["held_back"]) for one in document["orphans"]}
    assert rows == {orphan: (True, None), part: (None, "managed by Gcore's AppDeployment assistant")}
    assert there(sim) == {part}


def test_what_an_application_manages_is_neither_adopted_nor_imported(run: Run, sim: Simulator, tmp_path: Path) -> None:
    orphan, part = deployment(sim), managed(sim)
    lines = run("orphans", "--adopt", code=3).stdout
    assert f'adopt_id="{orphan}"' in lines
    assert f'adopt_id="{part}"' not in lines
    assert [one.get("program") for one in json.loads(run("orphans", "--adopt", "--json", code=3).stdout)["orphans"]][
        1:
    ] == [None]
    file = tmp_path / "import.json"
    error = run("import-file", part, "--output", str(file), code=1).stderr
    assert error == f"Error: {part} cannot be imported: Gcore's AppDeployment assistant manages it\n"
    assert not file.exists()


@pytest.mark.parametrize("end", ["--delete", "--stop"])
def test_reap_leaves_what_an_application_manages(run: Run, sim: Simulator, backend: Backend, end: str) -> None:
    ours, part = deployment(sim), managed(sim)
    past = f"{sim.control.clock().now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    backend.put(DEV, owned(ours, past), owned(part, past))
    expired = json.loads(run("reap", end, "--yes", "--json", code=3).stdout)["expired"]
    assert {one["id"]: (one["ended"], one["held_back"]) for one in expired} == {
        ours: (True, None),
        part: (None, "managed by Gcore's AppDeployment assistant"),
    }
    assert all(one["flavor_name"] == L40S for one in expired)
    states = {one.instance_id: one.status for one in sim.control.instances()}
    assert states == {part: "ACTIVE", **({} if end == "--delete" else {ours: "DISABLED"})}


def test_lines_for_adoption_name_the_class_and_leave_secrets_to_be_filled_in(run: Run, sim: Simulator) -> None:
    result = run("orphans", "--adopt", "--cloud", "gcore", deployment(sim), code=3)
    program = result.stdout[result.stdout.index("from ") :]
    assert program.startswith(
        "from pulumi_cortecs.gcore import InferenceDeployment\n\nInferenceDeployment(\n"
        '    "chat-abcdef",\n    name="chat-abcdef",\n'
    )
    assert '    adopt_id="chat-abcdef",\n    # envs=...,  # it is secret\n    # ttl=...,' in program
    assert "command" not in program
    assert KEY not in result.output


def test_import_file_writes_no_values_of_envs(run: Run, sim: Simulator, tmp_path: Path) -> None:
    name, file = deployment(sim), tmp_path / "import.json"
    result = run("import-file", name, "--output", str(file), code=0)
    compile(result.stdout, "program", "exec")
    assert result.stdout.startswith("from pulumi_cortecs.gcore import InferenceDeployment\n")
    assert "    # envs=...,  # it is secret\n" in result.stdout
    text = file.read_text(encoding="utf-8")
    instance, endpoint = json.loads(text)["resources"]
    assert [instance["type"], endpoint["type"]] == [GCORE.token, GCORE.endpoint_token]
    assert (instance["id"], instance["inputs"]["name"], endpoint["parent"]) == (name, name, name)
    assert KEY not in result.output + text


def test_import_file_finds_the_cloud_of_each(run: Run, sim: Simulator, tmp_path: Path) -> None:
    name, cortecs = deployment(sim, envs={}), bought(sim).id
    file = tmp_path / "import.json"
    program = run("import-file", name, cortecs, "--output", str(file), code=0).stdout
    assert "import pulumi_cortecs\nimport pulumi_cortecs.gcore\n" in program
    assert "pulumi_cortecs.gcore.InferenceDeployment(\n" in program
    assert "pulumi_cortecs.Instance(\n" in program
    assert "secret" not in program
    assert json.loads(file.read_text())["resources"][0]["inputs"]["envs"] == {}

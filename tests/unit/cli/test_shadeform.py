"""What the commands show of instances at Shadeform, beside those at Cortecs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pulumi_cortecs import cli
from pulumi_cortecs.simulator import Simulator, running
from tests.clouds.cortecs import CORTECS
from tests.clouds.shadeform import A6000, SHADEFORM
from tests.contract.bought import bought
from tests.unit.simulated import BOOT
from tests.unit.stacked import Backend, installed, row

DEV = "organization/shop/dev"
KEY = "hf_of_nobody_else"
CONTAINER = {"image": "vllm/vllm-openai", "envs": [{"name": "HF_TOKEN", "value": KEY}]}
PORT = {"host_port": 8000, "container_port": 8000}
Run = Callable[..., Result]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with running(boot=BOOT, seed=1, simulated=[CORTECS.simulated, SHADEFORM.simulated]) as simulator:
        simulator.control.pause()
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


def machine(sim: Simulator, **order: Any) -> str:
    """A machine at Shadeform, an hour and half a minute old."""
    wanted = {**A6000, "name": "chat", "shade_cloud": True, "tags": ["team:search"], **order}
    with sim.shadeform_client() as client:
        instance_id = client.post("/instances/create", json=wanted).raise_for_status().json()["id"]
    sim.control.advance(3630)
    return str(instance_id)


def container(sim: Simulator) -> str:
    """A machine with a container that has a secret."""
    docker = {**CONTAINER, "port_mappings": [PORT]}
    return machine(sim, launch_configuration={"type": "docker", "docker_configuration": docker})


def test_json_names_the_cloud_of_the_account_and_that_of_the_order(run: Run, sim: Simulator) -> None:
    """Or what reads it takes the instance for one of another cloud."""
    cortecs, shadeform = bought(sim).id, container(sim)
    shown = run("orphans", "--json", code=3).stdout
    rows = {one["id"]: one for one in json.loads(shown)["orphans"]}
    assert {key: one["cloud"] for key, one in rows.items()} == {cortecs: "cortecs", shadeform: "shadeform"}
    assert rows[shadeform]["shadeform_cloud"] == A6000["cloud"]
    assert rows[shadeform]["currency"] == "USD"
    assert KEY not in shown


def test_the_table_folds_neither_cloud_nor_id(run: Run, sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_cortecs.cli.output._PIPED_WIDTH", 100)
    cortecs, shadeform = bought(sim).id, machine(sim)
    lines = run("orphans", code=3).stdout.splitlines()
    for cloud, instance_id in (("cortecs", cortecs), ("shadeform", shadeform)):
        assert [line for line in lines if line.startswith(f"│ {cloud:<9} │ {instance_id} │")], lines


def test_lines_for_adoption_keep_the_name_and_the_tags(run: Run, sim: Simulator) -> None:
    """Without them the next `up` would take them away."""
    program = run("orphans", "--adopt", "--cloud", "shadeform", machine(sim), code=3).stdout
    assert '    name="chat",\n    tags=[\'team:search\'],\n    adopt_id="' in program


@pytest.mark.parametrize("bare", [True, False])
def test_import_file_prints_a_program_without_secrets(run: Run, sim: Simulator, tmp_path: Path, bare: bool) -> None:
    """A machine without a container has no address, and is ready without one."""
    instance_id, file = machine(sim) if bare else container(sim), tmp_path / "import.json"
    result = run("import-file", instance_id, "--output", str(file), code=0)
    compile(result.stdout, "program", "exec")
    assert result.stdout.startswith('from pulumi_cortecs.shadeform import Instance\n\nInstance(\n    "a6000",\n')
    assert '    cloud="massedcompute",\n' in result.stdout
    assert "booting" not in result.stderr
    assert KEY not in result.stdout + file.read_text(encoding="utf-8")


def test_import_file_tells_that_a_machine_boots(run: Run, sim: Simulator, tmp_path: Path) -> None:
    with sim.shadeform_client() as client:
        instance_id = client.post("/instances/create", json={**A6000, "name": "chat"}).json()["id"]
    stderr = run("import-file", instance_id, "--output", str(tmp_path / "import.json"), code=0).stderr
    assert f"{instance_id} is still booting" in stderr


def test_what_cannot_be_stopped_is_told_in_the_table(run: Run, sim: Simulator, backend: Backend) -> None:
    past = f"{sim.control.clock().now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    owned = row(machine(sim), expires_at=past)
    urn = str(owned["urn"]).replace(CORTECS.token, SHADEFORM.token)
    backend.put(DEV, {**owned, "urn": urn, "type": SHADEFORM.token})
    options = ("--cloud", "shadeform", "--stop", "--yes")
    cells = [line.split("│")[-2].strip() for line in run("reap", *options, code=3).stdout.splitlines() if "│" in line]
    assert " ".join(cells).strip() == "Shadeform cannot stop instances"


def test_offers_have_a_column_of_regions_only_if_their_ids_have_none(run: Run) -> None:
    shown = run("offers", "--cloud", "shadeform", "--available", "--gpu", "A6000", code=0).stdout
    assert "massedcompute/kansascity-usa-1/A6000 " in shown
    assert "region" not in shown

"""`pulumi-cortecs orphans` and the volumes of Shadeform, whose age nobody tells, with a `pulumi` that answers from
files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from pulumi_cortecs import cli
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.lifecycle.journal import Journal, ResourceKey
from pulumi_cortecs.shadeform.kind import VOLUME
from pulumi_cortecs.simulator import Simulator, running
from tests.clouds.shadeform import SHADEFORM
from tests.unit.stacked import Backend, creating, installed

DEV: Final = "organization/shop/dev"
ORDER: Final = {"cloud": "hyperstack", "region": "montreal-canada-2", "size_in_gb": 100, "name": "data-abcdef"}
Run = Callable[..., str]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with running(seed=1, simulated=[SHADEFORM.simulated]) as simulator:
        yield simulator


@pytest.fixture
def volume_id(sim: Simulator) -> str:
    """A volume that no stack has."""
    with sim.shadeform_client() as client:
        created: dict[str, str] = client.post("volumes/create", json=ORDER).raise_for_status().json()
    return created["id"]


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    """A backend with one stack that has nothing."""
    backend = Backend(tmp_path / "states")
    backend.put(DEV)
    return backend


@pytest.fixture
def run(sim: Simulator, backend: Backend, tmp_path: Path) -> Run:
    """Runs the command against all stacks of the backend."""
    environment = {
        **sim.env(),
        "PATH": installed(tmp_path / "bin"),
        "PULUMI_CORTECS_LIST_LAG": "0",
        "PULUMI_CORTECS_STATE_DIR": str(tmp_path / "orders"),
    }

    def run(*arguments: str, code: int) -> str:
        command = ["orphans", "--all-stacks", "--backend-url", backend.url, *arguments]
        result = CliRunner().invoke(cli.app, command, env=environment)
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def test_volumes_is_enough_to_delete_one_that_nothing_creates_any_more(
    run: Run, sim: Simulator, volume_id: str
) -> None:
    run("--delete", "--yes", code=3)
    assert f"{volume_id} is gone" in run("--delete", "--volumes", "--yes", code=0)
    assert sim.control.ledger().open == ()


def test_one_that_an_up_may_be_creating_is_only_deleted_when_told_so(
    run: Run, backend: Backend, volume_id: str
) -> None:
    resource = {**creating("data")["resource"], "type": VOLUME.token, "inputs": ORDER}
    backend.put(DEV, pending=[{"resource": resource, "type": "creating"}])
    run("--delete", "--volumes", "--yes", code=3)
    (one,) = json.loads(run("--json", code=3))["orphans"]
    assert (one["held_back"], one["remarks"]) == (
        "of unknown age",
        [f"may be data, whose creation never ended in {DEV}"],
    )
    run("--delete", "--volumes", "--include-young", "--yes", code=0)


def test_one_that_was_bought_for_a_stack_that_was_not_read_needs_its_id(
    run: Run, sim: Simulator, volume_id: str, tmp_path: Path
) -> None:
    environment = sim.env()
    credentials = Credentials("shadeform", environment["SHADEFORM_BASE_URL"], (environment["SHADEFORM_API_KEY"],))
    key = ResourceKey("file://here", f"urn:pulumi:dev::blog::{VOLUME.token}::data")
    journal = Journal(tmp_path / "orders")
    order = journal.record(key, VOLUME.journal_account(credentials.fingerprint), (), frozenset(), None)
    journal.record_bought(order, volume_id)
    journal.close()
    run("--delete", "--volumes", "--yes", code=3)
    run("--delete", "--volumes", "--yes", volume_id, code=0)


def test_what_a_run_that_goes_on_has_bought_is_held_back(
    run: Run, sim: Simulator, volume_id: str, tmp_path: Path
) -> None:
    environment = sim.env()
    credentials = Credentials("shadeform", environment["SHADEFORM_BASE_URL"], (environment["SHADEFORM_API_KEY"],))
    key = ResourceKey("file://here", f"urn:pulumi:dev::shop::{VOLUME.token}::data")
    journal = Journal(tmp_path / "orders")
    order = journal.record(key, VOLUME.journal_account(credentials.fingerprint), (), frozenset(), None)
    journal.record_bought(order, volume_id)
    (one,) = json.loads(run("--json", "--delete", "--volumes", "--yes", code=3))["orphans"]
    assert (one["held_back"], one["remarks"]) == ("awaited", ["bought here for data by a run that goes on"])
    journal.close()
    run("--delete", "--volumes", "--yes", code=0)

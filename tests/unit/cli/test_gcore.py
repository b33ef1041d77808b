"""Prices and offers of Gcore, which need a key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pulumi_cortecs import _abi, cli
from pulumi_cortecs.cost import catalogue
from pulumi_cortecs.cost.catalogue import Catalogue
from pulumi_cortecs.cost.catalogue_diff import carry_over_notes, differences
from pulumi_cortecs.policy.pinned import SHIPPED
from pulumi_cortecs.simulator import Simulator, running
from pulumi_cortecs.simulator.gcore import GCORE
from tests.clouds.cortecs import CORTECS

L40S = "inference-16vcpu-232gib-1xl40s-48gb"
PINNED = SHIPPED / "simulator.lock.yaml"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with running(seed=1, simulated=[CORTECS.simulated, GCORE]) as simulator:
        yield simulator


@pytest.fixture
def run(sim: Simulator) -> Run:
    def run(*arguments: object, code: int = 0, key: bool = True) -> Result:
        known = {name: value for name, value in sim.env().items() if key or not name.startswith("GCORE_API_KEY")}
        result = CliRunner().invoke(cli.app, [*map(str, arguments)], env=known)
        assert result.exit_code == code, result.output
        return result

    return run


def test_the_shipped_flavors_are_what_the_simulator_serves(run: Run, tmp_path: Path) -> None:
    shipped, path = catalogue.load(PINNED).price_lists["gcore"], tmp_path / "catalogue.lock.yaml"
    assert L40S in run("catalogue", "pull", "--cloud", "gcore", "--output", path, "--json").stdout
    served = carry_over_notes(shipped, catalogue.load(path).price_lists["gcore"])
    assert differences(Catalogue({"gcore": shipped}), Catalogue({"gcore": served})) == (), (
        "pull it anew: pulumi-cortecs catalogue pull -o pulumi_cortecs/catalogues/simulator.lock.yaml "
        f"--cloud gcore --source {shipped.source!r}"
    )
    assert "no differences" in run("catalogue", "verify", path, "--cloud", "gcore").stdout


def test_the_shipped_prices_say_that_they_are_invented() -> None:
    rows = catalogue.load(PINNED).hardware_types("gcore")
    assert all(row.provenance.endswith("invented: price") and row.provenance.startswith("fact: ") for row in rows)
    assert {(row.currency, row.region) for row in rows} == {("USD", None)}


def test_prices_are_those_of_an_account(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.lock.yaml"
    refused = run("catalogue", "pull", "--cloud", "gcore", "--output", path, key=False, code=1)
    assert "GCORE_API_KEY" in refused.stderr
    assert not path.exists()


def test_offers_are_by_region(run: Run) -> None:
    rows = json.loads(run("offers", "--cloud", "gcore", "--gpu", "l40s", "--json").stdout)["offers"]
    (luxembourg,) = (one for one in rows if (one["id"], one["region"]) == (L40S, "luxembourg-2"))
    assert (luxembourg["price_per_hour"], luxembourg["currency"], luxembourg["gpu_count"]) == ("1.80", "USD", 1)


def test_without_a_key_gcore_is_left_out_unless_it_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in _abi.KINDS if name.partition(".")[0] not in ("cortecs", "gcore")]:
        monkeypatch.delitem(_abi.KINDS, name)
    shown = run("offers", key=False)
    assert "NVIDIA_L4_1" in shown.stdout
    assert "gcore is left out: " in shown.stderr
    assert "GCORE_API_KEY" in run("offers", "--cloud", "gcore", key=False, code=1).stderr

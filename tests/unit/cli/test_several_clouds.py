"""`pulumi-cortecs orphans`, `reap`, `import-file` and `offers` over two clouds, one of which also rents out disks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from pulumi_cortecs import _abi, cli
from pulumi_cortecs.cost import Money, Offer
from pulumi_cortecs.lifecycle.cloud import Cloud
from pulumi_cortecs.lifecycle.journal import Journal
from pulumi_cortecs.lifecycle.listed_instance import ListedInstance
from pulumi_cortecs.provider.kind import InstanceKind, PurchasableKind
from pulumi_cortecs.simulator import Simulator, running
from tests.acme import kind as acme_kind
from tests.acme.api import BASE, KEY
from tests.clouds.acme import ACME
from tests.clouds.cortecs import CORTECS
from tests.contract.bought import bought
from tests.unit.simulated import BOOT
from tests.unit.stacked import Backend, installed, row

DEV = "organization/shop/dev"
MACHINE, DISK = ACME.token, "pulumi-python:dynamic/acme:Disk"
WITHOUT_CREDENTIALS: dict[str, str | None] = {
    "CORTECS_CLIENT_ID": None,
    "CORTECS_CLIENT_SECRET": None,
    "ACME_API_KEY": None,
}
LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)
Run = Callable[..., Result]
DISKS: dict[str, str] = {}
"""The disks of the account at Acme: the status by id."""


def _listed_disks(_: Cloud[Any]) -> list[ListedInstance]:
    price = Money.of("0.05", "EUR")
    return [
        ListedInstance(disk, {"size": 100}, "100 GB", status, None, LONG_AGO, hourly=price, noun="disk")
        for disk, status in DISKS.items()
    ]


def _delete_disk(_: Cloud[Any], disk: str) -> None:
    del DISKS[disk]


def _offers(base_url: str) -> list[Offer]:
    return [*acme_kind.INSTANCE.offers(base_url), Offer("acme", "sold-out", Money.of("9", "EUR"), False, gpu_type="L4")]


WITH_DISKS: InstanceKind = replace(
    acme_kind.INSTANCE, offers=_offers, others=(PurchasableKind(DISK, "disk", _listed_disks, _delete_disk),)
)


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Cortecs and Acme as the only clouds, without any disk."""
    for name in _abi.KINDS.keys() - {CORTECS.instance, CORTECS.endpoint, ACME.instance, ACME.endpoint}:
        monkeypatch.delitem(_abi.KINDS, name)
    monkeypatch.setitem(_abi.KINDS, ACME.instance, f"{__name__}:WITH_DISKS")
    DISKS.clear()
    with running(boot=BOOT, seed=1, simulated=[CORTECS.simulated, ACME.simulated]) as simulator:
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

    def run(command: str, *arguments: str, code: int, env: dict[str, str | None] | None = None) -> Result:
        surveys = command in ("orphans", "reap") and "--keep" not in arguments
        where = ("--all-stacks", "--backend-url", backend.url) if surveys else ()
        result = CliRunner().invoke(cli.app, [command, *where, *arguments], env={**environment, **(env or {})})
        assert result.exit_code == code, result.output
        return result

    return run


def machine(sim: Simulator) -> str:
    """A machine at Acme."""
    order = {"plan": "small", "zone": "north", "label": "", "tags": {"team": "search"}}
    url, headers = f"{sim.url}{BASE}/machines", {"X-Api-Key": KEY}
    answer = httpx.post(url, json=order, headers=headers, trust_env=False, timeout=10)
    return str(answer.raise_for_status().json()["id"])


def two(sim: Simulator) -> tuple[str, str]:
    """An instance at Cortecs and one at Acme, an hour and half a minute old."""
    made = bought(sim).id, machine(sim)
    sim.control.advance(3630)
    return made


def acme_row(instance_id: str, token: str = MACHINE, **outputs: Any) -> dict[str, Any]:
    of_cortecs = row(instance_id)
    urn = str(of_cortecs["urn"]).replace(CORTECS.token, token)
    return {**of_cortecs, "urn": urn, "type": token, "outputs": outputs}


def there(sim: Simulator) -> set[str]:
    return {instance.instance_id for instance in sim.control.instances()}


def orphans_of(result: Result) -> list[tuple[str, str]]:
    return [(one["cloud"], one["id"]) for one in json.loads(result.stdout)["orphans"]]


def test_one_table_has_the_orphans_of_both_clouds(run: Run, sim: Simulator) -> None:
    cortecs, acme = two(sim)
    shown = run("orphans", code=3).stdout
    lines = {key: line for key in (cortecs, acme) for line in shown.splitlines() if f" {key} " in line}
    cells = {key: [cell.strip() for cell in line.split("│")[1:-1]] for key, line in lines.items()}
    assert cells[cortecs][:4] == ["cortecs", cortecs, "Qwen--Qwen2-7B-Instruct on 1 x NVIDIA_L4_1", "running"]
    assert cells[acme][:7] == ["acme", acme, "small in north", "running", "1h00m", "0.60 EUR", "0.605 EUR"]
    assert cells[acme][-1] == "team=search"
    assert "2 orphans among 2 instances of 2 accounts (cortecs:" in shown
    assert "; 1.80 EUR/h, 1.825 EUR so far\n" in shown


def test_rows_name_their_cloud_and_their_arguments(run: Run, sim: Simulator) -> None:
    cortecs, acme = two(sim)
    document = json.loads(run("orphans", "--json", code=3).stdout)
    assert (document["account"], document["instances"], document["errors"]) == (None, 2, [])
    assert [account["cloud"] for account in document["accounts"]] == ["cortecs", "acme"]
    of_acme = next(one for one in document["orphans"] if one["id"] == acme)
    assert list(of_acme)[:5] == ["cloud", "id", "plan", "zone", "status"]
    assert (of_acme["plan"], of_acme["hourly"]) == ("small", "0.60")
    assert {one["id"] for one in document["orphans"]} == {cortecs, acme}


@pytest.mark.parametrize("cloud", ["cortecs", "acme"])
def test_only_the_named_cloud_is_asked(run: Run, sim: Simulator, cloud: str) -> None:
    made = dict(zip(("cortecs", "acme"), two(sim), strict=True))
    assert orphans_of(run("orphans", "--json", "--cloud", cloud, code=3)) == [(cloud, made[cloud])]
    run("orphans", "--cloud", cloud, "--delete", "--yes", code=0)
    assert there(sim) == set(made.values()) - {made[cloud]}


def test_a_cloud_without_credentials_is_left_out(run: Run, sim: Simulator) -> None:
    cortecs, _ = two(sim)
    result = run("orphans", "--json", code=3, env={"ACME_API_KEY": None})
    assert (orphans_of(result), result.stderr) == ([("cortecs", cortecs)], "")
    asked = run("orphans", "--cloud", "acme", "--cloud", "cortecs", code=1, env={"ACME_API_KEY": None}).stderr
    assert asked.startswith("Error: no Acme credentials: set ACME_API_KEY in the environment; ")


@pytest.mark.parametrize("command", ["orphans", "reap"])
def test_without_any_credentials_the_variables_of_each_cloud_are_named(run: Run, command: str) -> None:
    assert run(command, code=1, env=WITHOUT_CREDENTIALS).stderr == (
        "Error: no Cortecs credentials: set CORTECS_CLIENT_ID and CORTECS_CLIENT_SECRET in the environment; "
        "no Acme credentials: set ACME_API_KEY in the environment; this command reads no stack's config\n"
    )


@pytest.mark.parametrize("command", ["orphans", "reap", "offers"])
def test_an_unknown_cloud_is_refused(run: Run, command: str) -> None:
    shown = " ".join(run(command, "--cloud", "nowhere", code=2).stderr.replace("│", " ").split())
    assert "--cloud: got nowhere; allowed: cortecs, acme" in shown


def test_a_cloud_that_fails_hides_no_other_and_has_no_orphans(run: Run, sim: Simulator) -> None:
    cortecs, acme = two(sim)
    sim.control.fault("server_error", method="GET", path=f"{BASE}/machines")
    result = run("orphans", "--json", "--delete", "--yes", code=1)
    document = json.loads(result.stdout)
    assert [(one["id"], one["gone"]) for one in document["orphans"]] == [(cortecs, True)]
    (error,) = document["errors"]
    assert error["cloud"] == "acme"
    assert result.stderr.startswith("Error: acme: ")
    assert there(sim) == {acme}


def test_equal_ids_belong_to_the_row_of_their_own_cloud(run: Run, sim: Simulator, backend: Backend) -> None:
    """A row of another cloud owns nothing, or its instance would run on unseen."""
    cortecs, acme = two(sim)
    backend.put(DEV, row(acme), acme_row(cortecs))
    assert orphans_of(run("orphans", "--json", code=3)) == [("cortecs", cortecs), ("acme", acme)]
    backend.put(DEV, row(cortecs), acme_row(acme))
    assert orphans_of(run("orphans", "--json", code=0)) == []


def test_an_id_of_two_clouds_needs_the_name_of_one(run: Run, sim: Simulator) -> None:
    cortecs, acme = two(sim)
    DISKS[cortecs] = "idle"
    shown = run("orphans", "--delete", "--yes", "--volumes", cortecs, code=2).stderr.replace("│", " ")
    assert f"{cortecs}: cortecs and acme have it;" in " ".join(shown.split())
    run("orphans", "--delete", "--yes", "--cloud", "cortecs", cortecs, code=0)
    assert (there(sim), list(DISKS)) == ({acme}, [cortecs])


def test_what_is_kept_is_kept_in_the_account_that_has_it(run: Run, sim: Simulator, tmp_path: Path) -> None:
    cortecs, acme = two(sim)
    run("orphans", "--keep", acme, cortecs, code=0)
    accounts = {
        account["cloud"]: account["account"]
        for account in json.loads(run("orphans", "--json", code=3).stdout)["accounts"]
    }
    journal = Journal(tmp_path / "orders")
    assert journal.instance_ids(accounts["acme"]) == {acme}
    assert journal.instance_ids(accounts["cortecs"]) == {cortecs}
    journal.close()
    error = run("orphans", "--keep", "no-such-id", code=1).stderr
    assert error == "Error: no-such-id: no such Cortecs or Acme instance in this account, so nothing was done\n"


def test_the_lines_of_two_clouds_name_the_module_of_each(run: Run, sim: Simulator) -> None:
    cortecs, acme = two(sim)
    shown = run("orphans", "--adopt", cortecs, acme, code=3).stdout
    assert "\nimport pulumi_cortecs\nimport tests.acme.resources\n" in shown
    assert 'pulumi_cortecs.Instance(\n    "qwen2-7b-instruct",\n' in shown
    assert 'tests.acme.resources.Instance(\n    "small",\n    zone="north",\n    labels={' in shown
    assert f'    adopt_id="{acme}",\n    # ttl=...,  # a policy may require it\n)\n' in shown


def test_import_file_finds_the_cloud_of_each_id(run: Run, sim: Simulator, tmp_path: Path) -> None:
    cortecs, acme = two(sim)
    file = tmp_path / "import.json"
    program = run("import-file", acme, cortecs, "--output", str(file), code=0).stdout
    entries = json.loads(file.read_text())["resources"]
    assert [entry["type"] for entry in entries] == [
        *(MACHINE, ACME.endpoint_token),
        *(CORTECS.token, CORTECS.endpoint_token),
    ]
    assert [entry["id"] for entry in entries[::2]] == [acme, cortecs]
    compile(program, "program", "exec")
    error = run("import-file", "no-such-id", "--output", str(tmp_path / "none.json"), code=1).stderr
    assert error == "Error: no-such-id: no such Cortecs or Acme instance in these accounts\n"
    run("import-file", acme, "--cloud", "acme", "--output", str(file), code=0)


def test_reap_ends_what_is_over_in_both_clouds(run: Run, sim: Simulator, backend: Backend) -> None:
    cortecs, acme = two(sim)
    past = f"{sim.control.clock().now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    backend.put(DEV, row(cortecs, expires_at=past), acme_row(acme, expires_at=past))
    document = json.loads(run("reap", "--json", code=3).stdout)
    assert {(one["cloud"], one["id"]) for one in document["expired"]} == {("cortecs", cortecs), ("acme", acme)}
    stopped = json.loads(run("reap", "--stop", "--yes", "--json", code=3).stdout)
    assert {one["id"]: one["held_back"] for one in stopped["expired"]} == {
        cortecs: None,
        acme: "Acme cannot stop instances",
    }
    assert there(sim) == {cortecs, acme}
    run("reap", "--delete", "--yes", code=0)
    assert there(sim) == set()


def test_a_disk_is_listed_with_its_price_and_only_deleted_when_told_so(run: Run, sim: Simulator) -> None:
    two(sim)
    DISKS.update(full="attached")
    shown = run("orphans", "--cloud", "acme", code=3).stdout
    assert "full is a disk: --volumes deletes it, which destroys the data\n" in shown
    assert "0.65 EUR/h" in shown
    run("orphans", "--delete", "--yes", code=3)
    run("orphans", "--delete", "--yes", "--include-young", "full", code=3)
    run("reap", "--delete", "--yes", code=0)
    assert list(DISKS) == ["full"]
    (one,) = json.loads(run("orphans", "--json", code=3).stdout)["orphans"]
    assert (one["kind"], one["size"], one["hourly"]) == ("disk", 100, "0.05")
    run("orphans", "--delete", "--yes", "--volumes", code=0)
    assert DISKS == {}


def test_a_disk_that_a_stack_has_is_no_orphan(run: Run, backend: Backend) -> None:
    DISKS.update(owned="idle")
    backend.put(DEV, acme_row("owned", DISK))
    assert orphans_of(run("orphans", "--json", code=0)) == []


def test_offers_are_those_of_all_clouds_by_price(run: Run, sim: Simulator) -> None:
    document = json.loads(run("offers", "--json", code=0, env=WITHOUT_CREDENTIALS).stdout)
    rows = document["offers"]
    prices = [Decimal(one["price_per_hour"]) for one in rows]
    assert prices == sorted(prices)
    assert {one["cloud"] for one in rows} == {"cortecs", "acme"}
    acme = [(one["id"], one["region"], one["price_per_hour"]) for one in rows if one["cloud"] == "acme"]
    assert acme[:2] == [("small", "north", "0.60"), ("small", "south", "0.60")]
    l4 = next(one for one in rows if one["id"] == "NVIDIA_L4_1")
    assert (l4["gpu_count"], l4["price_per_hour"], l4["available"]) == (1, "1.20", True)


def test_offers_can_be_narrowed(run: Run) -> None:
    every = run("offers", "--gpu", "l4", code=0).stdout
    assert "NVIDIA_L4_1" in every
    assert "sold-out" in every
    assert "small" not in every
    rows = json.loads(run("offers", "--gpu", "l4", "--available", "--json", code=0).stdout)["offers"]
    assert {"NVIDIA_L4_1"} <= {one["id"] for one in rows}
    assert "sold-out" not in [one["id"] for one in rows]
    assert "cloud " not in run("offers", "--cloud", "cortecs", code=0).stdout


def test_a_cloud_that_does_not_say_what_it_offers_hides_no_other(run: Run, sim: Simulator) -> None:
    sim.control.fault("server_error", method="GET", path=f"{BASE}/plans")
    result = run("offers", code=1)
    assert "NVIDIA_L4_1" in result.stdout
    assert result.stderr.startswith("Error: acme: ")
    assert run("offers", "--cloud", "acme", code=1).stdout == ""

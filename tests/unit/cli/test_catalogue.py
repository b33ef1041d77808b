"""`pulumi-cortecs catalogue`: pulled from the simulator, compared with it, and shown."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pulumi_cortecs import cli
from pulumi_cortecs.cli.catalogue import CLOUDS
from pulumi_cortecs.cortecs.client import CortecsPublicClient
from pulumi_cortecs.cortecs.market import fetch_price_list
from pulumi_cortecs.cost import Money, PricedHardware
from pulumi_cortecs.cost import catalogue as catalogues
from pulumi_cortecs.cost.catalogue import Catalogue
from pulumi_cortecs.cost.catalogue_diff import carry_over_notes, differences
from pulumi_cortecs.cost.pricelist import PriceList
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.simulator import Simulator, running
from pulumi_cortecs.simulator.clouds import CLOUDS as SIMULATED
from pulumi_cortecs.simulator.cortecs.market import SimulatedMarket
from tests.clouds.acme import ACME
from tests.clouds.shadeform import SHADEFORM
from tests.engine.packages import forks

PINNED = Path(catalogues.__file__).parents[1] / "catalogues" / "simulator.lock.yaml"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def _sim() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def sim(_sim: Simulator) -> Simulator:
    _sim.control.reset()
    return _sim


@pytest.fixture
def run(sim: Simulator) -> Run:
    """Runs a `catalogue` command against the simulator."""

    def run(*arguments: object, code: int = 0) -> Result:
        environment = {"CORTECS_API_BASE_URL": sim.base_url, "CORTECS_CLIENT_ID": None, "CORTECS_CLIENT_SECRET": None}
        result = CliRunner().invoke(cli.app, ["catalogue", *map(str, arguments)], env=environment)
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    """The simulator's catalogue, to be written over."""
    path = tmp_path / "catalogue.lock.yaml"
    path.write_bytes(PINNED.read_bytes())
    return path


def printed(result: Result) -> Any:
    return json.loads(result.stdout)


def test_the_shipped_catalogue_is_what_the_simulator_serves(sim: Simulator) -> None:
    shipped = catalogues.load(PINNED)
    with new_client() as client:
        served = fetch_price_list(CortecsPublicClient(sim.base_url, client), datetime.now(timezone.utc))
    annotated = Catalogue({**shipped.price_lists, "cortecs": carry_over_notes(shipped.price_lists["cortecs"], served)})
    assert differences(shipped, annotated) == (), (
        "pull it anew: pulumi-cortecs catalogue pull -o pulumi_cortecs/catalogues/simulator.lock.yaml "
        f"--source {shipped.sources['cortecs']!r}"
    )


def test_the_shipped_catalogue_says_of_each_price_whether_it_is_invented() -> None:
    provenances = {row.hardware_type_id: row.provenance for row in catalogues.load(PINNED).hardware_types("cortecs")}
    assert provenances == {key: offer.provenance for key, offer in SimulatedMarket().offers.items()}


def test_pull_pins_what_is_rented_out_now(run: Run, tmp_path: Path, sim: Simulator) -> None:
    path = tmp_path / "catalogue.lock.yaml"
    shown = run("pull", "--output", path).stdout
    pinned_now = catalogues.load(path)
    counts = f"6 prices and {len(pinned_now.models('cortecs'))} models of cortecs"
    by = f"`pulumi-cortecs catalogue show {path}` shows them\n"
    assert shown == f"{path} written: sha256 {pinned_now.digest}; {counts}: {by}"
    assert pinned_now.sources == {"cortecs": sim.base_url}
    l4s = pinned_now.hardware("cortecs", "NVIDIA_L4_2")
    assert l4s is not None
    assert l4s.gpu_ram_is.value == "undecided"  # the vendor does not say of what it is 48 GB
    assert list(tmp_path.iterdir()) == [path]  # and no draft of it
    assert run("verify", path).stdout.endswith("no differences, 0 of them above 0 %\n")


def test_pull_keeps_what_was_noted_and_shows_what_moved(run: Run, pinned: Path, sim: Simulator) -> None:
    sim.control.reprice("NVIDIA_L40S_1", "2.52")
    shown = run("pull", "-o", pinned, "--source", "the simulator").stdout
    assert "+20.00" in shown
    assert "2 differences from the pinned prices: 1 dearer\n" in shown
    pinned_now = catalogues.load(pinned).price_lists["cortecs"]
    assert (pinned_now.by_id["NVIDIA_L4_2"].gpu_ram_is.value, pinned_now.source) == ("total", "the simulator")
    assert pinned_now.by_id["NVIDIA_L40S_1"].provenance == ""


def test_a_pull_that_changes_nothing_is_a_line(run: Run, pinned: Path) -> None:
    (line,) = run("pull", "-o", pinned).stdout.splitlines()
    assert line == f"{pinned} written: sha256 {catalogues.load(pinned).digest}; no differences from the pinned prices"


def test_a_pull_that_renews_the_date_alone_says_so(run: Run, pinned: Path) -> None:
    run("pull", "-o", pinned)
    file = catalogues.load(pinned)
    prices = file.price_lists["cortecs"]
    older = replace(prices, as_of=prices.as_of - timedelta(days=1))
    pinned.write_text(catalogues.dump(Catalogue({**file.price_lists, "cortecs": older})))
    line = run("pull", "-o", pinned).stdout
    now = catalogues.load(pinned)
    assert (
        line == f"{pinned} written: sha256 {now.digest}; no differences from the pinned prices; only the date is new\n"
    )
    assert now.price_lists["cortecs"].as_of >= prices.as_of  # by which a policy counts their age


def test_pull_counts_all_changes_and_shows_the_greatest(run: Run, pinned: Path, sim: Simulator) -> None:
    file = catalogues.load(pinned)
    prices = file.price_lists["shadeform"]
    first, second, *rows = [times(row, "2") for row in prices.hardware_types if not row.is_volume]
    tenfold = times(second, "0.05")
    new = replace(first, hardware_type_id="hyperstack/montreal-canada-2/B200")
    pinned.write_text(catalogues.dump(Catalogue({"shadeform": replace(prices, hardware_types=(tenfold, new, *rows))})))
    shown = run("pull", "-o", pinned, "--cloud", "shadeform", "--url", f"{sim.url}/v1").stdout
    lines = shown.splitlines()
    assert len([line for line in lines if " price_per_hour " in line]) == 20
    assert tenfold.hardware_type_id in next(line for line in lines if " price_per_hour " in line)
    assert lines[-2].startswith(f"and {len(rows) + 3 - 20} more: `git diff {pinned}` has all")
    counts = f"{len(rows) + 3} differences from the pinned prices: 1 new, 1 withdrawn, 1 dearer, {len(rows)} cheaper"
    assert lines[-1].endswith(counts)


def times(row: PricedHardware, factor: str) -> PricedHardware:
    hour, minute = (
        Money(price.amount * Decimal(factor), "USD") for price in (row.price_per_hour, row.price_per_minute)
    )
    return replace(row, price_per_hour=hour, price_per_minute=minute)


def test_pull_mends_the_digest_after_a_note(run: Run, pinned: Path) -> None:
    pinned.write_text(pinned.read_text().replace("gpu_ram_is: total", "gpu_ram_is: per_gpu"))
    assert "the file was edited or cut" in run("verify", pinned, code=1).stderr
    told_of = run("pull", "-o", pinned, "--json")
    assert printed(told_of)["differences"] == []
    assert {row.gpu_ram_is.value for row in catalogues.load(pinned).hardware_types("cortecs")} == {"per_gpu"}


def test_pull_names_the_limits_that_require_other_prices(run: Run, tmp_path: Path) -> None:
    CliRunner().invoke(cli.app, ["new", str(tmp_path / "chat")])
    pack = tmp_path / "chat" / "policy" / "guard"
    pulled = run("pull", "-o", pack / "catalogue.lock.yaml", "--json")
    assert f"Warning: {pack / 'limits.json'} names another sha256, so it refuses every purchase" in pulled.stderr
    assert f"write {printed(pulled)['sha256']} into" in pulled.stderr
    (tmp_path / "chat" / "policy" / "other.json").write_text("[1]")
    above = run("pull", "-o", tmp_path / "chat" / "policy" / "catalogue.lock.yaml").stderr  # where a pack looks, too
    assert (above.count("Warning: "), str(pack / "limits.json") in above) == (1, True)
    assert run("pull", "-o", pack / "other.lock.yaml").stderr == ""
    limits = (pack / "limits.json").read_text()
    updated = run("pull", "-o", pack / "catalogue.lock.yaml", "--update-limits", "--json")
    assert f"{pack / 'limits.json'} requires these prices now" in updated.stderr
    (before, after) = (json.loads(text) for text in (limits, (pack / "limits.json").read_text()))
    digest = printed(updated)["sha256"]
    assert after == {**before, "catalogue-digest": {"file": "catalogue.lock.yaml", "sha256": digest}}
    assert (pack / "limits.json").read_text().count("\n") == limits.count("\n")  # the rest is as somebody wrote it


def test_pull_keeps_other_clouds(run: Run, pinned: Path) -> None:
    one = catalogues.load(pinned).price_lists["cortecs"]
    other = replace(
        one,
        cloud="elsewhere",
        models=(),
        hardware_types=tuple(replace(row, cloud="elsewhere") for row in one.hardware_types),
    )
    pinned.write_text(catalogues.dump(Catalogue({"cortecs": one, "elsewhere": other})))
    run("pull", "-o", pinned)
    assert catalogues.load(pinned).price_lists["elsewhere"] == other


def test_a_pull_that_fails_leaves_the_file_alone(run: Run, pinned: Path, sim: Simulator) -> None:
    before = pinned.read_bytes()
    sim.control.fault("server_error", path="/api/v1/models/")
    run("pull", "-o", pinned, code=1)
    assert pinned.read_bytes() == before


def test_diff_shows_prices_in_percent_and_rows_that_came_and_went(run: Run, pinned: Path, sim: Simulator) -> None:
    sim.control.reprice("NVIDIA_H100_1", "3.60")
    sim.control.withdraw_hardware("NVIDIA_L4_2")
    result = run("diff", pinned)
    assert "-20.00" in result.stdout
    assert "withdrawn" in result.stdout
    rows = printed(run("diff", pinned, "--json"))["differences"]
    assert {
        "cloud": "cortecs",
        "what": "hardware_type",
        "id": "NVIDIA_H100_1",
        "kind": "moved",
        "field": "price_per_hour",
        "before": "4.50 EUR",
        "after": "3.60 EUR",
        "percent": "-20.00",
    } in rows
    assert any(row["id"] == "NVIDIA_L4_2" and row["kind"] == "withdrawn" for row in rows)


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a simulated Acme, whose prices can be pulled."""
    monkeypatch.setitem(CLOUDS, "acme", "tests.acme")
    with running(simulated=(*SIMULATED, ACME.simulated)) as simulator:
        yield ACME.simulated.environment(simulator.url)["ACME_API_BASE_URL"]


def test_another_cloud_is_pulled_beside_the_first_one(run: Run, pinned: Path, acme: str) -> None:
    before = catalogues.load(pinned)
    run("pull", "-o", pinned, "--cloud", "acme", "--url", acme)
    both = catalogues.load(pinned)
    assert both.price_lists == {**before.price_lists, "acme": both.price_lists["acme"]}
    assert both.sources["acme"] == acme
    large = both.hardware("acme", "large")
    assert large is not None
    assert (large.price_per_hour, large.region) == (Money.of("2.40", "EUR"), "north")
    shown = run("verify", pinned, "--cloud", "acme", "--url", acme).stdout
    assert shown.endswith("today's prices of acme: no differences, 0 of them above 0 %\n")


def test_a_cloud_is_asked_at_the_url_of_its_own_variable(
    run: Run, pinned: Path, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_BASE_URL", acme)
    run("pull", "-o", pinned, "--cloud", "acme")
    assert catalogues.load(pinned).sources["acme"] == acme


def test_a_cloud_that_cannot_be_asked_is_refused_by_name(run: Run, pinned: Path) -> None:
    assert "got 'acme'; must be cortecs or shadeform" in run("diff", pinned, "--cloud", "acme", code=2).stderr


def test_prices_that_have_drifted_are_a_table_with_percent(run: Run, pinned: Path, tmp_path: Path) -> None:
    now = catalogues.load(pinned).price_lists["shadeform"]
    row = next(row for row in now.hardware_types if row.hardware_type_id.endswith("/H100"))
    before = replace(row, price_per_hour=Money.of("2.49", "USD"), price_per_minute=Money.of("0.0415", "USD"))
    after = replace(row, price_per_hour=Money.of("4.29", "USD"), price_per_minute=Money.of("0.0715", "USD"))
    files = tmp_path / "before.yaml", tmp_path / "after.yaml"
    for file, changed in zip(files, (before, after), strict=True):
        file.write_text(catalogues.dump(Catalogue({"shadeform": replace(now, hardware_types=(changed,))})))
    (shown,) = printed(run("diff", *files, "--json"))["differences"]
    assert (shown["field"], shown["before"], shown["after"], shown["percent"]) == (
        *("price_per_hour", "2.49 USD", "4.29 USD"),
        "+72.29",
    )
    assert "+72.29" in run("diff", *files).stdout


@pytest.fixture
def key(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the simulated Shadeform, for which the environment has a key."""
    environment = SHADEFORM.simulated.environment(sim.url)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment["SHADEFORM_BASE_URL"]


def test_the_shipped_prices_of_shadeform_are_what_the_simulator_serves(key: str) -> None:
    market = pytest.importorskip("pulumi_cortecs.shadeform.market")
    shipped = catalogues.load(PINNED)
    served = carry_over_notes(shipped.price_lists["shadeform"], market.price_list(key))
    assert differences(shipped, Catalogue({**shipped.price_lists, "shadeform": served})) == (), (
        "pull it anew, with a key: pulumi-cortecs catalogue pull -o pulumi_cortecs/catalogues/simulator.lock.yaml "
        f"--cloud shadeform --source {shipped.sources['shadeform']!r}"
    )


def test_volumes_are_pulled_and_compared_with_a_key(run: Run, pinned: Path, key: str) -> None:
    before = catalogues.load(pinned).hardware_types("shadeform")
    pulled = run("pull", "-o", pinned, "--cloud", "shadeform")
    assert (pulled.stderr, catalogues.load(pinned).hardware_types("shadeform")) == ("", before)
    assert "none: a GB of a volume" in run("show", pinned).stdout
    pinned.write_text(catalogues.dump(Catalogue({"shadeform": without_volumes(pinned)})))
    assert ": 3 differences, 3 of them" in run("verify", pinned, "--cloud", "shadeform", code=4).stdout
    another = ("--cloud", "shadeform", "--url", key.replace("127.0.0.1", "localhost"))
    assert "volumes are not compared: it" in run("diff", pinned, *another).stderr  # and no other server gets the key


def test_volumes_that_nobody_asked_for_are_not_withdrawn(run: Run, pinned: Path, sim: Simulator) -> None:
    shadeforms = ("--cloud", "shadeform", "--url", f"{sim.url}/v1")
    compared = run("verify", pinned, *shadeforms)
    assert compared.stdout.endswith("today's prices of shadeform: no differences, 0 of them above 0 %\n")
    assert compared.stderr == (
        "Note: the prices of Shadeform's volumes are not compared, 3 of them pinned until now: it shows them "
        "with a key only; set SHADEFORM_API_KEY, and run this again\n"
    )
    expected = without_volumes(pinned)
    pulled = run("pull", "-o", pinned, *shadeforms)
    assert "volumes are not in the file, 3 of them pinned until now: it shows them" in pulled.stderr
    assert pulled.stdout.endswith("; no differences from the pinned prices\n")
    assert catalogues.load(pinned).hardware_types("shadeform") == expected.hardware_types
    assert "of Shadeform's volumes are not in the file: it shows" in run("pull", "-o", pinned, *shadeforms).stderr
    first = pinned.with_name("first.lock.yaml")
    assert f"; {len(expected.hardware_types)} prices of shadeform: " in run("pull", "-o", first, *shadeforms).stdout


def without_volumes(pinned: Path) -> PriceList:
    prices = catalogues.load(pinned).price_lists["shadeform"]
    return replace(prices, hardware_types=tuple(row for row in prices.hardware_types if not row.is_volume))


def test_the_shipped_prices_of_shadeform_say_where_they_are_from() -> None:
    rows = catalogues.load(PINNED).hardware_types("shadeform")
    assert len(rows) > 100
    assert {row.provenance.partition(":")[0] for row in rows} == {"fact", "invented"}
    for row in rows:
        cloud, region, machine = row.hardware_type_id.split("/")
        assert (row.region, row.currency) == (region, "USD")
        assert (row.num_gpus is None) == (machine == "volume")
        assert cloud


def test_diff_of_two_files_asks_nobody(run: Run, pinned: Path, tmp_path: Path, sim: Simulator) -> None:
    newer = tmp_path / "newer.lock.yaml"
    sim.control.reprice("NVIDIA_H100_1", "5.40")
    run("pull", "-o", newer)
    asked = sim.control.requests()
    assert "+20.00" in run("diff", pinned, newer).stdout
    assert sim.control.requests() == asked


def test_verify_exits_4_above_the_tolerance_only(run: Run, pinned: Path, sim: Simulator) -> None:
    assert printed(run("verify", pinned, "--json")) == {"differences": [], "tolerance": "0", "above_tolerance": 0}
    sim.control.reprice("NVIDIA_L4_1", "1.26")  # by five percent
    run("verify", pinned, "--tolerance", "5")
    run("verify", pinned, "--tolerance", "4.999999", code=4)
    shown = run("verify", pinned, code=4).stdout
    assert "2 differences, 2 of them above 0 %" in shown


def test_verify_exits_4_for_what_is_no_price_whatever_the_tolerance(run: Run, pinned: Path, sim: Simulator) -> None:
    sim.control.withdraw_model("cortecs--phi-4-FP8-Dynamic")
    run("verify", pinned, "--tolerance", "1000", code=4)


def test_verify_exits_1_when_it_cannot_tell(
    run: Run, pinned: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unreachable = "http://127.0.0.1:9/api/v1"
    assert "Error: " in run("verify", pinned, "--url", unreachable, code=1).stderr
    assert caplog.messages == []  # nor a line for each retry
    assert "--url" in run("verify", pinned, "--url", "http://example.org/api/v1", code=1).stderr
    assert "no such catalogue" in run("verify", tmp_path / "none.yaml", code=1).stderr
    pinned.write_bytes(pinned.read_bytes()[:-30])
    assert "the file was edited or cut" in run("verify", pinned, code=1).stderr


@pytest.mark.parametrize("tolerance", ["-1", "nan", "inf", "five", ""])
def test_a_tolerance_that_is_none_is_refused(run: Run, pinned: Path, tolerance: str) -> None:
    assert "must be a number of percent" in run("verify", pinned, "--tolerance", tolerance, code=2).stderr


def test_show_checks_before_it_shows(run: Run, pinned: Path) -> None:
    shown = run("show", pinned).stdout
    for word in ("NVIDIA_H100_2", "160 GB (total)", "8.88", "0.148", "invented", "Qwen--Qwen2-7B-Instruct"):
        assert word in shown
    assert "NVIDIA_L4_1: 32768, NVIDIA_L40S_1: 32768, NVIDIA_L4_2: 32768" in shown
    data = printed(run("show", pinned, "--json"))
    assert data["sha256"] == catalogues.load(pinned).digest
    assert len(data["clouds"]["cortecs"]["hardware_types"]) == 6
    pinned.write_text(pinned.read_text().replace("'8.88'", "'0.88'"))
    assert run("show", pinned, code=1).stdout == ""


def test_show_has_a_line_for_each_row_and_those_of_a_gpu(run: Run, pinned: Path) -> None:
    shown = run("show", pinned).stdout.splitlines()
    rows = [line.split("│") for line in shown if line.startswith("│ ")]
    assert all(row[1].strip() for row in rows)  # no row goes on in a second line
    (cpu,) = [row for row in rows if row[1].strip() == "inference-4vcpu-16gib"]
    assert cpu[2].strip() == "none: CPU"
    number = cpu[6].strip()
    assert f"{number} fact: name and size, the vendor's OpenAPI description and documentation; invented: price" in shown
    only = run("show", pinned, "--gpu", "a100").stdout
    ids = [line.split("│")[1] for line in only.splitlines() if line.startswith("│ ")]
    assert 0 < len(ids) < len(rows)
    assert all("a100" in row_id.lower() for row_id in ids)
    assert "cortecs: nothing with a100" in only


def test_the_page_shows_commands_that_work_and_all_fields(sim: Simulator, run: Run, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "catalogue.md").read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S))
    assert script.count("pulumi-cortecs catalogue ") == 5
    command = f"{shlex.quote(sys.executable)} -m pulumi_cortecs.cli"
    done = subprocess.run(
        ["sh", "-eu", "-c", script.replace("pulumi-cortecs", command)],
        cwd=tmp_path,
        env={**os.environ, **sim.env(), **forks(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (cloud,) = printed(run("show", tmp_path / "catalogue.lock.yaml", "--json"))["clouds"].values()
    for field in {*cloud, *cloud["hardware_types"][0]} - {"hardware_types"}:
        assert f"`{field}`" in page, field


def test_without_a_file_the_prices_of_the_projects_pack_are_meant(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    assert CliRunner().invoke(cli.app, ["new", str(tmp_path), "--cloud", "shadeform"]).exit_code == 0
    monkeypatch.chdir(tmp_path)
    of_pack = Path("policy/guard/catalogue.lock.yaml")
    assert catalogues.load(of_pack).digest in run("show").output
    for command in ("verify", "diff"):
        assert run(command).stdout.startswith(f"{of_pack} and today's prices: no differences")
    run("pull")
    assert (catalogues.load(of_pack).clouds, catalogues.load(of_pack).sources) == (("shadeform",), {"shadeform": key})
    of_pack.unlink()
    for command in ("show", "verify", "diff"):
        by = f"make one with `pulumi-cortecs catalogue pull --output {of_pack}`"
        assert by in run(command, code=1).stderr
    run("pull")  # the program says which cloud
    assert catalogues.load(of_pack).clouds == ("shadeform",)
    assert not Path("catalogue.lock.yaml").exists()


def test_options_and_a_file_of_the_folder_come_before_the_projects_pack(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CliRunner().invoke(cli.app, ["new", str(tmp_path), "--cloud", "gcore"]).exit_code == 0
    monkeypatch.chdir(tmp_path)
    run("pull", "--cloud", "cortecs", "-o", "catalogue.lock.yaml")
    assert run("verify").stdout.startswith("catalogue.lock.yaml and today's prices: no differences")
    assert catalogues.load(Path("policy/guard/catalogue.lock.yaml")).clouds == ("gcore",)

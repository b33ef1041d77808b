"""`pulumi-cortecs policy`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulumi_cortecs.cli import app, shipped
from pulumi_cortecs.policy.pinned import SHIPPED

ROOT = Path(__file__).parents[3]
DEV = ROOT / "policies" / "guard" / "limits" / "dev.json"


@pytest.mark.parametrize("pack", ["hardware", "cost", "guard"])
def test_it_tells_where_a_pack_lies(pack: str) -> None:
    result = CliRunner().invoke(app, ["policy", "path", pack])
    assert result.exit_code == 0
    run = Path(result.stdout.strip())
    assert os.access(run, os.X_OK)
    assert run == ROOT / "policies" / pack / "run"
    folder = CliRunner().invoke(app, ["policy", "path", pack, "--folder"])
    assert (Path(folder.stdout.strip()) / "PulumiPolicy.yaml").is_file()


def test_it_warns_of_a_pack_that_would_not_start_as_an_installer_left_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "a target" / "policies" / "guard" / "run"
    run.parent.mkdir(parents=True)
    shutil.copy(ROOT / "policies" / "guard" / "run", run)
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "a target")

    def warning(python: str) -> str:
        environment = {"PULUMI_CORTECS_POLICY_PYTHON": python}
        result = CliRunner().invoke(app, ["policy", "path", "guard"], env=environment)
        assert (result.exit_code, result.stdout) == (0, f"{run}\n")
        return result.stderr

    assert warning(sys.executable) == ""
    assert warning("").startswith("Warning: this pack has no Python: set PULUMI_CORTECS_POLICY_PYTHON to ")
    assert warning("").endswith(f"This one fits: export PULUMI_CORTECS_POLICY_PYTHON={sys.executable}\n")
    assert "/bin/false has no pulumi-cortecs[policy] of its own" in warning("/bin/false")
    assert "/no/python has no pulumi-cortecs[policy] of its own" in warning("/no/python")
    run.chmod(0o644)
    assert warning(sys.executable) == f"Warning: {run} is not executable: chmod +x '{run}'\n"


def checked(directory: Path, content: str | bytes, *options: str) -> tuple[int, str]:
    file = directory / "limits.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = CliRunner().invoke(app, ["policy", "check", str(file), *options])
    return result.exit_code, result.output


@pytest.mark.parametrize("stage", ["dev", "staging", "prod", "demo"])
@pytest.mark.parametrize("pack", ["hardware", "cost", "guard"])
def test_the_limits_that_come_along_pass_the_check(pack: str, stage: str) -> None:
    file = ROOT / "policies" / pack / "limits" / f"{stage}.json"
    result = CliRunner().invoke(app, ["policy", "check", str(file), "--pack", pack])
    assert (result.exit_code, f"{file}: " in result.output) == (0, True)
    assert "rules apply" in result.output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            '{"workers-max": {"most": 2}, "workers-max": {"most": 99}}',
            "duplicate key 'workers-max'; leave one",
        ),
        ('{"workers-max": {"most": 2, "most": 99}}', "duplicate key 'most'"),
        ('{"workers-max": {"most": 2}, "workers\\u002dmax": {"most": 99}}', "duplicate key 'workers-max'"),
        (
            '{"exemptions-valid": {"exemptions": [{"until": "2026-01-31", "until": "2036-01-31"}]}}',
            "duplicate key 'until'",
        ),
        ('{"workers-max": {"most": 2}, "all": "disabled"}', "the level must be mandatory, not disabled"),
        ('{"workers-max": {"most": 2, "enforcementLevel": 1}}', "workers-max: the level must be mandatory"),
        ('{"workers-maxx": {"most": 2}}', "unknown rule; did you mean workers-max?"),
        ('{"workers-max": {"most": NaN}}', "is not valid JSON: not a number: NaN"),
        ('{"workers-max": 2}', "workers-max: got 2; must be an object or a level"),
        ("[]", "got []; must be an object with a key for each rule"),
        ("{", "is not valid JSON"),
        (b"\xff{}", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
    ],
)
def test_what_is_wrong_with_limits_is_said_before_anybody_uses_them(tmp_path: Path, content: str, says: str) -> None:
    code, output = checked(tmp_path, content)
    assert code == 1
    assert says in output


def test_own_rules_can_be_named_and_a_missing_file_is_an_error(tmp_path: Path) -> None:
    limits = json.dumps({**json.loads(DEV.read_text()), "team-prefix": {"prefixes": ["search-"]}})
    assert checked(tmp_path, limits)[0] == 1
    assert checked(tmp_path, limits, "--own-rule", "team-prefix")[0] == 0
    (tmp_path / "limits.json").unlink()
    result = CliRunner().invoke(app, ["policy", "check", str(tmp_path / "limits.json")])
    assert (result.exit_code, "No such file" in result.output) == (1, True)


def test_what_limits_lack_is_named_and_does_not_count(tmp_path: Path) -> None:
    limits = json.loads(DEV.read_text())
    del limits["workers-max"], limits["ttl-required"]
    code, output = checked(tmp_path, json.dumps(limits))
    assert code == 1
    assert (
        ": 20 rules apply, not limited: model-allowed, region-allowed, without their limits: workers-max, ttl-"
        in output
    )
    assert "Error: the limits say nothing about workers-max, ttl-required, and nothing is bought without them" in output
    limits = json.loads(DEV.read_text())
    del limits["quote-matches-catalogue"]
    code, output = checked(tmp_path, json.dumps(limits))
    assert (code, "Warning: the limits say nothing about quote-matches-catalogue" in output) == (0, True)
    code, output = checked(tmp_path, "{}")
    assert (code, "no limits given, so it refuses everything" in output) == (1, True)


def test_the_prices_of_limits_are_checked_where_a_pack_looks_for_them(tmp_path: Path) -> None:
    limits = json.loads(DEV.read_text())
    code, output = checked(tmp_path, json.dumps(limits))
    assert (code, output.endswith("; no prices beside it to check\n")) == (0, True)
    (tmp_path / "PulumiPolicy.yaml").touch()  # the folder of a pack
    code, output = checked(tmp_path, json.dumps(limits))
    assert (code, "no such catalogue of prices; make one with `pulumi-cortecs catalogue pull" in output) == (1, True)
    shutil.copy(SHIPPED / "simulator.lock.yaml", tmp_path / "catalogue.lock.yaml")
    code, output = checked(tmp_path, json.dumps(limits))
    assert (code, "; catalogue of 20" in output) == (0, True)
    code, output = checked(tmp_path, json.dumps({**limits, "catalogue-digest": {"sha256": "0" * 64}}))
    assert (code, f"the limits require {'0' * 64}; once its prices are reviewed, write its sha256" in output) == (
        1,
        True,
    )


HARDWARE = {
    "cortecs": ("demo.json", "NVIDIA_L4_1"),
    "shadeform": ("demo-shadeform.json", "hyperstack/montreal-canada-2/A6000"),
    "gcore": ("demo-gcore.json", "inference-16vcpu-232gib-1xl40s-48gb"),
}


def checked_with(directory: Path, limits: str, allowed: dict[str, list[str]]) -> tuple[int, str]:
    """The check of limits that come along, with other hardware, by the simulator's prices."""
    text = json.loads((DEV.parent / limits).read_text())
    code, output = checked(directory, json.dumps({**text, "hardware-allowed": {"allowed": allowed}}))
    return code, output.partition("sha256 ")[2]


@pytest.mark.parametrize(("cloud", "limits", "hardware"), [(cloud, *row) for cloud, row in HARDWARE.items()])
def test_hardware_that_the_catalogue_does_not_have_is_named(
    tmp_path: Path, cloud: str, limits: str, hardware: str
) -> None:
    misspelt = hardware.lower() if hardware.isupper() else hardware.upper()
    code, output = checked_with(tmp_path, limits, {cloud: [hardware, misspelt]})
    assert (code, f" has no {misspelt} (did you mean {hardware}?) at {cloud}; " in output) == (0, True), output
    assert output.count("Warning: hardware-allowed: the catalogue of 20") == 1
    code, output = checked_with(tmp_path, limits, {cloud: [misspelt]})
    assert (code, f"Error: hardware-allowed: nothing can be bought at {cloud}, because the" in output) == (1, True)
    assert f"none of what is allowed: {misspelt} (did you mean {hardware}?); `pulumi-cortecs catalogue show`" in output
    assert checked_with(tmp_path, limits, {cloud: []})[0] == 0  # a list that shall allow nothing


def test_hardware_of_another_cloud_and_a_cloud_without_prices_are_named(tmp_path: Path) -> None:
    gcores = HARDWARE["gcore"][1]
    code, output = checked_with(tmp_path, "demo.json", {"cortecs": [gcores]})
    assert (code, f"none of what is allowed: {gcores} (an id of gcore); " in output) == (1, True)
    code, output = checked_with(tmp_path, "demo.json", {"cortex": ["NVIDIA_L4_1"]})
    assert (code, "Error: hardware-allowed: nothing can be bought at cortex: the" in output) == (1, True)
    assert "has prices of cortecs, gcore, shadeform only; `pulumi-cortecs catalogue pull --cloud NAME` adds" in output
    shared = {"cortecs": ["NVIDIA_L4_1"], "acme": ["large"]}  # the prices of a project that has only one of the clouds
    code, output = checked_with(tmp_path, "demo.json", shared)
    assert (code, "Warning: hardware-allowed: nothing can be bought at acme: the" in output) == (0, True)


def test_a_volume_is_like_no_machine(tmp_path: Path) -> None:
    allowed = [HARDWARE["shadeform"][1], "hyperstack/norway-1/volume"]
    code, output = checked_with(tmp_path, "demo-shadeform.json", {"shadeform": allowed})
    assert (code, "no hyperstack/norway-1/volume (did you mean hyperstack/" in output) == (0, True)
    assert output.count("/volume?)") == output.count("?)") > 0


def test_gpus_that_the_catalogue_does_not_have_are_named(tmp_path: Path) -> None:
    limits = json.loads((DEV.parent / "demo.json").read_text())
    code, output = checked(tmp_path, json.dumps({**limits, "gpu-type-allowed": {"allowed": ["NVIDIA L4", "L4O"]}}))
    assert (code, "Warning: gpu-type-allowed: the catalogue of 20" in output) == (0, True)
    code, output = checked(tmp_path, json.dumps({**limits, "gpu-type-allowed": {"allowed": ["L4O"]}}))
    assert (code, "none of what is allowed: L4O (did you mean L4" in output) == (1, True)


AMOUNTS = {
    "instance-hourly-cap": "per_hour",
    "price-per-gpu-cap": "per_gpu_hour",
    "stack-hourly-budget": "per_hour",
    "stack-monthly-budget": "per_month",
}


@pytest.mark.parametrize(("cloud", "limits", "hardware"), [(cloud, *row) for cloud, row in HARDWARE.items()])
def test_a_cloud_in_whose_currency_no_amount_is_cannot_sell_anything(
    tmp_path: Path, cloud: str, limits: str, hardware: str
) -> None:
    shutil.copy(SHIPPED / "simulator.lock.yaml", tmp_path / "catalogue.lock.yaml")
    text = json.loads((DEV.parent / limits).read_text())
    others = "USD" if cloud == "cortecs" else "EUR"
    elsewhere = {rule: {key: [f"6.00 {others}"]} for rule, key in AMOUNTS.items()}
    code, output = checked(tmp_path, json.dumps({**text, **elsewhere}))
    assert (code, f"Error: {', '.join(AMOUNTS)}: nothing can be bought at {cloud}: its prices are in" in output) == (
        1,
        True,
    )
    cost = json.loads((ROOT / "policies" / "cost" / "limits" / limits).read_text())
    assert (
        checked(tmp_path, json.dumps(cost), "--pack", "cost")[0] == 0
    )  # without a list, one cloud of the prices is enough
    yens = {rule: {key: ["6.00 JPY"]} for rule, key in AMOUNTS.items()}
    code, output = checked(tmp_path, json.dumps({**cost, **yens}), "--pack", "cost")
    assert (code, output.count("Error: instance-hourly-cap, price-per-gpu-cap, ")) == (1, 3)


def test_there_are_no_others() -> None:
    assert CliRunner().invoke(app, ["policy", "path", "gard"]).exit_code == 2

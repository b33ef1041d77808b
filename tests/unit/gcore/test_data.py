"""Data sources against a simulator: rows as Gcore has them, and short errors."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import pytest

from pulumi_cortecs import DataSourceError, UnknownIdError, gcore
from pulumi_cortecs.gcore import (
    get_capacity,
    get_deployment,
    get_flavors,
    get_models,
    get_quota,
    get_regions,
)
from pulumi_cortecs.simulator import Simulator, running
from tests.unit.mocked import run

FLAVOR, SMALL = "inference-16vcpu-232gib-1xl40s-48gb", "inference-4vcpu-16gib"


@pytest.fixture(scope="module")
def _simulator() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def at(_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A simulator that the environment names, as that of a program would."""
    _simulator.control.reset()
    for name, value in _simulator.env().items():
        monkeypatch.setenv(name, value)
    return _simulator


def deployed(simulator: Simulator, name: str = "chat-1", **more: object) -> str:
    scale = {"min": 1, "max": 2}
    body = {
        "name": name,
        "flavor_name": FLAVOR,
        "image": "vllm/vllm-openai:latest",
        "listening_port": 8000,
        "containers": [{"region_id": 7, "scale": scale}],
        **more,
    }
    with simulator.gcore_client() as api:
        api.post("/cloud/v3/inference/1/deployments", json=body).raise_for_status()
    return name


@pytest.mark.usefixtures("at")
def test_regions_have_a_number_and_a_name() -> None:
    rows = get_regions()
    assert [row.id for row in rows] == [1, 7, 26, 34, 52, 1337]
    assert (rows[1].name, rows[1].display_name, rows[1].country, rows[1].state) == (
        *("luxembourg-2", "Luxembourg-2", "LU", "ACTIVE"),
    )
    assert (rows[1].zone, rows[1].access_level, rows[1].has_ai_gpu, rows[1].coordinates) == ("EMEA", "edge", True, None)


@pytest.mark.parametrize("region", ["luxembourg-2", 7, "7"])
@pytest.mark.usefixtures("at")
def test_flavors_have_price_and_capacity_the_cheapest_first(region: int | str) -> None:
    rows = get_flavors(region)
    prices = [Decimal(str(row.hourly_price or 0)) for row in rows]
    assert all(one <= other for one, other in pairwise(prices))
    assert (len(rows), rows[0].name, rows[0].hourly_price, rows[0].currency) == (8, SMALL, "0.12", "USD")
    (row,) = (row for row in rows if row.name == FLAVOR)
    assert (row.region, row.cpu, row.memory, row.gpu, row.gpu_model, row.gpu_memory, row.capacity) == (
        *("luxembourg-2", 16, 232, 1, "L40S", 48, 42),
    )
    assert row.description == "1xL40S / 16 vCPU / 232GiB RAM"
    assert (row.price_status, row.price_per_month, row.discount_percent, row.is_gpu_shared) == (
        *("show", "1296.0", "0.0", False),
    )
    assert len(set(rows)) == len(rows)


def test_a_hidden_price_is_none(at: Simulator) -> None:
    at.control.settings(gcore_price_status="hide")
    assert {(row.hourly_price, row.currency) for row in get_flavors(1)} == {(None, None)}


@pytest.mark.parametrize("region", ["luxemburg-2", 2, ""])
@pytest.mark.usefixtures("at")
def test_a_region_that_is_not_there_is_refused_with_those_that_are(region: int | str) -> None:
    with pytest.raises(DataSourceError, match=r"no inference in region .*luxembourg-2 \(7\)"):
        get_flavors(region)


def test_capacity_can_be_narrowed(at: Simulator) -> None:
    at.control.set_gcore_capacity(FLAVOR, 3, 26)
    assert len(get_capacity()) == 8 * 6
    assert [(row.region, row.region_id, row.capacity) for row in get_capacity(flavor_name=FLAVOR)] == [
        *(("luxembourg-2", 7, 42), ("test-region-1", 1337, 42), ("luxembourg-1", 1, 40), ("santa-clara-1", 34, 24)),
        *(("singapore-1", 52, 8), ("frankfurt-1", 26, 3)),
    ]
    (row,) = get_capacity("frankfurt-1", FLAVOR)
    assert row == get_capacity(26, FLAVOR)[0]
    assert get_capacity(26, "other") == []


@pytest.mark.usefixtures("at")
def test_a_model_has_the_image_that_serves_it() -> None:
    rows = get_models()
    assert [row.name for row in rows] == sorted(row.name for row in rows)
    qwen = next(row for row in rows if row.model_id == "Qwen/Qwen2.5-7B-Instruct")
    assert (qwen.image_url, qwen.port, qwen.default_flavor_name, qwen.openai_compatibility) == (
        *("registry.invalid/inference/qwen2.5-7b-instruct:v1", 8000, FLAVOR, "full"),
    )
    assert (qwen.has_eula, qwen.eula_url) == (False, None)


def test_a_quota_has_what_is_used_and_what_would_be(at: Simulator) -> None:
    at.control.settings(gcore_gpu_quota=0)
    rows = {row.name: row for row in get_quota(FLAVOR, "luxembourg-2", 3)}
    gpus = rows["inference_gpu_l40s_count"]
    assert (gpus.limit, gpus.usage, gpus.requested) == (0, 0, 3)
    assert rows["inference_instance_count"].limit == 1000
    with pytest.raises(DataSourceError, match=r"get_quota: .*400"):
        get_quota("nothing", 7)


def test_a_deployment_is_shown_without_its_secrets(at: Simulator) -> None:
    secret = "the-secret-of-a-variable"
    name = deployed(at, envs={"HF_TOKEN": secret}, command=["serve", secret], description="ours")
    info = get_deployment(name)
    assert (info.name, info.flavor_name, info.image, info.listening_port, info.project_id) == (
        *(name, FLAVOR, "vllm/vllm-openai:latest", 8000, 1),
    )
    assert (info.description, info.timeout, info.auth_enabled, info.api_keys) == ("ours", 120, False, ())
    (container,) = info.containers
    assert (container["region_id"], container["scale"]["min"], container["scale"]["max"]) == (7, 1, 2)
    assert secret not in repr(info)
    at.control.advance(3600)
    assert get_deployment(name).status == "ACTIVE"


@pytest.mark.parametrize("name", ["nowhere", "..", "", "a/b", "check_limits"])
@pytest.mark.usefixtures("at")
def test_what_is_not_there_is_an_unknown_id(name: str) -> None:
    with pytest.raises(UnknownIdError, match="Gcore has no deployment"):
        get_deployment(name)


def test_all_of_them_need_a_key(at: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GCORE_API_KEY")
    monkeypatch.delenv("GCORE_CLOUD_PROJECT_ID")
    with pytest.raises(DataSourceError, match="get_regions: no Gcore credentials"):
        get_regions()


def test_an_error_of_the_vendor_is_no_unknown_id(at: Simulator) -> None:
    name = deployed(at)
    at.control.fault("server_error", method="GET", path="/cloud/v3/inference/*")
    with pytest.raises(DataSourceError, match=r"get_deployment: .*500") as raised:
        get_deployment(name)
    assert not isinstance(raised.value, LookupError)


@pytest.mark.usefixtures("at")
def test_outputs_need_the_other_form_and_a_provider_of_ours() -> None:
    body = """
from pulumi_cortecs import gcore
import os
mine = gcore.Provider("b", api_key="another-key", project_id="1", api_base_url=os.environ["GCORE_BASE_URL"])

def refused(ask):
    try:
        ask()
    except Exception as error:
        return str(error)

name = pulumi.Output.from_input("luxembourg-2")
other = pulumi.InvokeOptions(provider=pulumi.ProviderResource("aws", "x"))
return [
    say("plain", refused(lambda: gcore.get_flavors(name))),
    say("other", refused(lambda: gcore.get_regions(opts=other))),
    say("key", refused(lambda: gcore.get_models(pulumi.InvokeOptions(provider=mine)))),
    say("price", gcore.get_flavors_output(name)[0].hourly_price),
    say("model", gcore.get_models_output()[0].name),
    say("region", gcore.get_regions_output()[0].name),
    say("room", gcore.get_capacity_output(name)[0].capacity),
    say("quota", gcore.get_quota_output("inference-4vcpu-16gib", name)[0].name),
]
"""
    said = run(body)["said"]
    assert said["plain"].endswith("for Outputs use get_flavors_output")
    assert "take a pulumi_cortecs.gcore.Provider, not a ProviderResource" in said["other"]
    assert "401" in said["key"]
    assert "another-key" not in said["key"]
    assert (said["price"], said["model"], said["region"], said["room"]) == (
        *("0.12", "Llama-3.3-70B-Instruct", "luxembourg-1", 42),
    )
    assert said["quota"].startswith("inference_")


def test_every_data_source_has_both_forms() -> None:
    public = {name for name in gcore.__all__ if name.startswith("get_")}
    plain = {name for name in public if not name.endswith("_output")}
    assert len(plain) == 6
    assert public == plain | {f"{name}_output" for name in plain}
    assert all(callable(getattr(gcore, name)) for name in gcore.__all__)

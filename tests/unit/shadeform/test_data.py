"""Data sources against a simulator: rows as Shadeform has them, the cheapest first, and short errors."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal
from itertools import pairwise

import pytest

from pulumi_cortecs import DataSourceError, UnknownIdError, shadeform
from pulumi_cortecs.shadeform import get_instance, get_instance_types, get_volume_types
from pulumi_cortecs.simulator import Simulator
from tests.unit.mocked import run

TYPES = "GET /v1/instances/types"
PLACE = {"cloud": "hyperstack", "region": "montreal-canada-2", "shade_instance_type": "A6000"}


@pytest.fixture
def at(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A simulator that the environment names, as that of a program would."""
    for name, value in sim.env().items():
        monkeypatch.setenv(name, value)
    return sim


def bought(simulator: Simulator, **more: object) -> str:
    with simulator.shadeform_client() as api:
        order = {**PLACE, "name": "one", **more}
        return str(api.post("/instances/create", json=order).raise_for_status().json()["id"])


@pytest.mark.usefixtures("at")
def test_a_type_has_a_row_for_each_region_the_cheapest_first() -> None:
    rows = get_instance_types()
    prices = [Decimal(row.hourly_price) for row in rows]
    assert all(one <= other for one, other in pairwise(prices))
    (cheapest, *_) = rows
    assert (cheapest.cloud, cheapest.region, cheapest.hourly_price) == ("hyperstack", "montreal-canada-2", "0.50")
    assert (cheapest.currency, cheapest.gpu_type, cheapest.num_gpus, cheapest.vram_per_gpu_in_gb) == (
        "USD",
        "A6000",
        1,
        48,
    )
    assert (len(cheapest.os_options), cheapest.deployment_type, cheapest.available) == (3, "vm", True)
    (dearer, *_) = (row for row in rows if (row.cloud, row.region) == ("massedcompute", "desmoines-usa-1"))
    assert (dearer.display_name, dearer.gpu_manufacturer, dearer.boot_time) == (
        *("Usa, Desmoines 1", "nvidia", {"min_boot_in_sec": 180, "max_boot_in_sec": 300}),
    )
    regions = {row.region for row in rows if (row.cloud, row.shade_instance_type) == ("massedcompute", "A6000")}
    assert regions == {"kansascity-usa-1", "desmoines-usa-1"}
    with pytest.raises(FrozenInstanceError):
        cheapest.cloud = "other"  # type: ignore[misc]
    assert len(set(rows)) == len(rows)


def test_rows_can_be_chosen(at: Simulator) -> None:
    at.control.set_shadeform_stock("massedcompute", "A6000", False, "desmoines-usa-1")
    chosen = get_instance_types("massedcompute", gpu_type="A6000", num_gpus=1)
    assert {row.shade_instance_type for row in chosen} == {"A6000", "A6000_base", "A6000_plus"}
    in_stock = get_instance_types("massedcompute", gpu_type="A6000", num_gpus=1, available=True)
    (gone,) = set(chosen) - set(in_stock)
    assert (gone.region, gone.shade_instance_type, gone.available) == ("desmoines-usa-1", "A6000", False)
    assert {row.region for row in get_instance_types(region="tokyo-japan-5")} == {"tokyo-japan-5"}
    assert get_instance_types("nowhere") == []


@pytest.mark.usefixtures("at")
def test_kinds_of_volumes_come_the_cheapest_first_and_can_be_chosen() -> None:
    rows = get_volume_types()
    prices = [Decimal(row.price_per_gb_per_hour) for row in rows]
    assert prices == sorted(prices)
    (cheapest, *_) = rows
    assert (cheapest.cloud, cheapest.region, cheapest.price_per_gb_per_hour, cheapest.currency) == (
        "hyperstack",
        "montreal-canada-2",
        "0.0001",
        "USD",
    )
    assert {type(flag) for row in rows for flag in (row.fixed_size, row.supports_multi_mount)} == {bool}
    assert {row.cloud for row in get_volume_types("crusoe")} == {"crusoe"}
    assert {row.region for row in get_volume_types(region="dallas-usa-3")} == {"dallas-usa-3"}
    assert get_volume_types("nowhere") == []


@pytest.mark.usefixtures("at")
def test_kinds_of_volumes_need_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHADEFORM_API_KEY")
    with pytest.raises(DataSourceError, match=r"get_volume_types: .*SHADEFORM_API_KEY"):
        get_volume_types()


ORDER_TAG = "pulumi-cortecs:order=key.token.digest"


def test_an_instance_is_shown_as_it_is_without_its_secrets(at: Simulator) -> None:
    secret = "the-secret-of-a-variable"
    instance_id = bought(at, envs=[{"name": "A", "value": secret}], tags=["blue", ORDER_TAG])
    booting = get_instance(instance_id)
    assert (booting.status, booting.ip, booting.active_at) == ("creating", None, None)
    at.control.advance(3600)
    info = get_instance(instance_id)
    assert (info.id, info.cloud, info.region, info.shade_instance_type) == (instance_id, *PLACE.values())
    assert (info.status, info.hourly_price, info.shade_cloud, info.tags) == ("active", "0.50 USD", True, ("blue",))
    assert info.cost_estimate is not None
    assert info.cost_estimate.endswith(" USD")
    assert (info.created_at is not None, info.active_at is not None, info.ssh_port) == (True, True, 22)
    assert info.configuration["gpu_type"] == "A6000"
    assert secret not in repr(info)


def test_one_process_asks_once_for_the_types(at: Simulator) -> None:
    at.control.reset()
    for _ in range(3):
        get_instance_types()
        get_instance_types("hyperstack", available=True)
    assert at.control.requests().count(TYPES) == 1


@pytest.mark.parametrize("instance_id", ["nowhere", "..", "", "a/b", "types", "create"])
@pytest.mark.usefixtures("at")
def test_what_is_not_there_is_an_unknown_id(instance_id: str) -> None:
    with pytest.raises(UnknownIdError, match="Shadeform has no instance"):
        get_instance(instance_id)


def test_a_deleted_instance_is_an_unknown_id(at: Simulator) -> None:
    instance_id = bought(at)
    at.control.stop(instance_id)
    with pytest.raises(UnknownIdError):
        get_instance(instance_id)


def test_a_key_is_needed_for_an_account_and_for_nothing_else(at: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHADEFORM_API_KEY")
    assert get_instance_types()
    with pytest.raises(DataSourceError, match="get_instance: no Shadeform credentials"):
        get_instance(bought(at))


def test_an_error_of_the_vendor_is_no_unknown_id(at: Simulator) -> None:
    instance_id = bought(at)
    at.control.fault("server_error", method="GET", path="/instances/*")
    with pytest.raises(DataSourceError, match=r"get_instance: .*500") as raised:
        get_instance(instance_id)
    assert not isinstance(raised.value, LookupError)


@pytest.mark.usefixtures("at")
def test_outputs_need_the_other_form_and_a_provider_of_ours() -> None:
    body = """
from pulumi_cortecs import shadeform
import os
mine = shadeform.Provider("b", api_key="another-key", api_base_url=os.environ["SHADEFORM_BASE_URL"])

def refused(ask):
    try:
        ask()
    except Exception as error:
        return str(error)

name = pulumi.Output.from_input("hyperstack")
other = pulumi.InvokeOptions(provider=pulumi.ProviderResource("aws", "x"))
return [
    say("plain", refused(lambda: shadeform.get_instance_types(name))),
    say("other", refused(lambda: shadeform.get_instance_types(opts=other))),
    say("key", refused(lambda: shadeform.get_instance("some-id", pulumi.InvokeOptions(provider=mine)))),
    say("price", shadeform.get_instance_types_output(name, available=True)[0].hourly_price),
]
"""
    said = run(body)["said"]
    assert said["plain"].endswith("for Outputs use get_instance_types_output")
    assert "take a pulumi_cortecs.shadeform.Provider, not a ProviderResource" in said["other"]
    assert "401" in said["key"]
    assert "another-key" not in said["key"]
    assert said["price"] == "0.50"


def test_every_data_source_has_both_forms() -> None:
    public = {name for name in shadeform.__all__ if name.startswith("get_")}
    plain = {name for name in public if not name.endswith("_output")}
    assert public == plain | {f"{name}_output" for name in plain}
    assert all(callable(getattr(shadeform, name)) for name in shadeform.__all__)
    assert set(shadeform.__all__) <= set(dir(shadeform))
    with pytest.raises(AttributeError):
        _ = shadeform.get_everything  # type: ignore[attr-defined]

"""Flavors, models, capacity, prices, quotas, projects and regions of the simulated Gcore."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulator.gcore.answers import body_of, message_of

H100 = "inference-16vcpu-232gib-1xh100-80gb"
"""A flavor of 3.78 an hour."""
PREVIEW = "/cloud/v2/pricing/inference/deployments"
PRICES = ("currency_code", "discount_percent", "price_per_hour", "price_per_month", "price_without_discount_per_month")


def wanted(*replicas: int, flavor_name: str = H100) -> dict[str, Any]:
    regions = (1, 7, 26)
    containers = [
        {"region_id": region, "scale": {"max": most}} for region, most in zip(regions, replicas, strict=False)
    ]
    return {"flavor_name": flavor_name, "containers": containers}


def test_a_flavor_is_as_documented_and_shows_no_price(http: httpx.Client) -> None:
    flavors = body_of(http.get("/cloud/v3/inference/flavors"))
    assert flavors["count"] == len(flavors["results"]) > 5
    shown = next(row for row in flavors["results"] if row["name"] == H100)
    assert body_of(http.get(f"/cloud/v3/inference/flavors/{H100}")) == shown
    assert shown == {
        "name": H100,
        "description": "1xH100 / 16 vCPU / 232GiB RAM",
        "cpu": 16,
        "memory": 232,
        "gpu": 1,
        "gpu_model": "H100",
        "gpu_memory": 80,
        "gpu_compute_capability": "9.0",
        "is_gpu_shared": False,
    }
    assert "'none' not found" in message_of(http.get("/cloud/v3/inference/flavors/none"), 404)


def test_models_are_listed_by_name(http: httpx.Client) -> None:
    models = body_of(http.get("/cloud/v3/inference/models"))["results"]
    backwards = body_of(http.get("/cloud/v3/inference/models", params={"order_by": "name.desc"}))["results"]
    assert models == backwards[::-1] == sorted(models, key=lambda model: model["name"])
    assert body_of(http.get(f"/cloud/v3/inference/models/{models[0]['id']}")) == models[0]
    assert models[0]["default_flavor_name"]
    message_of(http.get("/cloud/v3/inference/models/none"), 404)
    refused = message_of(http.get("/cloud/v3/inference/models", params={"order_by": "age"}), 400)
    assert refused == "order_by: got 'age'; allowed: name.asc, name.desc"


def test_the_capacity_of_each_region_is_that_of_the_control(sim: Simulator, http: httpx.Client) -> None:
    sim.control.set_gcore_capacity(H100, 5, 7)
    sim.control.set_gcore_capacity(H100, 0, 1)
    regions = body_of(http.get("/cloud/v3/inference/capacity"))
    rooms = {
        row["region_id"]: {room["flavor_name"]: room["capacity"] for room in row["capacity"]}
        for row in regions["results"]
    }
    assert regions["count"] == len(rooms) == 6
    assert (rooms[7][H100], rooms[1][H100]) == (5, 0)
    assert rooms[1337][H100] > 0


def test_a_preview_has_the_price_of_all_regions_at_their_maximum(http: httpx.Client) -> None:
    assert body_of(http.post(PREVIEW, json=wanted(3, 2))) == {
        "currency_code": "USD",
        "discount_percent": 0.0,
        "price_per_hour": 18.9,
        "price_per_month": 13608.0,
        "price_status": "show",
        "price_without_discount_per_month": 13608.0,
        "tax_percent": 0.0,
    }


def test_a_preview_shows_discount_tax_and_currency_of_the_account(sim: Simulator, http: httpx.Client) -> None:
    sim.control.set_gcore_price(H100, "1")
    sim.control.settings(gcore_discount_percent="16", gcore_tax_percent="20", gcore_currency="EUR")
    shown = body_of(http.post(PREVIEW, json=wanted(1)))
    # these are the numbers of the vendor's example
    assert (shown["price_per_hour"], shown["price_per_month"]) == (1, 720)
    assert (shown["discount_percent"], shown["price_without_discount_per_month"]) == (0.16, 604.8)
    assert (shown["currency_code"], shown["tax_percent"]) == ("EUR", 20)


@pytest.mark.parametrize("status", ["hide", "error"])
def test_a_hidden_price_is_null(sim: Simulator, http: httpx.Client, status: str) -> None:
    sim.control.settings(gcore_price_status=status)
    shown = body_of(http.post(PREVIEW, json=wanted(1)))
    assert shown == {**dict.fromkeys(PRICES), "price_status": status, "tax_percent": 0.0}


def test_a_preview_is_refused_for_what_is_not_rented_out(http: httpx.Client) -> None:
    assert f"flavor_name: got 'none'; allowed: {H100[:9]}" in message_of(
        http.post(PREVIEW, json=wanted(1, flavor_name="none")), 400
    )
    elsewhere = {"flavor_name": H100, "containers": [{"region_id": 2, "scale": {"max": 1}}]}
    assert "region_id: got 2; allowed: 1, 7, " in message_of(http.post(PREVIEW, json=elsewhere), 400)
    assert "containers" in message_of(http.post(PREVIEW, json=wanted()), 400)
    assert "max" in message_of(http.post(PREVIEW, json=wanted(0)), 400)


def test_quotas_count_every_replica_at_its_maximum(sim: Simulator, http: httpx.Client) -> None:
    sim.control.settings(gcore_gpu_quota=8, gcore_vcpu_quota=64, gcore_instance_quota=3)
    ordered = {
        "name": "mine",
        "image": "nginx:latest",
        "listening_port": 80,
        "flavor_name": "inference-32vcpu-464gib-2xh100-80gb",
        "containers": [
            {"region_id": 1, "scale": {"min": 0, "max": 1}},
            {"region_id": 7, "scale": {"min": 1, "max": 1}},
        ],
    }
    body_of(http.post("/cloud/v3/inference/1/deployments", json=ordered))
    wanted_too = {"flavor_name": H100, "containers": [{"region_id": 26, "scale": {"min": 1, "max": 3}}]}
    # the second project has the quotas of the same account
    report = body_of(http.post("/cloud/v3/inference/2/deployments/check_limits", json=wanted_too))
    quotas = {
        name: tuple(report.pop(f"inference_{name}_count_{part}") for part in ("limit", "usage", "requested"))
        for name in ("cpu_millicore", "gpu_h100", "gpu_a100", "gpu_l40s", "instance")
    }
    assert quotas == {
        "cpu_millicore": (64_000, 64_000, 48_000),
        "gpu_h100": (8, 4, 3),
        "gpu_a100": (8, 0, 0),
        "gpu_l40s": (8, 0, 0),
        "instance": (3, 1, 1),
    }
    assert report == {}
    message_of(http.post("/cloud/v3/inference/1/deployments/check_limits", json={**wanted_too, "containers": []}), 400)


def test_projects_and_regions_are_found_by_their_names(http: httpx.Client) -> None:
    assert [row["id"] for row in body_of(http.get("/cloud/v1/projects"))["results"]] == [1, 2]
    (project,) = body_of(http.get("/cloud/v1/projects", params={"name": "second"}))["results"]
    assert (project["id"], project["state"], project["is_default"]) == (2, "ACTIVE", False)
    regions = body_of(http.get("/cloud/v1/regions", params={"product": "inference"}))
    assert regions["count"] == 6
    (region,) = body_of(http.get("/cloud/v1/regions", params={"display_name": "LUXEMBOURG-2"}))["results"]
    assert (region["id"], region["slug"], region["country"]) == (7, "luxembourg-2", "LU")
    names = [row["display_name"] for row in body_of(http.get("/cloud/v1/regions?order_by=display_name.asc"))["results"]]
    assert names == sorted(names)


def test_lists_have_pages_no_larger_than_the_setting(sim: Simulator, http: httpx.Client) -> None:
    sim.control.settings(gcore_page_size=2)
    for path in ("/cloud/v3/inference/flavors", "/cloud/v3/inference/models", "/cloud/v1/regions"):
        first, second = (body_of(http.get(path, params={"offset": offset})) for offset in (0, 2))
        assert first["count"] > len(first["results"]) == 2
        assert second["results"][0] not in first["results"]

"""No field of a vendor's objects is left out: each key that the vendor documents, which the simulator serves, is one of
a data source or an output, or stands here with the reason why it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import httpx
import pytest

from pulumi_cortecs import Instance, gcore, shadeform
from pulumi_cortecs.cortecs import data as cortecs
from pulumi_cortecs.gcore.kind import ARGUMENTS as GCORE_ARGUMENTS
from pulumi_cortecs.shadeform.kind import ARGUMENTS as SHADEFORM_ARGUMENTS
from pulumi_cortecs.simulator import Simulator, running

QWEN = "Qwen--Qwen2-7B-Instruct"
FLAVOR = "inference-16vcpu-232gib-1xl40s-48gb"

SECRET = "it comes back in clear, and may have secrets"
FLAT = "its parts are fields of the row"
RENAMED = "it has the name that programs use"
OF_OTHER_PRODUCTS = "it is about other products of the vendor's"
LEFT_OUT: Mapping[str, Mapping[str, str]] = {
    "InstanceType": {"configuration": FLAT, "availability": FLAT},
    "InstanceInfo at Shadeform": {"launch_configuration": SECRET, "envs": SECRET},
    "Price": {"currency_code": RENAMED, "price_per_hour": RENAMED},
    "Region": {
        "slug": RENAMED,
        **dict.fromkeys(
            (
                *("available_volume_types", "ddos_endpoint_id", "external_network_id", "file_share_types"),
                *("metrics_database_id", "has_baremetal", "has_basic_vm", "has_dbaas", "has_ddos", "has_k8s"),
                *("has_kvm", "has_sfs", "endpoint_type", "keystone_id", "vlan_physical_network"),
            ),
            OF_OTHER_PRODUCTS,
        ),
        "created_on": "deprecated",
        "task_id": "deprecated",
    },
    "DeploymentInfo": {"command": SECRET, "envs": SECRET, "probes": SECRET},
}


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    """The vendors' objects, as the simulator serves them."""
    with running() as simulator:
        yield dict(_objects(simulator))


def _objects(simulator: Simulator) -> Iterator[tuple[str, Any]]:
    with simulator.client() as api:
        (preview, *_) = [row for row in _of(api, "/models/")["models"] if row["model_id"] == QWEN]
        yield "ModelPreview", preview
        model = _of(api, f"/models/{QWEN}")["model"]
        yield "Model", model
        hardware = _of(api, "/hardware-types/")["hardware_types"][0]
        yield "HardwareType", hardware
        yield "PriceInfo", hardware["price_info"]
        yield "HardwareInfo", hardware["hardware_info"]
        yield "Balance", _of(api, "/user/balance")
        instance = api.post("/instances/start", json={"model_id": QWEN}).raise_for_status().json()["instance"]
        yield "InstanceInfo", instance
        yield "OrderedArgs", instance["instance_args"]
        yield "InstanceStatus", instance["instance_status"]
        yield "WorkerStatus", instance["worker_statuses"][0]
        yield "InitProgress", instance["worker_statuses"][0]["init_progress"]
    with simulator.shadeform_client() as api:
        (offered, *_) = _of(api, "/instances/types")["instance_types"]
        yield "InstanceType", offered
        yield "VolumeType", _of(api, "/volumes/types")["volume_types"][0]
        order = {"cloud": "hyperstack", "region": "montreal-canada-2", "shade_instance_type": "A6000", "name": "one"}
        made = api.post("/instances/create", json=order).raise_for_status().json()["id"]
        yield "InstanceInfo at Shadeform", _of(api, f"/instances/{made}/info")
    with simulator.gcore_client() as api:
        inference, container = "/cloud/v3/inference", {"region_id": 7, "scale": {"min": 0, "max": 1}}
        yield "Flavor", _of(api, f"{inference}/flavors")["results"][0]
        yield "Model at Gcore", _of(api, f"{inference}/models")["results"][0]
        yield "Region", _of(api, "/cloud/v1/regions?product=inference")["results"][0]
        asked = {"flavor_name": FLAVOR, "containers": [{"region_id": 7, "scale": {"max": 1}}]}
        price = api.post("/cloud/v2/pricing/inference/deployments", json=asked).raise_for_status()
        yield "Price", price.json()
        body = {"name": "chat", "flavor_name": FLAVOR, "image": "a/b:1", "listening_port": 1, "containers": [container]}
        api.post(f"{inference}/1/deployments", json=body).raise_for_status()
        yield "DeploymentInfo", _of(api, f"{inference}/1/deployments/chat")


def _of(api: httpx.Client, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = api.get(path).raise_for_status().json()
    return answer


SOURCES: Mapping[str, type] = {
    **{
        name: getattr(cortecs, name)
        for name in (
            *("ModelPreview", "Model", "HardwareType", "PriceInfo", "HardwareInfo", "Balance", "InstanceInfo"),
            *("OrderedArgs", "InstanceStatus", "WorkerStatus", "InitProgress"),
        )
    },
    "InstanceType": shadeform.InstanceType,
    "VolumeType": shadeform.VolumeType,
    "InstanceInfo at Shadeform": shadeform.InstanceInfo,
    "Flavor": gcore.Flavor,
    "Price": gcore.Flavor,
    "Model at Gcore": gcore.Model,
    "Region": gcore.Region,
    "DeploymentInfo": gcore.DeploymentInfo,
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_data_source_has_every_field(served: dict[str, Any], name: str) -> None:
    lacking = set(served[name]) - {field.name for field in fields(SOURCES[name])}
    assert lacking == set(LEFT_OUT.get(name, {}))


def test_the_parts_of_an_instance_type_are_in_its_row(served: dict[str, Any]) -> None:
    offered, row = served["InstanceType"], {field.name for field in fields(shadeform.InstanceType)}
    assert {*offered["configuration"], *offered["availability"][0]} <= row


def test_the_creator_of_a_model_has_name_and_url() -> None:
    assert [field.name for field in fields(cortecs.Creator)] == ["name", "url"]


@pytest.mark.parametrize(
    ("name", "resource", "arguments"),
    [
        ("InstanceInfo", Instance, ()),
        ("InstanceInfo at Shadeform", shadeform.Instance, SHADEFORM_ARGUMENTS),
        ("DeploymentInfo", gcore.InferenceDeployment, GCORE_ARGUMENTS),
    ],
)
def test_a_resource_has_every_field_as_an_argument_or_an_output(
    served: dict[str, Any], name: str, resource: type, arguments: Iterable[str]
) -> None:
    declared = {key for base in resource.__mro__ for key in getattr(base, "__annotations__", ())}
    assert set(served[name]) <= {*dir(resource), *declared, *arguments}

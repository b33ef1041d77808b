"""Gcore's resources as programs declare them, under Pulumi's mocks."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs import gcore
from pulumi_cortecs.gcore import resources
from pulumi_cortecs.gcore.client import ApiContainer, ApiDeployment, ApiDeployStatus, GcoreClient
from pulumi_cortecs.gcore.cloud import GcoreCloud
from pulumi_cortecs.gcore.kind import API_KEY, ARGUMENTS, INSTANCE, REGISTRY_CREDENTIAL, SECRET
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.resources.instance import EndpointOutputs, EndpointResource, InstanceResource
from tests.unit.mocked import run

CLOUD = GcoreCloud(GcoreClient(Credentials("gcore", "https://x", ("k", "1"))), "gcore:0", 0.0, lambda inputs: None)
FACTS = Path(__file__).parents[3] / "docs/apis/gcore.md"
DEPLOYMENT = "pulumi-python:dynamic/gcore:InferenceDeployment"
MINIMAL = """
minimal = dict(flavor_name="inference-4vcpu-16gib", image="nginx:latest", listening_port=80,
               containers=[gcore.Container(region_id="luxembourg-2", scale=gcore.Scale(min=0, max=2))])
"""
OF_EVERY_CLOUD = {*EndpointResource.__annotations__, *EndpointOutputs.__annotations__}
PROGRAM = "from pulumi_cortecs import gcore\n" + MINIMAL


def test_a_deployment_is_two_resources() -> None:
    endpoint, deployment = run(PROGRAM + 'gcore.InferenceDeployment("llama", **minimal, envs={"A": "s"})')["registered"]
    assert (deployment["type"], deployment["name"]) == (DEPLOYMENT, "llama")
    containers = [{"region_id": "luxembourg-2", "scale": {"min": 0, "max": 2}}]
    assert deployment["inputs"]["containers"] == containers
    assert set(deployment["inputs"]) == {"flavor_name", "image", "listening_port", "containers", "envs"}
    assert (endpoint["type"], endpoint["name"]) == ("pulumi-python:dynamic/gcore:Endpoint", "llama")
    assert endpoint["inputs"]["ready_timeout"] == 1200


def digests(*more: str) -> list[Any]:
    """The `spec_digest` of an Endpoint for each of these further arguments."""
    lines = [
        f'said_{number} = say("{number}", gcore.InferenceDeployment("d{number}", **{{**minimal, {one}}})'
        ".endpoint.spec_digest)"
        for number, one in enumerate(more)
    ]
    names = ", ".join(f"said_{number}" for number in range(len(more)))
    said = run(PROGRAM + "\n".join(lines) + f"\nreturn [{names}]")["said"]
    return [said[str(number)] for number in range(len(more))]


def test_the_endpoint_waits_again_after_what_interrupts_the_service_only() -> None:
    region = 'gcore.Container(region_id="luxembourg-2", scale=gcore.Scale(min=1, max=9))'
    first, same_service, *others = digests(
        "",
        f'"containers": [{region}], "timeout": 5, "api_keys": ["key1"], "description": "x"',
        '"image": "nginx:1"',
        f'"containers": [{region}, {region.replace("luxembourg", "paris")}]',
        '"envs": {"A": "1"}',
        '"restart_trigger": "1"',
    )
    assert first == same_service
    assert len({first, *others}) == 5


def test_secrets_are_secret() -> None:
    program = """
d = gcore.InferenceDeployment("d", **minimal, envs={"A": "s"}, ready_key="k", probes=gcore.Probes(
    liveness_probe=gcore.ProbeConfiguration(enabled=True, probe=gcore.ContainerProbe(
        http_get=gcore.HttpGetProbe(port=80, headers={"Authorization": "s"})))))
plain = gcore.InferenceDeployment("plain", **minimal, probes={"startup_probe": {"enabled": False}})
r = gcore.RegistryCredential("r", registry_url="r.example", username="me", password="p")
s = gcore.Secret("s", data=gcore.AwsIamData(aws_access_key_id="i", aws_secret_access_key="k"))
outputs = {"envs": d.envs, "probes": d.probes, "ready_key": d.ready_key, "password": r.password, "data": s.data,
           "no envs": plain.envs, "no headers": plain.probes}
return [say(key, pulumi.Output.from_input(output.is_secret())) for key, output in outputs.items()]
"""
    hidden = run(PROGRAM + program)["said"]
    assert hidden == {
        **dict.fromkeys(("envs", "probes", "ready_key", "password", "data", "no envs"), True),
        "no headers": False,
    }


def test_plain_resources_need_what_the_table_needs() -> None:
    registered = run(PROGRAM + 'gcore.ApiKey("a")\ngcore.ApiKey("b", gcore.ApiKeyArgs(description="x"))')["registered"]
    assert [one["inputs"] for one in registered] == [{}, {"description": "x"}]
    with pytest.raises(TypeError, match="needs registry_url: which registry"):
        gcore.RegistryCredential("r", username="me")
    with pytest.raises(TypeError, match="valid arguments: name, description, expires_at"):
        gcore.ApiKey("a", secret="s")


def test_every_argument_is_one_of_the_table() -> None:
    for form, table in (
        (gcore.InferenceDeploymentArgs, ARGUMENTS),
        (gcore.ApiKeyArgs, API_KEY.arguments),
        (gcore.RegistryCredentialArgs, REGISTRY_CREDENTIAL.arguments),
        (gcore.SecretArgs, SECRET.arguments),
    ):
        assert set(inspect.signature(form).parameters) == set(table)


@pytest.mark.parametrize(
    ("told", "reported"),
    [
        ({"api_keys": ["b", "a"], "auth_enabled": True}, ["a", "b"]),
        ({"api_keys": None, "auth_enabled": False}, []),
        ({"api_keys": None, "auth_enabled": True}, None),
        ({}, None),
    ],
)
def test_keys_that_somebody_removed_are_drift(told: dict[str, Any], reported: list[str] | None) -> None:
    row = {"name": "d", "status": "ACTIVE", "flavor_name": "f", "containers": []}
    assert CLOUD.reported_inputs(ApiDeployment.model_validate({**row, **told})).get("api_keys") == reported


def documented() -> set[str]:
    """The fields of a deployment in the page of facts."""
    page = FACTS.read_text(encoding="utf-8")
    orders, answers = (
        page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0] for heading in ("Create", "Deployment")
    )
    told = answers.partition("maybe null:")[2].partition("for each container")[0]
    return {*re.findall(r"^\| `(\w+)` \|", orders, re.MULTILINE), *re.findall(r"`(\w+)`", told)}


def test_every_field_of_the_vendors_deployment_is_an_output() -> None:
    outputs = {
        key
        for cls in gcore.InferenceDeployment.__mro__
        if issubclass(cls, (InstanceResource, EndpointOutputs))
        for key in (*vars(cls), *cls.__annotations__)
    }
    assert documented() == set(ApiDeployment.model_fields)
    assert documented() <= outputs
    container = ApiContainer.model_validate({"region_id": 7, "scale": {"min": 0, "max": 1}})
    assert set(container.model_dump()) == {"region_id", "scale", "address", "error_message", "deploy_status"}
    deployment = {"name": "d", "status": "ACTIVE", "flavor_name": "f", "containers": [container.model_dump()]}
    reported = CLOUD.endpoint_outputs(ApiDeployment.model_validate(deployment), {})
    assert set(reported) == set(gcore.Endpoint.__annotations__) - OF_EVERY_CLOUD | {"base_url", "status"}
    assert set(reported["regions"][0]) == {"region_id", "address", "error_message", *ApiDeployStatus.model_fields}


def test_the_outputs_of_the_endpoint_are_properties_of_the_deployment() -> None:
    own = set(gcore.Endpoint.__annotations__) - {"instance_id", "state", "price_difference"}
    assert all(hasattr(gcore.InferenceDeployment, key) for key in own)
    assert not own & set(ARGUMENTS) - {"auth_enabled"}
    assert INSTANCE.endpoint_arguments == ("give_up_after",)


def test_the_face_has_all_classes() -> None:
    declared = {
        name
        for name, value in vars(resources).items()
        if inspect.isclass(value) and value.__module__ == resources.__name__ and not name.startswith("_")
    }
    assert declared <= set(gcore.__all__)

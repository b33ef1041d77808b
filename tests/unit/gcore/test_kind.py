"""The tables of Gcore's resource types: what check reads, refuses and warns of."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from pulumi_cortecs import _abi, _tokens
from pulumi_cortecs.gcore import kind as of_gcore
from pulumi_cortecs.gcore.client import GcoreClient
from pulumi_cortecs.gcore.kind import API_KEY, ARGUMENTS, INSTANCE, REGISTRY_CREDENTIAL, SECRET
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.credentials import Credentials, resolve_credentials
from pulumi_cortecs.http.errors import ConfigurationError
from pulumi_cortecs.provider.arguments import vendor_arguments
from pulumi_cortecs.provider.kind import Change, CrudKind, Generated
from pulumi_cortecs.provider.properties import read_properties
from tests.unit.fakes import Script, answer

MINIMAL = {
    "flavor_name": "inference-4vcpu-16gib",
    "image": "vllm/vllm-openai:v0.10.0",
    "listening_port": 8000.0,
    "containers": [{"region_id": 7, "scale": {"min": 0, "max": 2}}],
}
NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
GIVEN = {"GCORE_API_KEY": "1$token", "GCORE_CLOUD_PROJECT_ID": "1"}


def problems_of(kind: Any, **given: Any) -> dict[str, str]:
    _, problems = read_properties(given, kind.arguments)
    return {problem.property: problem.reason for problem in problems}


def client(script: Script) -> GcoreClient:
    return GcoreClient(
        Credentials("gcore", "https://gcore.example", ("k", "1")), new_client(httpx.MockTransport(script))
    )


def test_a_minimal_deployment_is_read() -> None:
    read, problems = read_properties(MINIMAL, ARGUMENTS)
    assert problems == []
    assert read == {**MINIMAL, "listening_port": 8000}


def test_defaults_read_themselves() -> None:
    for kind in (INSTANCE, API_KEY, REGISTRY_CREDENTIAL, SECRET):
        defaults = kind.arguments.defaults
        assert read_properties({**MINIMAL, **defaults} if kind is INSTANCE else defaults, kind.arguments)[
            0
        ].items() >= (defaults.items())


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "abc"}, "4 to 30"),
        ({"name": "a" * 31}, "4 to 30"),
        ({"name": "Llama-3"}, "lower-case"),
        ({"name": "-llama"}, "neither at an end"),
        ({"image": "registry.example:5000/vllm"}, "without a port"),
        ({"image": "vllm/vllm-openai@sha256:0"}, "a digest"),
        ({"image": "VLLM/vllm"}, "lower case"),
        ({"listening_port": 0}, "1..65535"),
        ({"timeout": -1}, "0 or more"),
        ({"envs": {"1": "x"}}, "not a valid name"),
        ({"auth_enabled": True}, "is not an input any more; give api_keys"),
        ({"auth_enabled": False}, "give api_keys"),
        ({"give_up_after": 0}, "1 or more"),
        ({"command": "serve"}, "must be a list"),
    ],
)
def test_what_the_vendor_would_refuse_is_refused(given: dict[str, Any], reason: str) -> None:
    ((key, _),) = given.items()
    assert reason in problems_of(INSTANCE, **{**MINIMAL, **given})[key]


def test_only_another_name_replaces_a_deployment() -> None:
    assert ARGUMENTS.replacing == ("name",)
    assert ARGUMENTS.priced == ("flavor_name", "containers", "timeout")
    assert ARGUMENTS["name"].default == Generated(30)
    not_the_vendors = {key for key in vendor_arguments(ARGUMENTS) if ARGUMENTS[key].change is Change.NOTHING}
    assert not_the_vendors == {"auth_enabled", "give_up_after"}


def test_what_interrupts_the_service_does_not_have_the_scale() -> None:
    service = ARGUMENTS.service_of({**MINIMAL, "timeout": 60, "api_keys": ["key1"], "description": "x"})
    assert service == {**{key: MINIMAL[key] for key in ("flavor_name", "image", "listening_port")}, "containers": [7]}
    more = ("command", "credentials_name", "envs", "probes", "restart_trigger")
    assert set(ARGUMENTS.interrupting) == {*service, *more}


def test_key_and_project_together_are_the_account() -> None:
    one, other = (
        resolve_credentials(of_gcore.CREDENTIALS, {**GIVEN, "GCORE_CLOUD_PROJECT_ID": project}, {})
        for project in ("1", "2")
    )
    assert one.base_url == "https://api.gcore.com"
    assert (one.fingerprint == other.fingerprint, one.payer == other.payer) == (False, False)
    with pytest.raises(ConfigurationError, match="GCORE_CLOUD_PROJECT_ID is not set"):
        resolve_credentials(of_gcore.CREDENTIALS, {"GCORE_API_KEY": "1$token"}, {})


@pytest.mark.parametrize("name", sorted(name for name in _tokens.TOKENS if name.startswith("gcore.")))
def test_each_name_of_a_state_has_its_provider(name: str) -> None:
    kind = _abi.load(name).kind
    is_plain = isinstance(kind, CrudKind)
    assert is_plain == (name in _tokens.PLAIN_RESOURCES)
    assert _tokens.is_instance(name) == (name == "gcore.InferenceDeployment")
    if not name.endswith(".Endpoint"):
        assert name == f"gcore.{kind.type_name}"


def test_a_key_warns_before_it_expires() -> None:
    def warned(expires_at: str) -> str:
        return API_KEY.warning({"expires_at": expires_at}, NOW)

    assert warned("") == warned("2030-01-08T00:00:01Z") == API_KEY.warning({}, NOW) == ""
    assert "expires in 48h00m (2030-01-03T00:00:00Z)" in warned("2030-01-03T00:00:00Z")
    assert "has expired" in warned("2029-12-31T00:00:00Z")


def test_a_date_of_a_key_has_one_spelling() -> None:
    read = API_KEY.arguments["expires_at"].read
    key = client(Script(answer(200, {"name": "key1", "expires_at": "2030-01-01T00:00:00.000000+00:00"}))).one_of(
        "api_keys", "key1"
    )
    assert read("2030-01-01T01:00:00+01:00") == API_KEY.outputs(key)["expires_at"] == "2030-01-01T00:00:00Z"
    assert read("") == ""
    assert "a date such as" in problems_of(API_KEY, expires_at="tomorrow")["expires_at"]


def test_a_key_is_made_without_empty_fields_and_changed_by_its_description() -> None:
    made = {"name": "key1", "secret": "s", "deployment_names": ["llama"], "created_at": "t"}
    script = Script(answer(200, made), answer(200, {}))
    created = client(script).create(API_KEY.path, {"name": "key1", "description": "", "expires_at": ""})
    assert script.requests[0].content == b'{"name":"key1"}'
    assert created.instance is not None
    assert API_KEY.outputs(created.instance)["secret"] == "s"
    assert API_KEY.used_by(created.instance) == "llama"
    assert API_KEY.update is not None
    API_KEY.update(client(script), "key1", {"name": "key1", "description": "", "expires_at": ""})
    assert (script.requests[1].method, script.requests[1].content) == ("PATCH", b'{"description":""}')
    listed = client(Script(answer(200, {"name": "key1"}))).one_of("api_keys", "key1")
    assert API_KEY.told_once - API_KEY.outputs(listed).keys() == {"secret"}


def test_replacing_credentials_sends_all_of_them() -> None:
    script = Script(answer(200, {}))
    wanted = {"registry_url": "r.example", "username": "me", "password": "dckr_pass", "name": "dockerhub"}
    assert REGISTRY_CREDENTIAL.update is not None
    REGISTRY_CREDENTIAL.update(client(script), "dockerhub", wanted)
    (request,) = script.requests
    assert (request.method, request.url.path.rpartition("/")[2]) == ("PUT", "dockerhub")
    assert request.content == b'{"registry_url":"r.example","username":"me","password":"dckr_pass"}'
    told = {"name": "dockerhub", "registry_url": "r.example", "username": "me", "project_id": 1}
    assert REGISTRY_CREDENTIAL.outputs(client(Script(answer(200, told))).one_of("registry_credentials", "d")) == told


def test_a_secret_is_what_the_vendor_tells() -> None:
    told = {"name": "aws-dev", "type": "aws-iam", "data": {"aws_access_key_id": "id", "aws_secret_access_key": "key"}}
    assert SECRET.outputs(client(Script(answer(200, told))).one_of("secrets", "aws-dev")) == told
    assert set(SECRET.arguments.updatable) == {"data", "type"}


@pytest.mark.parametrize("data", [{}, {"aws_access_key_id": "AKIA-secret"}, {"aws_access_key_id": 5}, "AKIA-secret"])
def test_a_refused_secret_is_not_shown(data: Any) -> None:
    reasons = problems_of(SECRET, data=data)
    assert "data" in reasons
    assert "AKIA-secret" not in str(reasons)
    assert "AKIA-secret" not in str(problems_of(REGISTRY_CREDENTIAL, password=["AKIA-secret"]))

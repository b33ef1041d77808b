"""API keys, registry credentials and secrets of the simulated Gcore (docs/apis/gcore.md#endpoints)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulator.gcore.answers import body_of, message_of

PROJECT = "/cloud/v3/inference/1"
LOGIN = {"registry_url": "registry.example.com", "username": "me", "password": "hidden"}
AWS = {"type": "aws-iam", "data": {"aws_access_key_id": "id", "aws_secret_access_key": "hidden"}}
KINDS: dict[str, dict[str, Any]] = {"api_keys": {}, "registry_credentials": LOGIN, "secrets": AWS}
ORDER: dict[str, Any] = {
    "name": "llama",
    "flavor_name": "inference-4vcpu-16gib",
    "image": "nginx:latest",
    "listening_port": 80,
    "containers": [{"region_id": 1, "scale": {"min": 1, "max": 1}}],
    "api_keys": ["mine"],
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_what_was_created_is_found_and_listed_until_it_is_deleted(http: httpx.Client, kind: str) -> None:
    created = body_of(http.post(f"{PROJECT}/{kind}", json={"name": "mine", **KINDS[kind]}))
    created.pop("secret", None)  # told once
    assert body_of(http.get(f"{PROJECT}/{kind}/mine")) == created
    assert body_of(http.get(f"{PROJECT}/{kind}")) == {"count": 1, "results": [created]}
    assert body_of(http.get(f"/cloud/v3/inference/2/{kind}")) == {"count": 0, "results": []}
    assert body_of(http.delete(f"{PROJECT}/{kind}/mine"), 204) is None
    for gone in (http.get(f"{PROJECT}/{kind}/mine"), http.delete(f"{PROJECT}/{kind}/mine")):
        assert "'mine' not found" in message_of(gone, 404)


@every_kind
def test_a_name_is_taken_once(http: httpx.Client, kind: str) -> None:
    wanted = {"name": "mine", **KINDS[kind]}
    body_of(http.post(f"{PROJECT}/{kind}", json=wanted))
    assert "already exists" in message_of(http.post(f"{PROJECT}/{kind}", json=wanted), 409)


@every_kind
def test_lists_come_in_pages(http: httpx.Client, kind: str) -> None:
    for name in ("first", "second", "third"):
        body_of(http.post(f"{PROJECT}/{kind}", json={"name": name, **KINDS[kind]}))
    listed = body_of(http.get(f"{PROJECT}/{kind}", params={"limit": 2, "offset": 1}))
    assert (listed["count"], [row["name"] for row in listed["results"]]) == (3, ["second", "third"])


def test_invalid_ones_are_refused(http: httpx.Client) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        *((kind, {"name": name}) for kind in KINDS for name in ("abc", "Upper", "-dash", "under_score")),
        *((kind, {"odd": 1}) for kind in KINDS),
        ("registry_credentials", {"name": "with.dot"}),
        ("registry_credentials", {"username": ""}),
        ("api_keys", {"description": "a" * 301}),
        ("api_keys", {"name": "a" * 64}),
        ("api_keys", {"expires_at": "tomorrow"}),
        ("secrets", {"type": "gcp"}),
        ("secrets", {"data": {"aws_access_key_id": "id"}}),
    ]
    for kind, changes in wrong:
        message = message_of(http.post(f"{PROJECT}/{kind}", json={"name": "mine", **KINDS[kind], **changes}), 400)
        assert next(iter(changes)) in message
        assert "hidden" not in message


def test_the_secret_of_a_key_is_told_once(http: httpx.Client) -> None:
    created = body_of(http.post(f"{PROJECT}/api_keys", json={"name": "my.key", "expires_at": "2024-10-01T12:00:00Z"}))
    assert created["secret"]
    assert {name: created[name] for name in ("description", "expires_at", "deployment_names")} == {
        "description": None,
        "expires_at": "2024-10-01T12:00:00Z",
        "deployment_names": [],
    }
    assert created["secret"] not in http.get(f"{PROJECT}/api_keys/my.key").text + http.get(f"{PROJECT}/api_keys").text


def test_the_description_of_a_key_changes_only_when_it_is_sent(http: httpx.Client) -> None:
    body_of(http.post(f"{PROJECT}/api_keys", json={"name": "mine", "description": "old"}))
    for change, description in (({}, "old"), ({"description": "new"}, "new"), ({"description": None}, None)):
        assert body_of(http.patch(f"{PROJECT}/api_keys/mine", json=change))["description"] == description
    assert "unknown field" in message_of(http.patch(f"{PROJECT}/api_keys/mine", json={"expires_at": "2030"}), 400)


def test_a_key_names_the_deployments_that_it_opens(sim: Simulator, http: httpx.Client) -> None:
    body_of(http.post(f"{PROJECT}/api_keys", json={"name": "mine"}))
    body_of(http.post(f"{PROJECT}/deployments", json=ORDER))
    assert body_of(http.get(f"{PROJECT}/api_keys/mine"))["deployment_names"] == ["llama"]
    body_of(http.delete(f"{PROJECT}/deployments/llama"))
    sim.control.advance(60)
    assert body_of(http.get(f"{PROJECT}/api_keys/mine"))["deployment_names"] == []


def test_a_key_in_use_is_deleted_and_can_be_detached(http: httpx.Client) -> None:
    body_of(http.post(f"{PROJECT}/api_keys", json={"name": "mine"}))
    body_of(http.post(f"{PROJECT}/deployments", json=ORDER))
    body_of(http.delete(f"{PROJECT}/api_keys/mine"), 204)
    assert body_of(http.get(f"{PROJECT}/deployments/llama"))["api_keys"] == ["mine"]
    assert body_of(http.patch(f"{PROJECT}/deployments/llama", json={"api_keys": []}))["tasks"]
    assert body_of(http.get(f"{PROJECT}/deployments/llama"))["auth_enabled"] is False


def test_a_credential_shows_everything_but_its_password(http: httpx.Client) -> None:
    body_of(http.post(f"{PROJECT}/registry_credentials", json={"name": "mine", **LOGIN}))
    replaced = body_of(http.put(f"{PROJECT}/registry_credentials/mine", json={**LOGIN, "username": "you"}))
    assert replaced == {
        "name": "mine",
        "project_id": 1,
        "registry_url": "registry.example.com",
        "username": "you",
    }
    assert body_of(http.get(f"{PROJECT}/registry_credentials/mine")) == replaced
    assert "password: required" in message_of(
        http.put(f"{PROJECT}/registry_credentials/mine", json={"registry_url": "r", "username": "u"}), 400
    )
    assert "not found" in message_of(http.put(f"{PROJECT}/registry_credentials/other", json=LOGIN), 404)


def test_a_secret_shows_what_is_in_it(http: httpx.Client) -> None:
    body_of(http.post(f"{PROJECT}/secrets", json={"name": "my.secret", **AWS}))
    changed = {**AWS, "data": {"aws_access_key_id": "other", "aws_secret_access_key": "new"}}
    assert body_of(http.put(f"{PROJECT}/secrets/my.secret", json=changed)) == {"name": "my.secret", **changed}
    assert body_of(http.get(f"{PROJECT}/secrets/my.secret")) == {"name": "my.secret", **changed}


@every_kind
def test_nothing_is_shown_without_the_key_or_in_another_project(sim: Simulator, http: httpx.Client, kind: str) -> None:
    with sim.gcore_client("other$key") as stranger:
        message_of(stranger.get(f"{PROJECT}/{kind}"), 401)
    message_of(http.get(f"/cloud/v3/inference/99/{kind}"), 403)

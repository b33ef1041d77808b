"""A pytest plugin for the tests that come with Gcore's client, which were written for a mock without a memory.

Before each of them the simulator is filled with what they name: a test finds the object that it reads, changes or
deletes, and one that creates an object finds none of that name.
"""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest

KEY = "My API Key"
_LOGIN = {"registry_url": "registry.example.com", "username": "u", "password": "p"}
_AWS = {"type": "aws-iam", "data": {"aws_access_key_id": "i", "aws_secret_access_key": "k"}}
_FOUND: dict[str, list[dict[str, Any]]] = {
    "deployments": [
        {
            "name": "my-instance",
            "flavor_name": "inference-16vcpu-232gib-1xh100-80gb",
            "image": "nginx:latest",
            "listening_port": 80,
            "containers": [{"region_id": 1, "scale": {"min": 1, "max": 3}}],
        }
    ],
    "api_keys": [{"name": "aws-dev"}],
    "registry_credentials": [{"name": "docker-io", "body": _LOGIN}],
    "secrets": [{"name": "aws-dev", "body": _AWS}],
}
"""The objects that tests read, change and delete."""
_NAMED: dict[str, list[dict[str, Any]]] = {
    "deployments": [],
    "api_keys": [{"name": "key1"}, {"name": "key2"}],
    "registry_credentials": [{"name": "dockerhub", "body": _LOGIN}],
    "secrets": [{"name": "x", "body": _AWS}],
}
"""The objects that their deployments name."""


class Seeding:
    """The hook that fills the simulator."""

    def __init__(self, control: httpx.Client):
        self._control = control

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        is_creation = "_create" in item.name
        rows = {kind: named if is_creation else [*_FOUND[kind], *named] for kind, named in _NAMED.items()}
        self._control.post("/_sim/gcore/seed", json={"keys": [KEY], **rows}).raise_for_status()

    def pytest_unconfigure(self) -> None:
        self._control.close()


def pytest_configure(config: pytest.Config) -> None:
    control = httpx.Client(base_url=os.environ["TEST_API_BASE_URL"], trust_env=False)
    config.pluginmanager.register(Seeding(control))

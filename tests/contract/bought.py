"""Instances that an earlier `up` has bought, so that a test needs no second process to have one."""

from __future__ import annotations

import json
from typing import Any

import httpx

from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.simulator import Simulator
from tests.contract.host import Made

QWEN = "Qwen/Qwen2-7B-Instruct"
INPUTS: dict[str, Any] = {
    "model_id": "Qwen--Qwen2-7B-Instruct",
    "hardware_type_id": "NVIDIA_L4_1",
    "context_length": 32000,
    "billing_interval": "per_minute",
    "num_workers": 1,
    "state": "running",
    "restart_trigger": "",
    "on_timeout": "keep",
    "quote": {
        "price_per_hour": "1.20",
        "price_per_minute": "0.02",
        "hourly_total": "1.20",
        "currency": "EUR",
        "source": "simulator",
    },
}
"""What a check of a program that names the model only comes to."""

_PURCHASE = ("model_id", "hardware_type_id", "context_length", "billing_interval", "num_workers")


def bought(simulator: Simulator, **inputs: Any) -> Made:
    """An instance with what a state holds of it."""
    settled = {**INPUTS, **inputs}
    env = simulator.env()
    client_id, secret = env["CORTECS_CLIENT_ID"], env["CORTECS_CLIENT_SECRET"]
    with httpx.Client(base_url=simulator.base_url, trust_env=False, timeout=10) as client:
        asked = {"client_id": client_id, "client_secret": secret, "grant_type": "client_credentials"}
        token = client.post("/oauth2/token", json=asked).raise_for_status().json()["access_token"]
        order = {key: settled[key] for key in _PURCHASE}
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.post("/instances/start", json=order, headers=headers).raise_for_status().json()
    instance_id = answer["instance"]["instance_id"]
    return Made(instance_id, {**settled, "instance_id": instance_id, "account": account_of(simulator)})


def account_of(simulator: Simulator) -> str:
    """The name of the simulator's account in states and journals."""
    env = simulator.env()
    parts = (env["CORTECS_CLIENT_ID"], env["CORTECS_CLIENT_SECRET"])
    return Credentials("cortecs", simulator.base_url, parts).fingerprint


def machine_limits(simulator: Simulator, **limits: Any) -> str:
    """A limits file that believes this simulator, as text."""
    return json.dumps({"cortecs": {"allowed_base_urls": [simulator.base_url], **limits}})


def ids(simulator: Simulator) -> list[str]:
    """All instances that are not being deleted, in the order in which they were bought."""
    return [instance.instance_id for instance in simulator.control.instances() if instance.status != "deleting"]

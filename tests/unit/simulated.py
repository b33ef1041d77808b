"""Requests of tests to a simulated Cortecs, through a client that is logged in."""

from __future__ import annotations

from typing import Any

import httpx

QWEN = "Qwen--Qwen2-7B-Instruct"
BOOT = 40
"""Virtual seconds from start to running, with the `sim` fixture."""


def post_order(api: httpx.Client, **wanted: Any) -> httpx.Response:
    return api.post("/instances/start", json={"model_id": QWEN, **wanted})


def start(api: httpx.Client, **wanted: Any) -> str:
    return str(post_order(api, **wanted).raise_for_status().json()["instance"]["instance_id"])


def stop(api: httpx.Client, instance_id: str) -> Any:
    return api.post("/instances/stop", json={"instance_id": instance_id}).raise_for_status().json()["instance"]


def restart(api: httpx.Client, instance_id: str) -> httpx.Response:
    return api.post("/instances/restart", json={"instance_id": instance_id})


def delete(api: httpx.Client, instance_id: str) -> None:
    api.delete(f"/instances/{instance_id}").raise_for_status()


def list_statuses(api: httpx.Client) -> dict[str, str]:
    rows = api.get("/instances").raise_for_status().json()["instances"]
    return {row["instance_id"]: row["instance_status"]["status"] for row in rows}


def status_by_id(api: httpx.Client, instance_id: str) -> Any:
    answer = api.get(f"/instances/{instance_id}")
    return answer.json()["instance"]["instance_status"]["status"] if answer.is_success else answer.status_code

"""Deployments and their logs in the vendor's JSON (docs/apis/gcore.md#deployment)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pulumi_cortecs.simulator.clock import timestamp
from pulumi_cortecs.simulator.gcore.deployments import Deployment, Replicas

Json = dict[str, Any]
REGION_MARK = "~"
"""What is between a deployment's id and the id of a region in the addresses of single regions."""
_PARENT = "AppDeployment"
_SAME = ("auth_enabled", "credentials_name", "description", "envs", "flavor_name", "image", "ingress_opts",
         "listening_port", "logging", "probes", "timeout")  # fmt: skip


def deployment_json(deployment: Deployment, at: datetime, address: str) -> Json:
    """A deployment as of a moment. `address` shows once it has one."""
    arguments = deployment.arguments
    shown = address if deployment.has_address(at) else None
    return {
        **{name: arguments[name] for name in _SAME},
        "address": shown,
        "api_keys": arguments["api_keys"] or None,
        "command": None if arguments["command"] is None else " ".join(arguments["command"]),
        "containers": [
            {
                "address": f"{shown}{REGION_MARK}{container['region_id']}" if shown else None,
                **_container_json(deployment.replicas.get(str(container["region_id"]), Replicas()), at),
                "region_id": container["region_id"],
                "scale": container["scale"],
            }
            for container in arguments["containers"]
        ],
        "created_at": timestamp(deployment.created_at),
        "name": deployment.name,
        "object_references": [{"kind": _PARENT, "name": deployment.application}] if deployment.application else [],
        "project_id": deployment.project_id,
        "status": deployment.status(at).value,
    }


def with_arguments(stale: Json, present: Json) -> Json:
    """The present answer with the stale status and the stale states of its regions."""
    states = {row["region_id"]: row["deploy_status"] for row in stale["containers"]}
    containers = [
        {**row, "deploy_status": states.get(row["region_id"], row["deploy_status"])} for row in present["containers"]
    ]
    return {**present, "status": stale["status"], "address": stale["address"], "containers": containers}


def log_rows(deployment: Deployment, at: datetime) -> list[Json]:
    """What its present containers have written, the oldest first: made up, but at the right moments."""
    rows = [
        row
        for region, replicas in deployment.replicas.items()
        for number, ready_at in enumerate(replicas.ready_at)
        for row in _pod_rows(deployment, (region, number), replicas.error, ready_at)
        if row["time"] <= timestamp(at)
    ]
    return sorted(rows, key=lambda row: str(row["time"]))


def _container_json(replicas: Replicas, at: datetime) -> Json:
    return {
        "deploy_status": {"ready": replicas.ready(at), "total": replicas.total},
        "error_message": replicas.error or None,
    }


def _pod_rows(deployment: Deployment, place: tuple[str, int], error: str, ready_at: datetime | None) -> list[Json]:
    region, number = place
    pod = {"pod": f"{deployment.name}-{region}-{number}", "region_id": int(region)}
    begins = deployment.containers_from or deployment.revised_at
    first = f"Pulling image {deployment.arguments['image']}"
    lines = [(begins if ready_at is None else min(begins, ready_at), first)]
    if ready_at is not None:
        lines.append((ready_at, f"Listening on port {deployment.arguments['listening_port']}"))
    elif error:
        lines.append((begins, error))
    return [{"message": message, "time": timestamp(moment), **pod} for moment, message in lines]

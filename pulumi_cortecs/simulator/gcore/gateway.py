"""What a deployment serves, and the gateway before it, which knows the keys that are attached to it."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.gcore.deployments import Deployment, Replicas, earliest
from pulumi_cortecs.simulator.gcore.market import ModelCard
from pulumi_cortecs.simulator.openai_api import ServedModel
from pulumi_cortecs.simulator.vllm_server import read_server

_SERVE = "serve"


def served_model(
    deployment: Deployment,
    region: str,
    now: datetime,
    card: ModelCard | None,
    keys: Collection[str],
    count_request: Callable[[], None],
) -> ServedModel:
    """The model of a deployment, in one region or ("") in any; that of the catalogue if it is an image of it."""
    arguments = deployment.arguments
    server = read_server(arguments["image"], _vllm_arguments(arguments["command"] or ()), arguments["envs"] or {})
    listed = card.model_id if card is not None else None
    replicas = [deployment.replicas.get(region, Replicas())] if region else list(deployment.replicas.values())
    is_up = deployment.deleted_at is None and any(region_replicas.ready(now) for region_replicas in replicas)

    def gateway(headers: Mapping[str, str]) -> None:
        """Lets requests with a key through, and counts them; without one a request neither wakes nor scales."""
        if arguments["auth_enabled"] and not _has_key(headers, keys):
            raise ApiError(401, "The key is missing or not valid.", code="invalid_api_key")
        count_request()

    return ServedModel(
        instance_id=deployment.id,
        status="running" if is_up else deployment.status(now).value,
        model_name=listed or server.name,
        model_id=listed or server.model,
        context_length=server.context_length,
        started_at=deployment.revised_at,
        ready_at=earliest(moment for region_replicas in replicas for moment in region_replicas.ready_at),
        api_key=server.api_key,
        gateway=gateway,
    )


def _vllm_arguments(command: Sequence[str]) -> str:
    """The part of a command that vLLM reads: what follows `serve`, or else all from the first option on."""
    options = [at for at, word in enumerate(command) if word.startswith("-")]
    start = command.index(_SERVE) + 1 if _SERVE in command else options[0] if options else len(command)
    return shlex.join(command[start:])


def _has_key(headers: Mapping[str, str], keys: Collection[str]) -> bool:
    bearer = headers.get("authorization", "").partition("Bearer ")[2]
    sent = [value for value in (bearer, headers.get("x-api-key", "")) if value]
    return any(secrets.compare_digest(value.encode(), key.encode()) for value in sent for key in keys)

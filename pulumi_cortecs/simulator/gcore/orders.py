"""The check of the arguments of an order or an update (docs/apis/gcore.md#create): what they name has to exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi_cortecs.simulator.gcore.errors import invalid, quota_exceeded
from pulumi_cortecs.simulator.gcore.market import GcoreMarket
from pulumi_cortecs.simulator.gcore.objects import PlainObjects
from pulumi_cortecs.simulator.gcore.quota import Quota


def check_names(
    arguments: Mapping[str, Any],
    project_id: int,
    market: GcoreMarket,
    *,
    api_keys: PlainObjects,
    credentials: PlainObjects,
    secrets: PlainObjects,
) -> None:
    """Raises ApiError for a flavor, a region, a key, a login or a secret that does not exist."""
    if arguments["flavor_name"] not in market.flavors:
        raise invalid(f"flavor_name: flavor {arguments['flavor_name']!r} not found")
    for container in arguments["containers"]:
        if container["region_id"] not in market.regions:
            raise invalid(f"containers: region {container['region_id']} not found")
        queue = container["scale"]["triggers"]["sqs"]
        if queue is not None:
            _check_exists(secrets, project_id, queue["secret_name"])
    for name in arguments["api_keys"]:
        _check_exists(api_keys, project_id, name)
    if arguments["credentials_name"]:
        _check_exists(credentials, project_id, arguments["credentials_name"])


def check_quotas(report: Iterable[Quota], status: int) -> None:
    """Raises ApiError for a quota that the order exceeds."""
    for quota in report:
        if quota.is_exceeded:
            numbers = f"limit {quota.limit}, usage {quota.usage}, requested {quota.requested}"
            raise quota_exceeded(status, f"Quota {quota.name} exceeded: {numbers}")


def _check_exists(objects: PlainObjects, project_id: int, name: str) -> None:
    if objects.find(project_id, name) is None:
        raise invalid(f"{objects.kind} {name!r} not found")

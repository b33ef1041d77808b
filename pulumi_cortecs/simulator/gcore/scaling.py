"""Autoscaling, simplified so that the same requests always give the same replicas.

While a deployment is idle it has `min` replicas per region. A request makes it at least one; where there is an `http`
trigger, at least one for each `rate` requests of the last `window` seconds, rounded up. The number is kept between
`min` and `max`. It never falls before the deployment was without requests for `timeout` seconds, and then falls to
`min` at once. The other triggers, the cooldown and the polling have no effect, because nothing is computed.
A load that the control sets takes the place of requests: so many replicas per region, between `min` and `max`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pulumi_cortecs.simulator.gcore.deployments import Deployment


def with_request(deployment: Deployment, now: datetime) -> Deployment:
    """The deployment after a request. It keeps only as many of the last requests as a trigger can count."""
    rates = [scale["triggers"]["http"] for scale in deployment.scales.values() if scale["triggers"]["http"]]
    since = now - timedelta(seconds=max((rate["window"] for rate in rates), default=0))
    counted = max((rate["rate"] for rate in rates), default=0) * max(
        scale["max"] for scale in deployment.scales.values()
    )
    recent = (*(moment for moment in deployment.requests if moment > since), now)
    return replace(deployment, last_request=now, requests=recent[-counted:] if counted else ())


def wanted_replicas(deployment: Deployment, now: datetime) -> Mapping[str, int]:
    """The replicas that each region should have now."""
    return {
        region: max(scale["min"], min(scale["max"], _asked(deployment, region, scale, now)))
        for region, scale in deployment.scales.items()
    }


def idle_replicas(deployment: Deployment) -> Mapping[str, int]:
    """The replicas that each region keeps without requests."""
    return {region: scale["min"] for region, scale in deployment.scales.items()}


def _asked(deployment: Deployment, region: str, scale: Mapping[str, Any], now: datetime) -> int:
    if deployment.load is not None:
        return deployment.load
    present = deployment.replicas.get(region)
    kept = present.total if present is not None else 0
    rate = scale["triggers"]["http"]
    if rate is None:
        recent = 1 if deployment.last_request == now else 0
    else:
        since = now - timedelta(seconds=rate["window"])
        recent = -(-sum(moment > since for moment in deployment.requests) // rate["rate"])
    return max(kept, recent)

"""The quotas of the account (docs/apis/gcore.md#quota): limit, present usage, and what an order asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pulumi_cortecs.simulator.gcore.market import Flavor
from pulumi_cortecs.simulator.gcore.settings import GcoreSettings

_MILLICORES = 1000
_GPUS = {"A100": "inference_gpu_a100_count", "H100": "inference_gpu_h100_count", "L40S": "inference_gpu_l40s_count"}
_CPU = "inference_cpu_millicore_count"
_DEPLOYMENTS = "inference_instance_count"


@dataclass(frozen=True)
class Quota:
    """One quota: what the order asks for on top of the usage must not exceed the limit."""

    name: str
    limit: int
    usage: int
    requested: int

    @property
    def is_exceeded(self) -> bool:
        """Whether the order needs more than there is."""
        return self.requested > 0 and self.usage + self.requested > self.limit


Demand = tuple[Flavor, int]
"""The flavor of a deployment and its replicas at the maximum scale, of all regions together."""


def quotas(settings: GcoreSettings, existing: Iterable[Demand], wanted: Demand) -> list[Quota]:
    """All quotas for an order beside the existing deployments."""
    limits = {
        _CPU: settings.gcore_vcpu_quota * _MILLICORES,
        **dict.fromkeys(_GPUS.values(), settings.gcore_gpu_quota),
        _DEPLOYMENTS: settings.gcore_instance_quota,
    }
    usage = dict.fromkeys(limits, 0)
    for demand in existing:
        for name, count in _counts(demand).items():
            usage[name] += count
    requested = _counts(wanted)
    return [Quota(name, limit, usage[name], requested.get(name, 0)) for name, limit in limits.items()]


def quota_json(report: Iterable[Quota]) -> dict[str, Any]:
    """The answer of check_limits."""
    return {
        f"{quota.name}_{part}": getattr(quota, part) for quota in report for part in ("limit", "requested", "usage")
    }


def _counts(demand: Demand) -> dict[str, int]:
    flavor, replicas = demand
    counts = {_CPU: flavor.cpu * _MILLICORES * replicas, _DEPLOYMENTS: 1}
    if flavor.gpu_model in _GPUS:
        counts[_GPUS[flavor.gpu_model]] = flavor.gpu * replicas
    return counts

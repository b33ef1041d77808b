"""The settings of the simulated Gcore: one for each behaviour that its documentation leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from pulumi_cortecs.simulator.request_model import Amount, ErrorStatus, Integer, Seconds
from pulumi_cortecs.simulator.settings import SharedSettings

BilledFrom = Literal["ready", "started"]
Currency = Literal["USD", "EUR", "AZN"]
ExistsFrom = Literal["asked", "started", "finished"]
PatchedEnvs = Literal["replace", "merge"]
PriceStatus = Literal["show", "hide", "error"]
Quota = Annotated[Integer, Field(ge=0)]


@dataclass(frozen=True)
class GcoreSettings(SharedSettings):
    """The settings for undocumented behaviour of the API (docs/apis/gcore.md#not-documented)."""

    gcore_task_seconds: Seconds = 6.0
    """The time from the answer to the end of its task; a deleted deployment is gone at the end."""
    gcore_exists_from: ExistsFrom = "asked"
    """The moment from which a new deployment is found: the order, or the start or the end of its task."""
    gcore_create_at_zero: bool = False
    """Whether a new deployment with a minimum of 0 starts without replicas, or with one until it is idle."""
    gcore_patched_envs: PatchedEnvs = "replace"
    """Whether the `envs` of an update replace all variables, or are merged into them."""
    gcore_stale_after_patch_seconds: Seconds = 0.0
    """The time for which answers show a deployment as before an update that restarts its containers."""
    gcore_stale_arguments: bool = True
    """Whether those stale answers show the old arguments as well, or the new ones."""
    gcore_billed_from: BilledFrom = "ready"
    """The moment from which a replica is billed: it is ready, or its start."""
    gcore_currency: Currency = "USD"
    """The currency of the account."""
    gcore_price_status: PriceStatus = "show"
    """What the price preview shows: the price, or nulls."""
    gcore_discount_percent: Amount = Decimal(0)
    """The discount that the price preview shows; prices per hour and the ledger are without it."""
    gcore_tax_percent: Amount = Decimal(0)
    """The tax that the price preview shows; prices and the ledger are without it."""
    gcore_instance_quota: Quota = 1000
    """The number of deployments that the account may have; new accounts of the vendor have 0."""
    gcore_gpu_quota: Quota = 1000
    """The number of GPUs of each model that all deployments may have at their maximum scale."""
    gcore_vcpu_quota: Quota = 100_000
    """The number of vCPUs that all deployments may have at their maximum scale."""
    gcore_quota_status: ErrorStatus = 403
    """The HTTP status of the refusal of what exceeds a quota."""
    gcore_page_size: Annotated[Integer, Field(ge=1, le=1000)] = 1000
    """The largest page of a list; a higher `limit` is lowered to it."""

"""What the data sources answer: plain frozen rows with the names of Cortecs' API (docs/apis/cortecs.md#objects)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PriceInfo:
    """Prices per worker, as decimal strings ("1.20"); `currency` is an ISO 4217 code."""

    price_per_hour: str
    price_per_minute: str
    currency: str


@dataclass(frozen=True)
class HardwareInfo:
    """None is what Cortecs does not tell. Whether `gpu_ram_gb` is per GPU or in total, it does not say either."""

    gpu_type: str | None
    num_gpus: int | None
    gpu_ram_gb: float | None


@dataclass(frozen=True)
class HardwareType:
    """What one worker runs on, and costs."""

    hardware_type_id: str
    price_info: PriceInfo
    hardware_info: HardwareInfo


@dataclass(frozen=True)
class ModelPreview:
    """A model as the list of all shows it. `model_id` has `--` for `/`; `size` is the number of parameters;
    `hardware_configs` are the ids of the hardware types that it runs on."""

    model_id: str
    hf_name: str | None
    screen_name: str | None
    description: str | None
    size: int | None
    instant_provisioned: bool | None
    hardware_configs: tuple[str, ...]


@dataclass(frozen=True)
class HardwareConfig:
    """How a model runs on one hardware type. `max_context_length` is in tokens, None where Cortecs names no limit."""

    max_context_length: int | None


@dataclass(frozen=True)
class Model:
    """One model. `recommended_config` is the hardware type that Cortecs would choose, None for none;
    `hardware_configs` has a row for each hardware type that the model runs on, by id."""

    model_id: str
    recommended_config: str | None
    hardware_configs: Mapping[str, HardwareConfig]


@dataclass(frozen=True)
class OrderedArgs:
    """What was ordered; None is what Cortecs does not tell."""

    model_id: str | None
    hardware_type_id: str | None
    context_length: int | None
    billing_interval: str | None
    num_workers: int | None


@dataclass(frozen=True)
class InstanceStatus:
    """`status` is pending, running or stopped; the times are ISO-8601 in UTC, None for none."""

    status: str
    started_at: str | None
    stopped_at: str | None


@dataclass(frozen=True)
class InitProgress:
    """How far a worker's boot has come."""

    current_step: int
    num_steps: int
    description: str | None


@dataclass(frozen=True)
class WorkerStatus:
    """One worker; no progress while it is stopped."""

    init_progress: InitProgress | None


@dataclass(frozen=True)
class InstanceInfo:
    """An instance of the account, whoever bought it. `base_url` is None until it has booted."""

    instance_id: str
    base_url: str | None
    instance_args: OrderedArgs
    instance_status: InstanceStatus
    worker_statuses: tuple[WorkerStatus, ...]


@dataclass(frozen=True)
class Balance:
    """What is left of the prepaid balance, a decimal string ("12.50"), and its ISO 4217 currency."""

    current_balance: str
    currency: str

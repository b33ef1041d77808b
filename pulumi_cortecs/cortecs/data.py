"""Data sources: models, hardware, prices, instances and the balance of an account (resources/data_lookup.py has what
all have in common). Models and hardware types are cached for half a minute; an instance and the balance are requested
at each call.

The answers are frozen dataclasses with the names of Cortecs' API (docs/apis/cortecs.md#objects). Only programs that use
data sources import this module, and the HTTP client with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from pulumi_cortecs.cortecs import client
from pulumi_cortecs.cortecs.cloud import CortecsCloud
from pulumi_cortecs.cortecs.kind import CREDENTIALS, INSTANCE
from pulumi_cortecs.cortecs.market import live_offers
from pulumi_cortecs.cortecs.resources import Provider
from pulumi_cortecs.cost import PricedHardware
from pulumi_cortecs.cost.suggestions import closest_match
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.resources.data_lookup import Config, DataSources, row_of
from pulumi_cortecs.resources.errors import UnknownIdError

_SOURCES: Final = DataSources(CREDENTIALS, INSTANCE.token, Provider)


@_SOURCES.source
def get_hardware_types(
    config: Config, available: bool = False, opts: pulumi.InvokeOptions | None = None
) -> list[HardwareType]:
    """All hardware types with their prices per worker, or only those in stock."""
    market = live_offers(config)
    hardware_types = market.in_stock() if available else market.hardware_types()
    return [_hardware_from_api(hardware) for hardware in hardware_types.values()]


@_SOURCES.source
def get_hardware_type(config: Config, hardware_type_id: str, opts: pulumi.InvokeOptions | None = None) -> HardwareType:
    """One hardware type, in stock or not. Raises UnknownIdError."""
    hardware_types = live_offers(config).hardware_types()
    if hardware_type_id not in hardware_types:
        raise _unknown_id_error("hardware type", hardware_type_id, hardware_types)
    return _hardware_from_api(hardware_types[hardware_type_id])


@_SOURCES.source
def get_models(config: Config, opts: pulumi.InvokeOptions | None = None) -> list[ModelPreview]:
    """All models on offer, each with the ids of the hardware types that it runs on."""
    models = live_offers(config).models()
    return [row_of(ModelPreview, model, **_parts_of(model, tuple(model.hardware_configs))) for model in models]


@_SOURCES.source
def get_model(config: Config, model_id: str, opts: pulumi.InvokeOptions | None = None) -> Model:
    """One model, named with `/` or `--`, with its context limits. Raises UnknownIdError."""
    market = live_offers(config)
    named, model_ids = model_id.replace("/", "--"), market.model_ids()
    if named not in model_ids:
        raise _unknown_id_error("model", model_id, model_ids)
    model = market.model(named)
    configs = {id_: HardwareConfig(model.max_context(id_), row.params) for id_, row in model.hardware_configs.items()}
    return row_of(Model, model, **_parts_of(model, configs))


@_SOURCES.source
def get_instance(config: Config, instance_id: str, opts: pulumi.InvokeOptions | None = None) -> InstanceInfo:
    """An instance of the account as it is now, whoever bought it. Raises UnknownIdError.

    With `chat.id` the request follows the purchase at once, so the instance may still boot;
    `InvokeOutputOptions(depends_on=[chat.endpoint])` waits until it is ready.
    """
    cloud = accounts.account(INSTANCE, config).cloud
    instance: client.ApiInstance | None = cloud.get_instance(instance_id)
    if instance is None:
        raise _unknown_id_error("instance", instance_id, cloud.list_instances(), " in this account")
    progress = [worker.init_progress for worker in instance.worker_statuses]
    steps = [None if step is None else row_of(InitProgress, step) for step in progress]
    return InstanceInfo(
        instance_id=instance.instance_id,
        base_url=instance.base_url or None,
        instance_args=OrderedArgs(**instance.instance_args.model_dump()),
        instance_status=row_of(InstanceStatus, instance.instance_status, init_progress=steps[0] if steps else None),
        worker_statuses=tuple(WorkerStatus(step) for step in steps),
    )


@_SOURCES.source
def get_balance(config: Config, opts: pulumi.InvokeOptions | None = None) -> Balance:
    """The remaining prepaid balance of the account."""
    cloud = accounts.account(INSTANCE, config).cloud
    assert isinstance(cloud, CortecsCloud)
    left = cloud.client.balance()
    return Balance(left.decimal_string(), left.currency)


get_hardware_types_output = _SOURCES.for_inputs(get_hardware_types)
get_hardware_type_output = _SOURCES.for_inputs(get_hardware_type)
get_models_output = _SOURCES.for_inputs(get_models)
get_model_output = _SOURCES.for_inputs(get_model)
get_instance_output = _SOURCES.for_inputs(get_instance)
get_balance_output = _SOURCES.for_inputs(get_balance)


@dataclass(frozen=True)
class PriceInfo:
    """Prices per worker, as decimal strings ("1.20"); `currency` is an ISO 4217 code."""

    price_per_hour: str
    price_per_minute: str
    currency: str


@dataclass(frozen=True)
class HardwareInfo:
    """The hardware of a worker; None for values that Cortecs does not report. It is unknown whether `gpu_ram_gb` is per
    GPU or in total."""

    gpu_type: str | None
    num_gpus: int | None
    gpu_ram_gb: float | None


@dataclass(frozen=True)
class HardwareType:
    """The hardware of one worker, and its price."""

    hardware_type_id: str
    price_info: PriceInfo
    hardware_info: HardwareInfo


@dataclass(frozen=True)
class Creator:
    """Who has made a model; None for what Cortecs does not report."""

    name: str | None
    url: str | None


@dataclass(frozen=True)
class _ModelCard:
    model_id: str
    hf_name: str | None
    screen_name: str | None
    description: str | None
    size: int | None
    instant_provisioned: bool | None
    creator: Creator | None


@dataclass(frozen=True)
class ModelPreview(_ModelCard):
    """A model as the list of all shows it. `model_id` has `--` for `/`; `size` is the number of parameters;
    `hardware_configs` are the ids of the hardware types that it runs on."""

    hardware_configs: tuple[str, ...]


@dataclass(frozen=True)
class HardwareConfig:
    """The configuration of a model on one hardware type. `max_context_length` is in tokens, None if Cortecs names no
    limit; `params` are the options of its server as Cortecs reports them."""

    max_context_length: int | None
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Model(_ModelCard):
    """One model. `recommended_config` is the hardware type that Cortecs would choose, None for none;
    `hardware_configs` has a row for each hardware type that the model runs on, by id."""

    recommended_config: str | None
    hardware_configs: Mapping[str, HardwareConfig] = field(hash=False)


@dataclass(frozen=True)
class OrderedArgs:
    """The arguments of an order; None for those that Cortecs does not report."""

    model_id: str | None
    hardware_type_id: str | None
    context_length: int | None
    billing_interval: str | None
    num_workers: int | None


@dataclass(frozen=True)
class InitProgress:
    """The progress of a worker's boot."""

    current_step: int
    num_steps: int
    description: str | None


@dataclass(frozen=True)
class InstanceStatus:
    """`status` is pending, running or stopped; times are ISO-8601 in UTC; `init_progress` is the first worker's."""

    status: str
    started_at: str | None
    stopped_at: str | None
    init_progress: InitProgress | None


@dataclass(frozen=True)
class WorkerStatus:
    """One worker; no progress while it is stopped."""

    init_progress: InitProgress | None


@dataclass(frozen=True)
class InstanceInfo:
    """An instance of the account, whoever bought it. `base_url` is None while it boots."""

    instance_id: str
    base_url: str | None
    instance_args: OrderedArgs
    instance_status: InstanceStatus
    worker_statuses: tuple[WorkerStatus, ...]


@dataclass(frozen=True)
class Balance:
    """The remaining prepaid balance, a decimal string ("12.50"), and its ISO 4217 currency."""

    current_balance: str
    currency: str


def _parts_of(model: client.ApiModel | client.ApiModelPreview, configs: object) -> dict[str, Any]:
    creator = None if model.creator is None else row_of(Creator, model.creator)
    return {"creator": creator, "hardware_configs": configs}


def _hardware_from_api(hardware: PricedHardware) -> HardwareType:
    ram = None if hardware.gpu_ram_gb is None else float(hardware.gpu_ram_gb)
    prices = {name: getattr(hardware, name).decimal_string() for name in ("price_per_hour", "price_per_minute")}
    info = row_of(HardwareInfo, hardware, gpu_ram_gb=ram)
    return HardwareType(hardware.hardware_type_id, row_of(PriceInfo, hardware, **prices), info)


def _unknown_id_error(kind: str, value: str, ids: Iterable[str], where: str = "") -> UnknownIdError:
    near = closest_match(value.replace("/", "--"), ids)
    return UnknownIdError(f"Cortecs has no {kind} {value!r}{where}" + (f"; did you mean {near}?" if near else ""))

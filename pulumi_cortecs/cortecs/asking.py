"""What each data source asks, and how its answer reads. `config` names the account; see http/credentials.py.

Loaded by the first data source of a program: all that talks to Cortecs comes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pulumi_cortecs.cortecs import client as cortecs
from pulumi_cortecs.cortecs.rows import (
    Balance,
    HardwareConfig,
    HardwareInfo,
    HardwareType,
    InitProgress,
    InstanceInfo,
    InstanceStatus,
    Model,
    ModelPreview,
    OrderedArgs,
    PriceInfo,
    WorkerStatus,
)
from pulumi_cortecs.cost import HardwareType as PricedHardware
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.likeness import meant
from pulumi_cortecs.resources.errors import UnknownIdError

_Config = Mapping[str, str]


def hardware_types(config: _Config, available: bool) -> list[HardwareType]:
    market = accounts.market(config)
    found = market.in_stock() if available else market.hardware_types()
    return [_hardware_row(each) for each in found.values()]


def hardware_type(config: _Config, hardware_type_id: str) -> HardwareType:
    found = accounts.market(config).hardware_types()
    if hardware_type_id not in found:
        raise _unknown("hardware type", hardware_type_id, found)
    return _hardware_row(found[hardware_type_id])


def models(config: _Config) -> list[ModelPreview]:
    return [
        ModelPreview(
            model_id=each.model_id,
            hf_name=each.hf_name,
            screen_name=each.screen_name,
            description=each.description,
            size=each.size,
            instant_provisioned=each.instant_provisioned,
            hardware_configs=tuple(each.hardware_configs),
        )
        for each in accounts.market(config).models()
    ]


def model(config: _Config, model_id: str) -> Model:
    market = accounts.market(config)
    named, known = model_id.replace("/", "--"), market.model_ids()
    if named not in known:
        raise _unknown("model", model_id, known)
    found = market.model(named)
    configs = {each: HardwareConfig(found.longest_context(each)) for each in found.hardware_configs}
    return Model(found.model_id, found.recommended_config, configs)


def instance(config: _Config, instance_id: str) -> InstanceInfo:
    account = accounts.account(config)
    found = account.cloud.get_instance(instance_id)
    if found is None:
        raise _unknown("instance", instance_id, account.cloud.list_instances(), " in this account")
    return _instance_row(found)


def balance(config: _Config) -> Balance:
    left = accounts.account(config).cloud.client.balance()
    return Balance(left.decimal_string(), left.currency)


def _hardware_row(found: PricedHardware) -> HardwareType:
    ram = None if found.gpu_ram_gb is None else float(found.gpu_ram_gb)
    return HardwareType(
        hardware_type_id=found.hardware_type_id,
        price_info=PriceInfo(
            price_per_hour=found.price_per_hour.decimal_string(),
            price_per_minute=found.price_per_minute.decimal_string(),
            currency=found.currency,
        ),
        hardware_info=HardwareInfo(gpu_type=found.gpu_type, num_gpus=found.num_gpus, gpu_ram_gb=ram),
    )


def _instance_row(found: cortecs.Instance) -> InstanceInfo:
    booting = [worker.init_progress for worker in found.worker_statuses]
    return InstanceInfo(
        instance_id=found.instance_id,
        base_url=found.base_url or None,
        instance_args=OrderedArgs(**found.instance_args.model_dump()),
        instance_status=InstanceStatus(**found.instance_status.model_dump()),
        worker_statuses=tuple(
            WorkerStatus(None if step is None else InitProgress(**step.model_dump())) for step in booting
        ),
    )


def _unknown(kind: str, value: str, known: Iterable[str], where: str = "") -> UnknownIdError:
    near = meant(value.replace("/", "--"), known)
    return UnknownIdError(f"Cortecs has no {kind} {value!r}{where}" + (f"; did you mean {near}?" if near else ""))

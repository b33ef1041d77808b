"""Data sources: instance types with their prices and stock, kinds of volumes, and instances
(resources/data_lookup.py has what all have in common). Instance types are cached for half a minute, and need no key; an
instance and the kinds of volumes are requested at each call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from pulumi_cortecs.lifecycle.labels import ORDER_TAG
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.place_market import Listing
from pulumi_cortecs.resources.data_lookup import Config, DataSources, row_of
from pulumi_cortecs.resources.errors import UnknownIdError
from pulumi_cortecs.shadeform import market
from pulumi_cortecs.shadeform.arguments import CURRENCY
from pulumi_cortecs.shadeform.client import ApiInstance
from pulumi_cortecs.shadeform.cloud import ShadeformCloud
from pulumi_cortecs.shadeform.kind import CREDENTIALS, INSTANCE
from pulumi_cortecs.shadeform.resources import Provider

_SOURCES: Final = DataSources(CREDENTIALS, INSTANCE.token, Provider, "pulumi_cortecs.shadeform.Provider")


@dataclass(frozen=True)
class InstanceType:
    """An instance type in one region, whose `display_name` it has. `hourly_price` is a decimal string ("0.50") in
    `currency`, for the whole instance; memory and storage are in GB. None for values that Shadeform does not report."""

    cloud: str
    region: str
    shade_instance_type: str
    gpu_type: str | None
    num_gpus: int | None
    vram_per_gpu_in_gb: int | None
    hourly_price: str
    currency: str
    available: bool
    os_options: tuple[str, ...]
    deployment_type: str | None
    cloud_instance_type: str | None
    display_name: str | None
    memory_in_gb: int | None
    storage_in_gb: int | None
    vcpus: int | None
    interconnect: str | None
    nvlink: bool | None
    gpu_manufacturer: str | None
    boot_time: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class VolumeType:
    """A kind of volume in one region. `price_per_gb_per_hour` is a decimal string ("0.0001") in `currency`. Shadeform
    reports no bounds of the size. None for values that it does not report."""

    cloud: str
    region: str
    price_per_gb_per_hour: str
    currency: str
    fixed_size: bool | None
    supports_multi_mount: bool | None


@dataclass(frozen=True)
class InstanceInfo:
    """An instance of the account, whoever bought it. `hourly_price` and `cost_estimate` are texts such as "0.50 USD";
    None for values that Shadeform does not report (yet). Its variables, scripts and passwords are left out."""

    id: str
    cloud: str
    region: str
    shade_instance_type: str
    shade_cloud: bool
    name: str
    status: str
    status_details: str | None
    ip: str | None
    ssh_user: str | None
    ssh_port: int | None
    hourly_price: str | None
    cost_estimate: str | None
    created_at: str | None
    active_at: str | None
    tags: tuple[str, ...]
    cloud_instance_type: str | None
    cloud_assigned_id: str | None
    deleted_at: str | None
    ssh_key_id: str | None
    volume_ids: tuple[str, ...]
    configuration: dict[str, Any] = field(hash=False)
    boot_time: dict[str, Any] = field(hash=False)
    port_mappings: tuple[dict[str, Any], ...] = field(hash=False)
    auto_delete: dict[str, Any] | None = field(hash=False)
    alert: dict[str, Any] | None = field(hash=False)
    volume_mount: dict[str, Any] | None = field(hash=False)


@_SOURCES.source
def get_instance_types(
    config: Config,
    cloud: str = "",
    region: str = "",
    gpu_type: str = "",
    num_gpus: int = 0,
    available: bool = False,
    opts: pulumi.InvokeOptions | None = None,
) -> list[InstanceType]:
    """The instance types in each of their regions, the cheapest first; only those of a cloud, a region, a GPU type or a
    number of GPUs, and only those in stock, where that is asked for."""
    return [
        row_of(
            InstanceType,
            listing,
            listing.row,
            listing.row.configuration,
            hourly_price=market.dollars(listing.row.hourly_price).decimal_string(),
            currency=CURRENCY,
            os_options=tuple(listing.row.configuration.os_options),
            display_name=next(
                (place.display_name for place in listing.row.availability if place.region == listing.region), None
            ),
        )
        for listing in market.listed(config)
        if cloud in ("", listing.row.cloud)
        and region in ("", listing.region)
        and gpu_type in ("", listing.gpu_type)
        and num_gpus in (0, listing.num_gpus)
        and (listing.available or not available)
    ]


@_SOURCES.source
def get_volume_types(
    config: Config, cloud: str = "", region: str = "", opts: pulumi.InvokeOptions | None = None
) -> list[VolumeType]:
    """The kinds of volumes, the cheapest first; only those of a cloud or a region where that is asked for. Needs the
    account's key."""
    cloud_of_account = accounts.account(INSTANCE, config).cloud
    assert isinstance(cloud_of_account, ShadeformCloud)
    return [
        row_of(VolumeType, listing.row, price_per_gb_per_hour=listing.price.decimal_string(), currency=CURRENCY)
        for listing in sorted(market.volume_listings(cloud_of_account.client.volume_types()), key=Listing.by_price)
        if listing.price is not None and cloud in ("", listing.row.cloud) and region in ("", listing.region)
    ]


@_SOURCES.source
def get_instance(config: Config, instance_id: str, opts: pulumi.InvokeOptions | None = None) -> InstanceInfo:
    """An instance of the account as it is now, whoever bought it. Raises UnknownIdError."""
    instance: ApiInstance | None = accounts.account(INSTANCE, config).cloud.get_instance(instance_id)
    if instance is None:
        raise UnknownIdError(f"Shadeform has no instance {instance_id!r} in this account")
    price, cost = instance.hourly_price or 0, instance.cost_estimate
    return row_of(
        InstanceInfo,
        instance,
        ip=instance.ip or None,
        hourly_price=str(market.dollars(price)) if price > 0 else None,
        cost_estimate=f"{cost} {CURRENCY}" if cost else None,
        tags=tuple(tag for tag in instance.tags if not tag.startswith(ORDER_TAG)),
        ssh_key_id=instance.ssh_key_id or None,
        volume_ids=tuple(instance.volume_ids),
        port_mappings=tuple(mapping.model_dump() for mapping in instance.port_mappings),
    )


get_instance_types_output = _SOURCES.for_inputs(get_instance_types)
get_volume_types_output = _SOURCES.for_inputs(get_volume_types)
get_instance_output = _SOURCES.for_inputs(get_instance)

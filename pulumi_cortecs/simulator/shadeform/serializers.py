"""Instances, types, volumes, keys and templates in the vendor's JSON (docs/apis/shadeform.md#objects)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.clock import timestamp
from pulumi_cortecs.simulator.instance_ports import Address
from pulumi_cortecs.simulator.shadeform.instances import Status, VirtualInstance
from pulumi_cortecs.simulator.shadeform.market import InstanceOffer, Template, VolumeOffer
from pulumi_cortecs.simulator.shadeform.settings import ShadeformSettings
from pulumi_cortecs.simulator.shadeform.storage import SshKey, Volume

Json = dict[str, Any]
GO_ZERO_TIME = "0001-01-01T00:00:00Z"
_CENT = Decimal("0.01")
_WITHOUT_ADDRESS = frozenset({Status.CREATING, Status.PENDING_PROVIDER})
_DETAILS = {
    Status.PENDING_PROVIDER: "waiting for the provider",
    Status.PENDING: "booting",
    Status.ERROR: "the provider reported an error",
}


def instance_json(
    instance: VirtualInstance, at: datetime, address: Address, cost: Money, settings: ShadeformSettings
) -> Json:
    """A row of the list, as of a moment; the answer by id has `info_fields` as well."""
    order, offer, status = instance.order, instance.offer, instance.status(at)
    never = None if settings.null_times else GO_ZERO_TIME
    active_at, ended_at = instance.boot.active_at, instance.deleting_at
    was_active = active_at is not None and active_at <= at and (ended_at is None or active_at <= ended_at)
    has_address = status not in _WITHOUT_ADDRESS
    return {
        "id": instance.instance_id,
        "cloud": offer.cloud,
        "region": order["region"],
        "shade_instance_type": offer.shade_instance_type,
        "cloud_instance_type": _cloud_type(offer),
        "cloud_assigned_id": instance.cloud_assigned_id,
        "shade_cloud": order["shade_cloud"],
        "name": order["name"],
        "configuration": {**_configuration(offer), "os": order["os"]},
        "ip": address.ip if has_address else "",
        "ssh_user": "shadeform",
        "ssh_port": 22,
        "status": status.value,
        "status_details": _DETAILS.get(status, ""),
        "cost_estimate": _dollars(cost),
        "hourly_price": offer.hourly_price,
        "launch_configuration": order["launch_configuration"],
        "tags": order["tags"],
        "port_mappings": [
            {"internal_port": inside, "external_port": outside} for inside, outside in address.mapped.items()
        ]
        if has_address
        else [],
        "active_at": timestamp(active_at) if was_active and active_at else never,
        "created_at": timestamp(instance.created_at),
        "deleted_at": never,
        "boot_time": offer.boot_time,
    }


def info_fields(instance: VirtualInstance) -> Json:
    """The fields that only the answer by id has. Values of variables come back in clear."""
    names = ("volume_ids", "auto_delete", "alert", "volume_mount", "envs")
    return {**{name: instance.order[name] for name in names}, "ssh_key_id": instance.order["ssh_key_id"] or ""}


def type_json(offer: InstanceOffer) -> Json:
    """An instance type; the live API repeats its configuration at the top level."""
    configuration = {**_configuration(offer), "os_options": list(offer.os_options)}
    return {
        **configuration,
        "cloud": offer.cloud,
        "shade_instance_type": offer.shade_instance_type,
        "cloud_instance_type": _cloud_type(offer),
        "configuration": configuration,
        "hourly_price": offer.hourly_price,
        "deployment_type": offer.deployment_type,
        "availability": [
            {"region": region, "available": available, "display_name": _display_name(region)}
            for region, available in offer.regions.items()
        ],
        "boot_time": offer.boot_time,
    }


def volume_json(volume: Volume, mounted_by: str, cost: Money) -> Json:
    """A volume."""
    return {
        "id": volume.id,
        "cloud": volume.offer.cloud,
        "cloud_assigned_id": volume.cloud_assigned_id,
        "region": volume.offer.region,
        "name": volume.name,
        "fixed_size": volume.offer.fixed_size,
        "size_in_gb": volume.size_in_gb,
        "cost_estimate": _dollars(cost),
        "supports_multi_mount": volume.offer.supports_multi_mount,
        "mounted_by": mounted_by,
    }


def volume_type_json(kind: VolumeOffer) -> Json:
    """A kind of volume, with its price as a string."""
    row = {name: value for name, value in asdict(kind).items() if name != "provenance"}
    return {**row, "price_per_gb_per_hour": f"{kind.price_per_gb_per_hour:f}"}


def ssh_key_json(key: SshKey) -> Json:
    """An SSH key."""
    return {"id": key.id, "name": key.name, "public_key": key.public_key, "is_default": key.is_default}


def template_json(template: Template) -> Json:
    """A template."""
    row = {name: value for name, value in asdict(template).items() if name not in ("featured", "provenance")}
    return {**row, "logo": "", "auto_delete": None, "alert": None, "volume_mount": None, "tags": [], "envs": []}


def _configuration(offer: InstanceOffer) -> Json:
    names = ("memory_in_gb", "storage_in_gb", "vcpus", "num_gpus", "gpu_type", "interconnect", "nvlink")
    fields = (*names, "vram_per_gpu_in_gb", "gpu_manufacturer")
    return {name: getattr(offer, name) for name in fields}


def _cloud_type(offer: InstanceOffer) -> str:
    """The cloud's own name of the type: invented, in the form of the vendor's example."""
    return f"gpu_{offer.num_gpus}x_{offer.shade_instance_type.lower()}"


def _display_name(region: str) -> str:
    """ "montreal-canada-2" as "Canada, Montreal 2": an inference."""
    city, _, rest = region.partition("-")
    country, _, number = rest.rpartition("-")
    return f"{country.title()}, {city.title()} {number}".strip(" ,")


def _dollars(amount: Money) -> str:
    """Whole cents without final zeros, "103.4"."""
    cents = amount.amount.quantize(_CENT)
    return f"{cents.normalize() or Decimal(0):f}"

"""The validation of an order, and what it buys (docs/apis/shadeform.md#create)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.shadeform.errors import conflict, out_of_stock
from pulumi_cortecs.simulator.shadeform.market import InstanceOffer, ShadeformMarket
from pulumi_cortecs.simulator.shadeform.requests import CreateRequest
from pulumi_cortecs.simulator.shadeform.storage import SshKey, SshKeys, Volumes

Json = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """A valid order: its offer, its `arguments` with a value for each, and the configuration that is launched, which
    may come from a template."""

    offer: InstanceOffer
    arguments: Json
    key: SshKey
    launch_configuration: Json | None


def validate_order(
    request: CreateRequest,
    market: ShadeformMarket,
    keys: SshKeys,
    volumes: Volumes,
    mounted_by: Callable[[str], str],
) -> Order:
    """The order of a request. Raises ApiError for one that cannot be carried out."""
    offer = _offer(request, market)
    arguments = _complete(request, offer)
    key = keys.chosen(request.ssh_key_id or "")
    for volume_id in arguments["volume_ids"]:
        _check_volume(volume_id, request, volumes, mounted_by)
    launch = arguments["launch_configuration"] or _template_launch(request.template_id, market)
    if not offer.regions.get(request.region):
        raise out_of_stock()
    return Order(offer, arguments, key, launch)


def _offer(request: CreateRequest, market: ShadeformMarket) -> InstanceOffer:
    offer = market.find(request.cloud, request.shade_instance_type)
    if offer is None:
        name = request.shade_instance_type
        raise ApiError(400, f"shade_instance_type {name!r}: cloud {request.cloud!r} has no such type")
    if request.os and request.os not in offer.os_options:
        raise ApiError(400, f"os {request.os!r}: expected {' or '.join(offer.os_options)}")
    return offer


def _complete(request: CreateRequest, offer: InstanceOffer) -> Json:
    """The arguments but for the template, which no answer has."""
    order = dict.fromkeys(CreateRequest.model_fields) | request.model_dump(exclude_none=True)
    del order["template_id"]
    order |= {name: order[name] or [] for name in ("volume_ids", "tags", "envs")}
    return order | {"shade_cloud": request.shade_cloud is not False, "os": request.os or offer.os_options[0]}


def _check_volume(volume_id: str, request: CreateRequest, volumes: Volumes, mounted_by: Callable[[str], str]) -> None:
    volume = volumes.find(volume_id)
    if volume is None:
        raise ApiError(400, f"volume_ids {volume_id!r}: no such volume")
    cloud, region = volume.offer.cloud, volume.offer.region
    if (cloud, region) != (request.cloud, request.region):
        raise ApiError(400, f"volume {volume_id} is in {cloud}/{region}: only an instance there can mount it")
    if not volume.offer.supports_multi_mount and (other := mounted_by(volume_id)):
        raise conflict(f"volume {volume_id} is mounted by instance {other}")


def _template_launch(template_id: str | None, market: ShadeformMarket) -> Json | None:
    if not template_id:
        return None
    if template_id not in market.templates:
        raise ApiError(400, f"template_id {template_id!r}: no such template")
    return market.templates[template_id].launch_configuration

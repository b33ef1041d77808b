"""Shadeform as the life cycle sees it (docs/apis/shadeform.md#states): it tags orders, has labels, reboots, ends
instances by itself, and can stop nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.http.errors import none_if_unknown
from pulumi_cortecs.http.probe import Answer, ProbeSpec, probe
from pulumi_cortecs.http.wire import is_no_time
from pulumi_cortecs.lifecycle.account_cloud import AccountCloud
from pulumi_cortecs.lifecycle.cloud import (
    Arguments,
    CanReboot,
    EndsInstances,
    HasAttachments,
    HasDetail,
    OrderAnswer,
    OrderProblem,
    OrderRef,
    Phase,
    Probes,
    phase_of,
)
from pulumi_cortecs.lifecycle.text_tags import HasTextTags, own_tags, with_labels, with_own_tags
from pulumi_cortecs.lifecycle.times import parse_timestamp
from pulumi_cortecs.shadeform.arguments import CURRENCY
from pulumi_cortecs.shadeform.client import ApiInstance, ApiVolume, ShadeformClient, order_body
from pulumi_cortecs.shadeform.market import dollars

STATUSES: Final[Mapping[str, Phase]] = {
    "creating": Phase.STARTING,
    "pending_provider": Phase.STARTING,
    "pending": Phase.STARTING,
    "active": Phase.READY,
    "error": Phase.FAILED,
    "deleting": Phase.DELETING,
    "deleted": Phase.DELETING,
}
_ENDED: Final = frozenset({"deleting", "deleted"})
"""Statuses of instances that are not billed any more (docs/apis/shadeform.md#billing), and so are gone."""
_ORDERED: Final = ("cloud", "region", "shade_instance_type", "shade_cloud")
"""The arguments of an order that the vendor's list reports."""
_TEXTS: Final = (
    *("status", "status_details", "ip", "ssh_user", "cloud_instance_type", "cloud_assigned_id"),
    *("created_at", "active_at", "deleted_at"),
)
"""The fields of an instance that are outputs as they are."""


class ShadeformCloud(
    AccountCloud[ShadeformClient, ApiInstance],
    HasTextTags[ApiInstance],
    EndsInstances[ApiInstance],
    CanReboot[ApiInstance],
    HasDetail[ApiInstance],
    HasAttachments[ApiInstance],
    Probes[ApiInstance],
):
    """One Shadeform account."""

    has_gateway = False
    unreported = ("os", "template_id", "ssh_key_id", "volume_ids", "volume_mount", "envs", "launch_configuration")

    def list_instances(self) -> Mapping[str, ApiInstance]:
        return {key: instance for key, instance in self.client.instances().items() if instance.status not in _ENDED}

    def get_instance(self, instance_id: str) -> ApiInstance | None:
        instance = none_if_unknown(lambda: self.client.instance(instance_id))
        return None if instance is None or instance.status in _ENDED else instance

    def create(self, inputs: Mapping[str, Any], order: OrderRef) -> OrderAnswer[ApiInstance]:
        body = order_body(inputs)
        if auto_delete := _auto_delete(inputs):
            body["auto_delete"] = auto_delete
        body["tags"] = self.tags_for(inputs, order)
        return self.client.create_instance(body)

    def update(self, instance_id: str, inputs: Mapping[str, Any], changed: frozenset[str]) -> None:
        changes: dict[str, Any] = {key: inputs[key] or None for key in changed & {"name", "alert"}}
        if not changed.isdisjoint({"auto_delete", "ttl", "spend_limit"}):
            changes["auto_delete"] = _auto_delete(inputs) or None
        if "tags" in changed:
            changes["tags"] = with_own_tags(self.client.instance(instance_id).tags, inputs["tags"])
        self.client.update_instance(instance_id, changes)

    def update_labels(self, instance_id: str, labels: Mapping[str, str], removed: frozenset[str]) -> None:
        tags = with_labels(self.client.instance(instance_id).tags, labels, removed)
        self.client.update_instance(instance_id, {"tags": tags})

    def reboot(self, instance_id: str) -> None:
        self.client.restart_instance(instance_id)

    def delete(self, instance_id: str) -> None:
        self.client.delete("instances", instance_id)

    def billed_price(self, instance: ApiInstance) -> Money | None:
        cents = instance.hourly_price or 0
        return dollars(cents) if cents > 0 else None

    def run_cost(self, instance: ApiInstance, hourly: Money, ran_for: timedelta) -> Money | None:
        try:
            return Money.of(instance.cost_estimate or "", CURRENCY)
        except ValueError:
            return None

    def id_of(self, instance: ApiInstance) -> str:
        return instance.id

    def phase(self, instance: ApiInstance) -> Phase:
        return phase_of(instance.status, STATUSES)

    def ready_phase(self, instance: ApiInstance) -> Phase:
        current = self.phase(instance)
        return Phase.STARTING if current is Phase.READY and not instance.ip else current

    def is_billed(self, instance: ApiInstance) -> bool:
        return self.phase(instance) is not Phase.DELETING

    def started_at(self, instance: ApiInstance) -> float | None:
        return parse_timestamp(instance.created_at)

    def tags_of(self, instance: ApiInstance) -> Sequence[str]:
        return instance.tags

    def reported_inputs(self, instance: ApiInstance) -> Mapping[str, Any]:
        reported = {key: getattr(instance, key) for key in (*_ORDERED, "name")}
        return {**reported, "tags": own_tags(instance.tags)}

    def needs_detail(self, inputs: Mapping[str, Any]) -> bool:
        return any(inputs.get(key) for key in ("auto_delete", "alert", "ttl", "spend_limit"))

    def detailed_inputs(self, instance: ApiInstance, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        live = {key: _reported_thresholds(getattr(instance, key)) for key in ("auto_delete", "alert")}
        end, wanted = _meaning(live["auto_delete"]), _meaning(_auto_delete(inputs))
        details: dict[str, Any] = {}
        if _meaning(live["alert"]) != _meaning(inputs.get("alert") or {}):
            details["alert"] = live["alert"]
        if end != wanted and not inputs.get("ttl") and not inputs.get("spend_limit"):
            return {**details, "auto_delete": live["auto_delete"]}
        if end.get("date_threshold") != wanted.get("date_threshold"):
            details["ttl"] = ""
        if end.get("spend_threshold") != wanted.get("spend_threshold"):
            spend = live["auto_delete"].get("spend_threshold")
            details["spend_limit"] = f"{spend} {CURRENCY}" if spend else ""
        return details

    def ends_at(self, instance: ApiInstance) -> str:
        return str(_reported_thresholds(instance.auto_delete).get("date_threshold", ""))

    def order_problems(self, inputs: Mapping[str, Any], current: Mapping[str, Any] | None) -> list[OrderProblem]:
        problems: list[OrderProblem] = []
        volume_ids = inputs.get("volume_ids")
        for volume_id in filter(_is_known, volume_ids if isinstance(volume_ids, list) else ()):
            if (volume := none_if_unknown(partial(self.client.one_of, "volumes", volume_id))) is not None:
                problems += _volume_problems(volume, inputs)
            else:
                problems.append(OrderProblem("volume_ids", f"this account has no volume {volume_id!r}"))
        key_id = inputs.get("ssh_key_id")
        if _is_known(key_id) and none_if_unknown(lambda: self.client.one_of("sshkeys", str(key_id))) is None:
            problems.append(OrderProblem("ssh_key_id", f"this account has no SSH key {key_id!r}"))
        return problems

    def attached_ids(self, instance: ApiInstance) -> frozenset[str]:
        return frozenset(filter(None, (*instance.volume_ids, instance.ssh_key_id)))

    def reason_to_wait(self, inputs: Mapping[str, Any]) -> str:
        for volume_id in inputs["volume_ids"]:
            volume: ApiVolume = self.client.one_of("volumes", volume_id)
            if volume.mounted_by and not volume.supports_multi_mount and self.get_instance(volume.mounted_by) is None:
                return f"{volume.mounted_by}, which is being deleted, still mounts volume {volume_id}"
        return ""

    def progress_text(self, instance: ApiInstance) -> str:
        return f"{instance.status} {instance.status_details or ''}".rstrip()

    def endpoint_outputs(self, instance: ApiInstance, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        address = _address(instance, int(inputs.get("endpoint_port", 0)))
        price, cost = self.billed_price(instance), instance.cost_estimate
        return {
            **{key: getattr(instance, key) or "" for key in _TEXTS},
            "base_url": f"{address}/v1" if address else "",
            "address": address,
            "ssh_port": instance.ssh_port or 0,
            "port_mappings": [mapping.model_dump() for mapping in instance.port_mappings],
            "configuration": instance.configuration,
            "gpu_manufacturer": str(instance.configuration.get("gpu_manufacturer") or ""),
            "hourly_price": str(price) if price else "",
            "cost_estimate": f"{cost} {CURRENCY}" if cost else "",
            "boot_time": instance.boot_time,
        }

    def probe(self, instance: ApiInstance, how: ProbeSpec) -> Answer | None:
        address = _address(instance, how.port)
        return probe(f"{address}/v1", "", how) if address else None

    def arguments_of(self, inputs: Mapping[str, object]) -> Arguments | None:
        ordered = tuple({"shade_cloud": True, **inputs}.get(key) for key in _ORDERED)
        is_known = all(isinstance(value, (str, bool)) for value in ordered)
        return ordered if is_known and not inputs.get("adopt_id") else None

    def describe_order(self, ordered: Arguments) -> str:
        return f"{ordered[2]} of {ordered[0]} in {ordered[1]}"


def _is_known(value: object) -> bool:
    """Returns whether an argument names something that exists already."""
    return isinstance(value, str) and bool(value)


def _volume_problems(volume: ApiVolume, inputs: Mapping[str, Any]) -> list[OrderProblem]:
    """The reasons why an instance of these inputs cannot mount the volume."""
    place, wanted = (volume.cloud, volume.region), (inputs.get("cloud"), inputs.get("region"))
    if all(isinstance(part, str) for part in wanted) and place != wanted:
        reason = f"volume {volume.id} is in {'/'.join(place)}; an instance there can mount it"
        return [OrderProblem("volume_ids", reason)]
    if volume.mounted_by and not volume.supports_multi_mount:
        reason = (
            f"{volume.mounted_by} mounts volume {volume.id}, which one instance can mount at a time. If this replaces "
            "that instance, set delete_before_replace=True: otherwise Shadeform refuses the order"
        )
        return [OrderProblem("volume_ids", reason, is_final=False)]
    return []


def _auto_delete(inputs: Mapping[str, Any]) -> dict[str, str]:
    """The vendor's thresholds for check's inputs and the end of their ttl, or that with which the instance was adopted;
    {} for none."""
    if inputs.get("auto_delete"):
        return dict(inputs["auto_delete"])
    spend = str(inputs.get("spend_limit") or "").partition(" ")[0]
    date = inputs.get("expires_at")
    return {**({"date_threshold": str(date)} if date else {}), **({"spend_threshold": spend} if spend else {})}


def _reported_thresholds(reported: Mapping[str, Any] | None) -> dict[str, str]:
    """The thresholds that are set; the zero time and an empty text stand for none."""
    live = {key: (reported or {}).get(key) for key in ("date_threshold", "spend_threshold")}
    return {key: str(value) for key, value in live.items() if value and not is_no_time(value)}


def _meaning(thresholds: Mapping[str, str]) -> dict[str, object]:
    """Thresholds for a comparison, however they are written: 25 and 25.00, Z and +00:00."""
    meaning: dict[str, object] = {}
    if date := thresholds.get("date_threshold"):
        meaning["date_threshold"] = parse_timestamp(date)
    if spend := thresholds.get("spend_threshold"):
        with suppress(ValueError):
            meaning["spend_threshold"] = Money.of(spend, CURRENCY)
    return {**thresholds, **meaning}


def _address(instance: ApiInstance, container_port: int) -> str:
    """The address of the container's port, or of its only one; "" if it has none. The cloud may map a port of the host
    to another one."""
    ports = instance.container_ports
    if container_port:
        host_port = ports.get(container_port, container_port)
    elif len(ports) == 1:
        (host_port,) = ports.values()
    else:
        return ""
    if not instance.ip:
        return ""
    mapped = {mapping.internal_port: mapping.external_port for mapping in instance.port_mappings}
    host = f"[{instance.ip.strip('[]')}]" if ":" in instance.ip else instance.ip
    return f"http://{host}:{mapped.get(host_port, host_port)}"

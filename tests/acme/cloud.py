"""Acme as the life cycle sees it: it tags orders, has labels, changes machines in place, can stop nothing, and has no
gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_cortecs.http.errors import none_if_unknown
from pulumi_cortecs.http.probe import Answer, ProbeSpec, probe
from pulumi_cortecs.lifecycle.account_cloud import AccountCloud
from pulumi_cortecs.lifecycle.cloud import (
    Arguments,
    CanUpdate,
    HasLabels,
    OrderAnswer,
    OrderRef,
    Phase,
    Probes,
    phase_of,
)
from pulumi_cortecs.lifecycle.times import parse_timestamp
from tests.acme.client import AcmeClient, Machine

_ORDER = "pulumi-cortecs:order"
"""The tag of an order. No label has such a name."""
_PHASES = {"provisioning": Phase.STARTING, "active": Phase.READY}


class AcmeCloud(AccountCloud[AcmeClient, Machine], HasLabels[Machine], CanUpdate[Machine], Probes[Machine]):
    has_gateway = False

    def list_instances(self) -> Mapping[str, Machine]:
        return self.client.machines()

    def get_instance(self, instance_id: str) -> Machine | None:
        return none_if_unknown(lambda: self.client.machine(instance_id))

    def create(self, inputs: Mapping[str, Any], order: OrderRef) -> OrderAnswer[Machine]:
        wanted = {key: inputs[key] for key in ("plan", "zone", "label")}
        tags = {**inputs["labels"], _ORDER: f"{order.key}.{order.token}"}
        return OrderAnswer(self.client.order(**wanted, tags=tags))

    def order_ref(self, instance: Machine) -> OrderRef | None:
        key, _, token = instance.tags.get(_ORDER, "").partition(".")
        return OrderRef(token, key) if token else None

    def labels_of(self, instance: Machine) -> Mapping[str, str]:
        return {name: value for name, value in instance.tags.items() if name != _ORDER}

    def update_labels(self, instance_id: str, labels: Mapping[str, str], removed: frozenset[str]) -> None:
        tags = self.client.machine(instance_id).tags
        kept = {name: value for name, value in tags.items() if name not in removed}
        self.client.change(instance_id, tags={**kept, **labels})

    def update(self, instance_id: str, inputs: Mapping[str, Any], changed: frozenset[str]) -> None:
        self.client.change(instance_id, **{key: inputs[key] for key in changed})

    def delete(self, instance_id: str) -> None:
        self.client.delete("machines", instance_id)

    def id_of(self, instance: Machine) -> str:
        return instance.id

    def phase(self, instance: Machine) -> Phase:
        return phase_of(instance.status, _PHASES)

    def ready_phase(self, instance: Machine) -> Phase:
        return self.phase(instance)

    def is_billed(self, instance: Machine) -> bool:
        return True

    def started_at(self, instance: Machine) -> float | None:
        return parse_timestamp(instance.created_at)

    def reported_inputs(self, instance: Machine) -> Mapping[str, Any]:
        return {"plan": instance.plan, "zone": instance.zone, "label": instance.label}

    def progress_text(self, instance: Machine) -> str:
        return instance.status

    def endpoint_outputs(self, instance: Machine, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        status = "running" if self.phase(instance) is Phase.READY else instance.status
        return {"base_url": instance.address or "", "status": status}

    def probe(self, instance: Machine, how: ProbeSpec) -> Answer:
        return probe(instance.address or "", "", how)

    def arguments_of(self, inputs: Mapping[str, object]) -> Arguments | None:
        ordered = (inputs.get("plan"), inputs.get("zone"))
        return None if inputs.get("adopt_id") or None in ordered else ordered

    def describe_order(self, ordered: Arguments) -> str:
        return f"{ordered[0]} in {ordered[1]}"

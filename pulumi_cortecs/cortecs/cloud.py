"""Cortecs as the life cycle sees it (docs/apis/cortecs.md#states)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pulumi_cortecs.cortecs.client import ApiInstance, ApiInstanceArgs, CortecsClient
from pulumi_cortecs.cost import BillingInterval, Money, run_cost
from pulumi_cortecs.http.api_client import Retry
from pulumi_cortecs.http.errors import RefusedError, UnauthorizedError
from pulumi_cortecs.http.probe import Answer, ProbeSpec, probe
from pulumi_cortecs.lifecycle.account_cloud import AccountCloud
from pulumi_cortecs.lifecycle.cloud import (
    Arguments,
    CanStop,
    OrderAnswer,
    OrderMatch,
    OrderRef,
    OrderSpec,
    Phase,
    Probes,
    ReportsBalance,
    phase_of,
)
from pulumi_cortecs.lifecycle.times import parse_timestamp

ORDER_FIELDS: Final = tuple(ApiInstanceArgs.model_fields)
"""The names of an order's arguments."""

STATUSES: Final[Mapping[str, Phase]] = {
    "pending": Phase.STARTING,
    "running": Phase.READY,
    "stopped": Phase.STOPPED,
}
"""docs/apis/cortecs.md#states: Cortecs has no failed and no deleting state; a failed provision stays pending."""

_NO_SUCH_INSTANCE: Final = frozenset({400, 404, 410, 422})
"""Cortecs documents a 400 and no 404, so every status counts that can mean "no such instance"."""

_MAX_MISMATCHES: Final = 2
"""The number of arguments in which a substitute may differ from the order."""


class CortecsCloud(
    AccountCloud[CortecsClient, ApiInstance], CanStop[ApiInstance], Probes[ApiInstance], ReportsBalance[ApiInstance]
):
    """One Cortecs account."""

    has_gateway = True

    def list_instances(self) -> Mapping[str, ApiInstance]:
        return self.client.instances()

    def get_instance(self, instance_id: str) -> ApiInstance | None:
        try:
            return self.client.instance(instance_id)
        except RefusedError as refused:
            if refused.status in _NO_SUCH_INSTANCE and not isinstance(refused, UnauthorizedError):
                return None  # a refused token may have the same status
            raise

    def create(self, inputs: Mapping[str, Any], order: OrderRef) -> OrderAnswer[ApiInstance]:
        bought = self.client.create_instance(ApiInstanceArgs(**{key: inputs[key] for key in ORDER_FIELDS}))
        return OrderAnswer(bought.instance_id, bought)

    def stop(self, instance_id: str) -> ApiInstance:
        return self.client.stop_instance(instance_id)

    def start(self, instance_id: str) -> ApiInstance:
        return self.client.start_instance(instance_id)

    def delete(self, instance_id: str) -> None:
        self.client.delete_instance(instance_id)

    def balance(self) -> Money:
        return self.client.balance(Retry.IF_NEVER_SENT)  # a check waits for it

    def run_cost(self, instance: ApiInstance, hourly: Money, ran_for: timedelta) -> Money | None:
        try:
            interval = BillingInterval(instance.reported().get("billing_interval"))
        except ValueError:
            return None
        return run_cost(hourly, interval.unit, ran_for)

    def id_of(self, instance: ApiInstance) -> str:
        return instance.instance_id

    def phase(self, instance: ApiInstance) -> Phase:
        return phase(instance)

    def ready_phase(self, instance: ApiInstance) -> Phase:
        current = phase(instance)
        return Phase.STARTING if current is Phase.READY and not instance.base_url else current

    def probe(self, instance: ApiInstance, how: ProbeSpec) -> Answer:
        model_id = instance.instance_args.model_id or ""
        return probe(instance.base_url or "", model_id.replace("--", "/"), how)

    def is_billed(self, instance: ApiInstance) -> bool:
        return phase(instance) is not Phase.STOPPED

    def started_at(self, instance: ApiInstance) -> float | None:
        return parse_timestamp(instance.instance_status.started_at)

    def stopped_at(self, instance: ApiInstance) -> float | None:
        return parse_timestamp(instance.instance_status.stopped_at)

    def reported_inputs(self, instance: ApiInstance) -> Mapping[str, Any]:
        return instance.reported()

    def progress_text(self, instance: ApiInstance) -> str:
        status = instance.instance_status.status
        steps = [worker.init_progress for worker in instance.worker_statuses if worker.init_progress]
        if status != "pending" or not steps:
            return status
        step = max(steps, key=lambda progress: progress.current_step)
        return f"{step.current_step}/{step.num_steps} {step.description or ''}".rstrip(" .")

    def endpoint_outputs(self, instance: ApiInstance, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        status = instance.instance_status
        return {
            "base_url": "" if phase(instance) is Phase.STOPPED else instance.base_url or "",
            "status": status.status,
            "worker_statuses": [worker.model_dump(exclude_none=True) for worker in instance.worker_statuses],
            "started_at": status.started_at or "",
            "stopped_at": status.stopped_at or "",
        }

    def match(self, instance: ApiInstance, ordered: OrderSpec) -> OrderMatch:
        # the documented examples omit the workers, and a boot may not show all of them at once
        reported = {**instance.reported(), "num_workers": instance.instance_args.num_workers}
        others = sum(
            reported.get(key) not in (None, other) for key, other in zip(ORDER_FIELDS, ordered.arguments, strict=True)
        )
        return OrderMatch.MAYBE if others == 0 else OrderMatch.NEARLY if others <= _MAX_MISMATCHES else OrderMatch.NO

    def arguments_of(self, inputs: Mapping[str, object]) -> Arguments | None:
        ordered = tuple(_without_float(inputs.get(key)) for key in ORDER_FIELDS)
        return None if inputs.get("adopt_id") or None in ordered else ordered

    def describe_order(self, ordered: Arguments) -> str:
        return f"{ordered[0]} on {ordered[4]} x {ordered[1]}"


def phase(instance: ApiInstance) -> Phase:
    """The instance's phase by its status word. Raises UnknownStatusError."""
    return phase_of(instance.instance_status.status, STATUSES)


def _without_float(value: object) -> object:
    """The value with whole numbers as ints: the engine writes some of them as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value

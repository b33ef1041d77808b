"""Gcore as the life cycle sees it (docs/apis/gcore.md#states): it names deployments, works by tasks, changes almost
everything in place, stops and starts, and reports errors of what it goes on starting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.billing import run_cost
from pulumi_cortecs.gcore import arguments
from pulumi_cortecs.gcore.client import VENDOR, ApiContainer, ApiDeployment, GcoreClient
from pulumi_cortecs.gcore.kind import ARGUMENTS
from pulumi_cortecs.gcore.quota import order_problems
from pulumi_cortecs.http.errors import none_if_unknown
from pulumi_cortecs.http.probe import Answer, ProbeSpec, probe
from pulumi_cortecs.lifecycle.account_cloud import AccountCloud
from pulumi_cortecs.lifecycle.cloud import (
    Arguments,
    CanStop,
    CanUpdate,
    ChecksOrders,
    HasTasks,
    NamesInstances,
    OrderAnswer,
    OrderMatch,
    OrderProblem,
    OrderRef,
    OrderSpec,
    Phase,
    Probes,
    ReportsErrors,
    TaskFailedError,
    phase_of,
)
from pulumi_cortecs.lifecycle.times import parse_timestamp
from pulumi_cortecs.provider.answer_cache import AnswerCache, VendorClock, sharing
from pulumi_cortecs.provider.arguments import vendor_arguments
from pulumi_cortecs.provider.kind import Change

STATUSES: Final[Mapping[str, Phase]] = {
    "DEPLOYING": Phase.STARTING,
    "PARTIALLYDEPLOYED": Phase.STARTING,
    "ACTIVE": Phase.READY,
    "PENDING": Phase.READY,  # without replicas, until a request comes
    "DISABLED": Phase.STOPPED,
    "DELETING": Phase.DELETING,
}
_ORDERED: Final = tuple(key for key in vendor_arguments(ARGUMENTS) if ARGUMENTS[key].change is not Change.NOTHING)
_SLEEPING: Final = "PENDING"
_FINISHED, _FAILED = "FINISHED", "ERROR"
_LOG_LINES: Final = 5
_MAX_AGE: Final = 5.0
"""Seconds for which an answer about quota and room serves further orders."""
_CONFLICT: Final = 409


class GcoreCloud(
    AccountCloud[GcoreClient, ApiDeployment],
    NamesInstances[ApiDeployment],
    CanStop[ApiDeployment],
    CanUpdate[ApiDeployment],
    HasTasks[ApiDeployment],
    ReportsErrors[ApiDeployment],
    ChecksOrders[ApiDeployment],
    Probes[ApiDeployment],
):
    """One Gcore project. A deployment's name is its id."""

    has_gateway = True
    stops_before_delete = False
    deletion_seconds = 1200.0  # as long as the vendor's own clients wait for the task
    name_taken_statuses = frozenset({_CONFLICT})

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._lock = threading.Lock()
        # orders that come at once share what is asked before them
        self._supply = sharing(self.client, AnswerCache(VendorClock(self.client), _MAX_AGE))
        self._tasks: dict[str, str] = {}
        self._names: dict[int, str] = {}
        """The regions' names for texts, as far as quotes have told them."""

    def list_instances(self) -> Mapping[str, ApiDeployment]:
        return self.client.deployments()

    def get_instance(self, instance_id: str) -> ApiDeployment | None:
        return none_if_unknown(lambda: self.client.deployment(instance_id))

    def create(self, inputs: Mapping[str, Any], order: OrderRef) -> OrderAnswer[ApiDeployment]:
        name = str(inputs["name"])
        self._record_task(name, self.client.create_deployment(order_body(inputs)))
        return OrderAnswer(name)

    def update(self, instance_id: str, inputs: Mapping[str, Any], changed: frozenset[str]) -> None:
        body = body_of(inputs, sorted(changed))
        self._record_task(instance_id, self.client.patch_deployment(instance_id, body))

    def delete(self, instance_id: str) -> None:
        self._record_task(instance_id, self.client.delete_deployment(instance_id))

    def stop(self, instance_id: str) -> ApiDeployment | None:
        self.client.switch_deployment(instance_id, "stop")
        self._record_task(instance_id, [])
        return None

    def start(self, instance_id: str) -> None:
        self.client.switch_deployment(instance_id, "start")
        self._record_task(instance_id, [])

    def last_task(self, instance_id: str) -> str | None:
        with self._lock:
            return self._tasks.get(instance_id)

    def task_progress(self, task_id: str) -> str:
        task = none_if_unknown(lambda: self.client.task(task_id))
        if task is None or task.state == _FINISHED:
            return ""
        if task.state == _FAILED:
            raise TaskFailedError(f"{VENDOR}'s task {task_id} failed: {task.error or 'it gives no reason'}")
        return f"accepted, the task is {task.state}"

    def standing_error(self, instance: ApiDeployment) -> str:
        return self.progress_text(instance) if any(row.error_message for row in instance.containers) else ""

    def last_log_lines(self, instance_id: str) -> list[str]:
        return [line.message for line in reversed(self.client.logs(instance_id, _LOG_LINES)[:_LOG_LINES])]

    def order_problems(self, inputs: Mapping[str, Any], current: Mapping[str, Any] | None) -> list[OrderProblem]:
        return order_problems(self._supply, inputs, current)

    def id_of(self, instance: ApiDeployment) -> str:
        return instance.name

    def name_of(self, instance: ApiDeployment) -> str:
        return instance.name

    def phase(self, instance: ApiDeployment) -> Phase:
        return phase_of(instance.status, STATUSES)

    def ready_phase(self, instance: ApiDeployment) -> Phase:
        current = self.phase(instance)
        is_ready = self.sleeps(instance) if instance.status == _SLEEPING else all(map(_is_ready, instance.containers))
        return Phase.STARTING if current is Phase.READY and not is_ready else current

    def is_billed(self, instance: ApiDeployment) -> bool:
        """True also for one without replicas: a request starts them."""
        return self.phase(instance) not in (Phase.STOPPED, Phase.DELETING)

    def may_cost_less(self, instance: ApiDeployment) -> bool:
        return any(row.scale.min < row.scale.max for row in instance.containers)

    def run_cost(self, instance: ApiDeployment, hourly: Money, ran_for: timedelta) -> Money | None:
        return run_cost(hourly, timedelta(minutes=1), ran_for)

    def started_at(self, instance: ApiDeployment) -> float | None:
        return parse_timestamp(instance.created_at)

    def reported_inputs(self, instance: ApiDeployment) -> Mapping[str, Any]:
        """`command` is a list of one text, because the vendor reports one (`reported_like`)."""
        return {
            "name": instance.name,
            "flavor_name": instance.flavor_name,
            **({"image": instance.image} if instance.image else {}),
            **({"listening_port": instance.listening_port} if instance.listening_port else {}),
            "containers": arguments.minimal_containers([row.spec for row in instance.containers]),
            **({} if instance.timeout is None else {"timeout": instance.timeout}),
            **_reported_keys(instance),
            "command": [instance.command] if instance.command else [],
            "credentials_name": instance.credentials_name or "",
            "description": instance.description or "",
            "envs": dict(instance.envs or {}),
            "ingress_opts": arguments.INGRESS.minimal(instance.ingress_opts),
            "logging": arguments.LOGGING.minimal(instance.logging),
            "probes": arguments.PROBES.minimal(instance.probes),
        }

    def reported_like(self, instance: ApiDeployment, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        reported = dict(self.reported_inputs(instance))
        command, wanted = reported["command"], inputs.get("command")
        if isinstance(wanted, list) and " ".join(map(str, wanted)) == " ".join(command):
            reported["command"] = wanted
        self._names.update({number: name for name, number in _region_ids(inputs).items()})
        names = _region_names(inputs)
        rows = [{**row, "region_id": names.get(row["region_id"], row["region_id"])} for row in reported["containers"]]
        return {**reported, "containers": arguments.minimal_containers(rows)}

    def manager_of(self, instance: ApiDeployment) -> str:
        return ", ".join(f"{VENDOR}'s {one.kind} {one.name}" for one in instance.object_references)

    def progress_text(self, instance: ApiDeployment) -> str:
        rows = instance.containers
        text = f"{instance.status}, {sum(map(_is_ready, rows))}/{len(rows)} regions"
        errors = [f"{self._name_of(row)}: {row.error_message}" for row in rows if row.error_message]
        return "; ".join([text, *errors])

    def endpoint_outputs(self, instance: ApiDeployment, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        address = (instance.address or "").rstrip("/")
        return {
            "base_url": f"{address}/v1" if address else "",
            "address": address,
            "status": instance.status,
            "auth_enabled": bool(instance.auth_enabled),
            "created_at": instance.created_at or "",
            "object_references": [one.model_dump() for one in instance.object_references],
            "project_id": instance.project_id or 0,
            "regions": [_region_outputs(row) for row in instance.containers],
        }

    def probe(self, instance: ApiDeployment, how: ProbeSpec) -> Answer | None:
        address = (instance.address or "").rstrip("/")
        return probe(f"{address}/v1", "", how) if address else None

    def sleeps(self, instance: ApiDeployment) -> bool:
        return instance.status == _SLEEPING and all(row.scale.min == 0 for row in instance.containers)

    def match(self, instance: ApiDeployment, ordered: OrderSpec) -> OrderMatch:
        return OrderMatch.YES if ordered.arguments == (instance.name,) else OrderMatch.NO

    def arguments_of(self, inputs: Mapping[str, object]) -> Arguments | None:
        name = inputs.get("name")
        return (name,) if isinstance(name, str) and name and not inputs.get("adopt_id") else None

    def describe_order(self, ordered: Arguments) -> str:
        return f"the deployment {ordered[0]}"

    def _name_of(self, row: ApiContainer) -> str:
        return self._names.get(row.region_id, f"region {row.region_id}")

    def _record_task(self, name: str, tasks: Sequence[str]) -> None:
        """Records the last of a request's tasks; starts, stops and changes of nothing have none."""
        with self._lock:
            self._tasks[name] = tasks[-1] if tasks else ""


def order_body(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an order for check's inputs, without what is empty: an image of the catalogue has probes of its
    own."""
    keys = [key for key in _ORDERED if inputs.get(key) not in (None, "", [], {})]
    return body_of(inputs, keys)


def body_of(inputs: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """The API's form of these arguments. It says everything, so that a PATCH means the same whether the vendor merges
    it with the former value or not. Of an empty one it is what removes the former value: null changes nothing.
    Raises KeyError for the name of a region that the quote does not have."""
    ids = _region_ids(inputs)
    full = arguments.CONTAINER.full

    def number(region: int | str) -> int:
        return ids[region] if isinstance(region, str) else region

    forms: dict[str, Callable[[Any], Any]] = {
        "containers": lambda rows: [{**full(row), "region_id": number(row["region_id"])} for row in rows],
        "probes": arguments.PROBES.full,
        "logging": arguments.LOGGING.full,
        "ingress_opts": arguments.INGRESS.full,
    }
    return {key: forms[key](inputs[key]) if key in forms else inputs[key] for key in keys}


def _reported_keys(instance: ApiDeployment) -> dict[str, Any]:
    """Its keys; null stands for none where nobody needs one, and is unknown elsewhere."""
    is_unknown = instance.api_keys is None and instance.auth_enabled is not False
    return {} if is_unknown else {"api_keys": arguments.sorted_names(instance.api_keys or [])}


def _is_ready(row: ApiContainer) -> bool:
    """Returns whether a region has the replicas that it has at least: one, or none where it may scale to zero and does
    not have to come up."""
    state = row.deploy_status
    if state is None:
        return False
    sleeps = row.scale.min == 0 and state.total == 0 and not row.error_message
    return sleeps or state.ready >= max(row.scale.min, 1)


def _region_outputs(row: ApiContainer) -> dict[str, Any]:
    state = row.deploy_status
    return {
        "region_id": row.region_id,
        "address": row.address or "",
        "ready": 0 if state is None else state.ready,
        "total": 0 if state is None else state.total,
        "error_message": row.error_message or "",
    }


def _region_ids(inputs: Mapping[str, Any]) -> dict[str, int]:
    """The ids of the regions by their names, as the quote of these inputs has them."""
    quote = inputs.get("quote")
    regions = quote.get("regions") if isinstance(quote, Mapping) else None
    named = regions if isinstance(regions, Mapping) else {}
    return {str(name): int(key) for key, name in named.items() if str(key).isdecimal()}


def _region_names(inputs: Mapping[str, Any]) -> dict[int, str]:
    """The names by id of those regions that the inputs call by name."""
    containers = inputs.get("containers")
    rows = containers if isinstance(containers, list) else []
    named = {row["region_id"] for row in rows if isinstance(row, Mapping)}
    return {number: name for name, number in _region_ids(inputs).items() if name in named}

"""The effects of orders, updates, starts, stops and deletions on deployments, and their tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import ValidationError

from pulumi_cortecs.simulator.faults import (
    BOOT_FAULTS,
    DELETE_FAULTS,
    SERVING_FAULTS,
    STOP_FAULTS,
    TASK_FAULTS,
    Fault,
    FaultKind,
    FaultTarget,
)
from pulumi_cortecs.simulator.gcore import serializers
from pulumi_cortecs.simulator.gcore.cloud import BASE, PROJECT, SimulatedGcore
from pulumi_cortecs.simulator.gcore.containers import planned_end
from pulumi_cortecs.simulator.gcore.deployments import Deployment, deployment_id, matched_by, maximum
from pulumi_cortecs.simulator.gcore.errors import conflict, invalid, quota_exceeded
from pulumi_cortecs.simulator.gcore.objects import Json
from pulumi_cortecs.simulator.gcore.orders import check_names, check_quotas
from pulumi_cortecs.simulator.gcore.requests import CreateRequest, UpdateRequest
from pulumi_cortecs.simulator.gcore.scaling import idle_replicas, wanted_replicas
from pulumi_cortecs.simulator.gcore.tasks import Task
from pulumi_cortecs.simulator.lags import NO_LAG, Lag, lag_of, last_lag

_RESTARTING = ("flavor_name", "image", "command", "envs", "listening_port", "probes", "credentials_name")
_PER_ORDER = BOOT_FAULTS - {FaultKind.STUCK_BOOT, FaultKind.BOOT_FAILURE}


@dataclass(frozen=True)
class _Answer:
    """The task of a change, the task ids that the answer names, and whether the change is carried out."""

    task: Task
    named: list[str]
    is_done: bool


class Changes:
    """The changes of deployments by requests; each method with a task returns the task ids of its answer.

    What is due is carried out before a deployment is looked up, and not again before it is changed: else it would be
    changed from a state of before.
    """

    def __init__(self, cloud: SimulatedGcore):
        self._cloud = cloud
        self._world = cloud.world

    def create(self, project_id: int, request: CreateRequest) -> list[str]:
        """Order a deployment. Raises ApiError for a refused order."""
        arguments, name = request.arguments, request.name
        self._check_names(arguments, project_id)
        if self._cloud.get(project_id, name) is not None:
            raise conflict(f"deployment {name!r} already exists")
        target = replace(_target("POST", project_id, "", name, arguments), new_instance=True)
        self._check_quotas(target, arguments)
        answer = self._begin_task("create_inference_instance", project_id, target, creates=name)
        if answer.is_done:
            self._make(answer.task, arguments, target, self._cloud.settings.boot_seconds)
        return answer.named

    def seed(self, project_id: int, request: CreateRequest) -> None:
        """Make a deployment that is ready at once."""
        arguments = request.arguments
        self._check_names(arguments, project_id)
        target = _target("POST", project_id, "", request.name, arguments)
        answer = self._begin_task("create_inference_instance", project_id, target, creates=request.name, seconds=0)
        self._make(answer.task, arguments, target, boot=0)

    def update(self, project_id: int, name: str, request: UpdateRequest) -> list[str]:
        """Change a deployment; there is no task if nothing changes."""
        deployment = self._require_undeleted(project_id, name)
        try:
            merge = self._cloud.settings.gcore_patched_envs == "merge"
            arguments = request.applied_to(deployment.arguments, merge_envs=merge)
        except ValidationError as problem:
            where = ".".join(map(str, problem.errors()[0]["loc"]))
            raise invalid(f"probes.{where}: {problem.errors()[0]['msg']}") from None
        if arguments == deployment.arguments:
            return []
        self._check_names(arguments, project_id)
        target = _target("PATCH", project_id, f"/{name}", name, arguments)
        self._check_quotas(target, arguments, changed=deployment)
        answer = self._begin_task("update_inference_instance", project_id, target)
        if answer.is_done:
            self._change(deployment, arguments, target)
        return answer.named

    def delete(self, project_id: int, name: str) -> list[str]:
        """Begin to delete a deployment, which ends its bill; it is gone at the end of the task."""
        deployment, now = self._require_undeleted(project_id, name), self._world.clock.now()
        target = _target("DELETE", project_id, f"/{name}", name, deployment.arguments)
        answer = self._begin_task("delete_inference_instance", project_id, target)
        if answer.is_done:
            gone_at = answer.task.ends_at
            self._show_late(deployment, now, last_lag(self._take(target, STOP_FAULTS)))
            deleting = self._cloud.containers.stop(replace(deployment, deleted_at=gone_at), now)
            gone_late = last_lag(self._take(target, DELETE_FAULTS))
            if gone_late != NO_LAG:
                self._show_late(deleting, gone_at, gone_late)
        return answer.named

    def start(self, project_id: int, name: str) -> None:
        """Start a stopped deployment with its minimum of replicas; a running one stays as it is."""
        deployment, now = self._require_undeleted(project_id, name), self._world.clock.now()
        if deployment.enabled:
            return
        target = _target("POST", project_id, f"/{name}/start", name, deployment.arguments)
        self._check_quotas(target, deployment.arguments, changed=deployment)
        boot = self._cloud.settings.boot_seconds
        _, late = self._boot(replace(deployment, enabled=True), idle_replicas(deployment), target, boot)
        self._show_late(deployment, now, late)

    def stop(self, project_id: int, name: str) -> None:
        """Stop a deployment, which ends its bill; a stopped one stays as it is."""
        deployment, now = self._require_undeleted(project_id, name), self._world.clock.now()
        target = _target("POST", project_id, f"/{name}/stop", name, deployment.arguments)
        if deployment.enabled:
            self._cloud.stop(deployment, now)
            self._show_late(deployment, now, last_lag(self._take(target, STOP_FAULTS)))

    def _make(self, task: Task, arguments: Json, target: FaultTarget, boot: float) -> None:
        settings, now = self._cloud.settings, task.created_at
        found_from = {"asked": now, "started": task.starts_at, "finished": task.ends_at}[settings.gcore_exists_from]
        ordered = Deployment(
            project_id=task.project_id,
            name=task.creates,
            arguments=arguments,
            created_at=now,
            found_from=found_from,
            listed_from=found_from,
            revised_at=now,
            containers_from=None,
            accounted_until=now,
        )
        least = 0 if settings.gcore_create_at_zero else 1
        counts = {region: max(count, least) for region, count in idle_replicas(ordered).items()}
        made, late = self._boot(ordered, counts, target, boot)
        self._show_late(made, now, late)

    def _change(self, deployment: Deployment, arguments: Json, target: FaultTarget) -> None:
        now, settings = self._world.clock.now(), self._cloud.settings
        changed = replace(deployment, arguments=arguments)
        if not deployment.enabled:
            self._cloud.fleet.put(changed)
        elif _restarts(deployment.arguments, arguments):
            booting, late = self._boot(changed, wanted_replicas(changed, now), target, settings.boot_seconds)
            seconds = settings.gcore_stale_after_patch_seconds
            shown = None if settings.gcore_stale_arguments else booting
            self._show_late(deployment, now, Lag(max(late.in_lists, seconds), max(late.by_id, seconds)), shown)
        else:
            self._cloud.containers.scale(changed, wanted_replicas(changed, now), now)

    def _boot(
        self, deployment: Deployment, counts: Mapping[str, int], target: FaultTarget, boot: float
    ) -> tuple[Deployment, Lag]:
        """Start containers as the faults want it; returns the lag of their status, too."""
        now = self._world.clock.now()
        started = self._cloud.containers.start(deployment, counts, now, target, boot)
        faults = {fault.kind: fault for fault in self._take(target, _PER_ORDER)}
        unlisted = lag_of(faults.get(FaultKind.LIST_LAG))
        self._world.serving.begin(started.id, self._take(target, SERVING_FAULTS), now)
        booting = replace(
            started,
            listed_from=max(started.listed_from, now + timedelta(seconds=unlisted.in_lists)),
            found_from=max(started.found_from, now + timedelta(seconds=unlisted.by_id)),
            end=planned_end(faults.values(), started, now),
        )
        return self._cloud.fleet.put(booting), lag_of(faults.get(FaultKind.STATUS_LAG))

    def _begin_task(
        self, kind: str, project_id: int, target: FaultTarget, *, creates: str = "", seconds: float | None = None
    ) -> _Answer:
        faults = {fault.kind: fault for fault in self._take(target, TASK_FAULTS)}
        failure = faults.get(FaultKind.TASK_ERROR)
        task = Task(
            id=self._world.new_id(),
            kind=kind,
            project_id=project_id,
            created_at=self._world.clock.now(),
            seconds=self._cloud.settings.gcore_task_seconds if seconds is None else seconds,
            creates=creates,
            error=str(failure.parameter("message")) if failure else "",
        )
        self._cloud.tasks[task.id] = task
        named = [] if FaultKind.NO_TASK in faults else [task.id]
        return _Answer(task, named, is_done=failure is None or failure.after_side_effect)

    def _show_late(self, before: Deployment, since: datetime, late: Lag, changed: Deployment | None = None) -> None:
        """Keep showing a deployment as it was, with the arguments of `changed` if it is given."""
        now = self._world.clock.now()
        answer = self._cloud.deployment_json(before, now)
        if changed is not None:
            answer = serializers.with_arguments(answer, self._cloud.deployment_json(changed, now))
        self._cloud.fleet.keep_echo(before, answer, since, late)

    def _require_undeleted(self, project_id: int, name: str) -> Deployment:
        deployment = self._cloud.require(project_id, name)
        if deployment.deleted_at is not None:
            raise conflict(f"deployment {name!r} is being deleted")
        return deployment

    def _check_names(self, arguments: Json, project_id: int) -> None:
        cloud = self._cloud
        plain = {"api_keys": cloud.api_keys, "credentials": cloud.credentials, "secrets": cloud.secrets}
        check_names(arguments, project_id, cloud.market, **plain)

    def _check_quotas(self, target: FaultTarget, arguments: Json, *, changed: Deployment | None = None) -> None:
        """Raises ApiError for a fault that refuses the order, and for an order that exceeds a quota."""
        cloud, flavor_name, replicas = self._cloud, arguments["flavor_name"], maximum(arguments)
        others = [
            maximum(deployment.arguments)
            for deployment in cloud.fleet
            if changed is None or deployment.id != changed.id
        ]
        counted = replace(target, workers=lambda: sum(others) + replicas)
        status = cloud.settings.gcore_quota_status
        for fault in self._take(counted, {FaultKind.QUOTA_EXCEEDED}):
            raise quota_exceeded(int(fault.parameters.get("status", status)), "Quota exceeded")
        if changed is None:
            check_quotas(cloud.quotas(flavor_name, replicas), status)
        elif changed.arguments["flavor_name"] != flavor_name or maximum(changed.arguments) < replicas:
            check_quotas(cloud.quotas(flavor_name, replicas, without=changed.id), status)

    def _take(self, target: FaultTarget, kinds: Collection[FaultKind]) -> list[Fault]:
        return self._world.faults.take_matching(target, kinds)


def _target(method: str, project_id: int, path: str, name: str, arguments: Json) -> FaultTarget:
    base = PROJECT.format(project_id=project_id)
    whole = f"{base}/deployments{path}"
    return FaultTarget(method, whole, BASE, deployment_id(project_id, name), matched_by(arguments))


def _restarts(before: Json, after: Json) -> bool:
    """Returns whether an update restarts the containers."""
    regions = [sorted(container["region_id"] for container in arguments["containers"]) for arguments in (before, after)]
    return regions[0] != regions[1] or any(before[name] != after[name] for name in _RESTARTING)

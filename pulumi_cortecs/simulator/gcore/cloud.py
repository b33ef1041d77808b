"""The simulated Gcore: the account with its projects and all that they contain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.gcore import serializers
from pulumi_cortecs.simulator.gcore.containers import Containers
from pulumi_cortecs.simulator.gcore.deployments import Deployment, maximum
from pulumi_cortecs.simulator.gcore.errors import conflict, invalid, not_found
from pulumi_cortecs.simulator.gcore.fleet import Echo, Fleet
from pulumi_cortecs.simulator.gcore.gateway import served_model
from pulumi_cortecs.simulator.gcore.market import Flavor, GcoreMarket
from pulumi_cortecs.simulator.gcore.objects import Json, PlainObject, PlainObjects
from pulumi_cortecs.simulator.gcore.quota import Quota, quotas
from pulumi_cortecs.simulator.gcore.runs import GcoreRun
from pulumi_cortecs.simulator.gcore.scaling import idle_replicas, wanted_replicas, with_request
from pulumi_cortecs.simulator.gcore.settings import GcoreSettings
from pulumi_cortecs.simulator.gcore.tasks import Task
from pulumi_cortecs.simulator.openai_api import SERVE, ServedModel
from pulumi_cortecs.simulator.world import World

BASE = "/cloud"
PROJECT = f"{BASE}/v3/inference/{{project_id}}"
"""The path below which a project's objects are."""
KEY = "sim$sim"


class SimulatedGcore:
    """The one account: its projects, what they contain, and the market."""

    name = GcoreRun.cloud

    def __init__(self, world: World):
        self.world = world
        self.market = GcoreMarket(world.table("gcore flavors", Flavor), world.table("gcore capacities", int))
        self.api_keys = PlainObjects("API key", world.table("gcore api keys", PlainObject))
        self.credentials = PlainObjects("registry credential", world.table("gcore credentials", PlainObject))
        self.secrets = PlainObjects("secret", world.table("gcore secrets", PlainObject))
        self.fleet = Fleet(world.table("gcore deployments", Deployment), world.table("gcore echoes", Echo))
        self.containers = Containers(world, self.market, self.fleet)
        self.tasks = world.table("gcore tasks", Task)
        self._account_keys = world.table("gcore account keys", bool)
        self._runs = world.table("gcore runs", GcoreRun)
        world.ledger.keep(self.name, self._runs)
        world.join(self)

    @property
    def settings(self) -> GcoreSettings:
        """The current settings."""
        return self.world.settings_of(GcoreSettings)

    def reset(self) -> None:
        """Empties the cloud, and restores the original market."""
        for deployment in self.fleet:
            self.containers.stop(deployment, deployment.accounted_until)
        for emptied in (self.api_keys, self.credentials, self.secrets, self.fleet):
            emptied.clear()
        for table in (self._runs, self.tasks, self._account_keys):
            table.clear()
        self._account_keys[KEY] = True
        self.market.restock()

    def settle(self, now: datetime) -> None:
        """Carry out the changes that are due by `now`, at their own moments."""
        while (due := self.fleet.due(now)) is not None:
            self._advance(due, max(due.next_change or now, due.accounted_until))

    def true_states(self) -> Mapping[str, Json]:
        """The true state of all deployments, by their ids."""
        self.world.now()
        return {deployment.id: self.true_state(deployment) for deployment in self.fleet}

    def true_state(self, deployment: Deployment) -> Json:
        """The true state of a deployment."""
        answer = self.deployment_json(deployment, self.world.clock.now())
        return {**answer, "cloud": self.name, "account": str(deployment.project_id), "instance_id": deployment.id}

    def stop_from_outside(self, instance_id: str) -> Json:
        """Stop a deployment, as a user does in the vendor's console; returns its true state."""
        return self.true_state(self.stop(self._require_id(instance_id), self.world.clock.now()))

    def vanish(self, instance_id: str) -> None:
        """Remove a deployment without a request of a client."""
        self.remove(self._require_id(instance_id), self.world.clock.now())

    def expire_tokens(self) -> None:
        """Does nothing, because a key has no end."""

    def set_load(self, instance_id: str, replicas: int | None) -> None:
        """Scale each region to so many replicas, between minimum and maximum, until None leaves it to requests."""
        deployment, now = self._require_id(instance_id), self.world.clock.now()
        if not deployment.enabled or deployment.deleted_at is not None:
            raise conflict(f"deployment {instance_id} is {deployment.status(now).value}")
        loaded = replace(deployment, load=replicas, last_request=now)
        self.containers.scale(loaded, wanted_replicas(loaded, now), now)

    def set_application(self, instance_id: str, name: str) -> None:
        """Make a deployment a part of an application, or ("") of none."""
        self.fleet.put(replace(self._require_id(instance_id), application=name))

    def accept_key(self, key: str) -> None:
        """Make a key of the account valid."""
        self._account_keys[key] = True

    def has_key(self, key: str) -> bool:
        """Returns whether a key of the account is valid."""
        return key in self._account_keys

    def check_project(self, project_id: int) -> None:
        """Raises ApiError for a project that the account does not have."""
        if project_id not in self.market.projects:
            raise ApiError(403, f"project {project_id} is not a project of this account")

    def deployments_with_key(self, project_id: int, key_name: str) -> list[str]:
        """The names of the deployments to which an API key is attached."""
        own = [deployment for deployment in self.fleet if deployment.project_id == project_id]
        return [deployment.name for deployment in own if key_name in deployment.arguments["api_keys"]]

    def get(self, project_id: int, name: str) -> Deployment | None:
        """A deployment in its true state."""
        self.world.now()
        return self.fleet.find(project_id, name)

    def task(self, task_id: str) -> Task:
        """A task. Raises ApiError for an unknown one."""
        task = self.tasks.get(task_id)
        if task is None:
            raise not_found("task", task_id)
        return task

    def list_json(self, project_id: int) -> list[Json]:
        """The deployments of a project as the list shows them."""
        now = self.world.now()
        echoes = self.fleet.echoes_in_lists(project_id, now)
        shown = [
            deployment
            for deployment in self.fleet
            if deployment.project_id == project_id and deployment.listed_from <= now
        ]
        rows = [echoes.pop(deployment.id, {}) or self.deployment_json(deployment, now) for deployment in shown]
        return [*rows, *(answer for name, answer in echoes.items() if self.fleet.get(name) is None)]

    def info_json(self, project_id: int, name: str) -> Json:
        """The answer by name. Raises ApiError for a deployment that is not found."""
        now = self.world.now()
        echo = self.fleet.echo_by_id(project_id, name, now)
        return echo or self.deployment_json(self.require(project_id, name), now)

    def logs(self, project_id: int, name: str) -> list[Json]:
        """What the containers of a deployment have written, the oldest first."""
        return serializers.log_rows(self.require(project_id, name), self.world.now())

    def quotas(self, flavor_name: str, replicas: int, *, without: str = "") -> list[Quota]:
        """The quotas for this many replicas, beside all deployments but the one with the id `without`."""
        if flavor_name not in self.market.flavors:
            raise invalid(f"flavor_name: flavor {flavor_name!r} not found")
        flavors = self.market.flavors
        existing = [
            (flavors[deployment.arguments["flavor_name"]], maximum(deployment.arguments))
            for deployment in self.fleet
            if deployment.id != without
        ]
        return quotas(self.settings, existing, (flavors[flavor_name], replicas))

    def find_served_model(self, instance_id: str) -> ServedModel | None:
        """The model that a deployment serves; the part of the id from a mark on names one of its regions."""
        now = self.world.now()
        deployment_id, _, region = instance_id.partition(serializers.REGION_MARK)
        deployment = self.fleet.get(deployment_id)
        if deployment is None or (region and region not in deployment.scales):
            return None
        keys = [self.api_keys.find(deployment.project_id, name) for name in deployment.arguments["api_keys"]]
        card = self.market.model_of(deployment.arguments["image"])
        secrets = [key.secret for key in keys if key is not None]
        return served_model(deployment, region, now, card, secrets, lambda: self._count_request(deployment_id))

    def deployment_json(self, deployment: Deployment, at: datetime) -> Json:
        """A deployment as of a moment."""
        address = f"{self.world.serving.origin_of(deployment.id)}{SERVE}/{deployment.id}"
        return serializers.deployment_json(deployment, at, address)

    def stop(self, deployment: Deployment, at: datetime) -> Deployment:
        """Stop a deployment, which ends its bill; one that is being deleted stays as it is."""
        if not deployment.enabled or deployment.deleted_at is not None:
            return deployment
        return self.containers.stop(replace(deployment, enabled=False), at)

    def remove(self, deployment: Deployment, at: datetime) -> None:
        """Remove a deployment, which ends its bill."""
        self.fleet.remove(self.containers.stop(deployment, at))

    def _advance(self, deployment: Deployment, at: datetime) -> None:
        """Carry out the change that is due."""
        end = deployment.end
        if deployment.deleted_at is not None:
            self.remove(deployment, at)
        elif end is not None and end.at <= at:
            self.remove(deployment, at) if end.vanishes else self.stop(deployment, at)
        elif deployment.idle_at is not None and deployment.idle_at <= at:
            self.containers.scale(replace(deployment, requests=()), idle_replicas(deployment), at)
        else:
            self.containers.account(deployment, at)

    def _count_request(self, instance_id: str) -> None:
        deployment, now = self._require_id(instance_id), self.world.clock.now()
        if deployment.enabled and deployment.deleted_at is None:
            asked = with_request(deployment, now)
            self.containers.scale(asked, wanted_replicas(asked, now), now)

    def _require_id(self, instance_id: str) -> Deployment:
        self.world.now()
        deployment = self.fleet.get(instance_id)
        if deployment is None:
            raise not_found("deployment", instance_id)
        return deployment

    def require(self, project_id: int, name: str) -> Deployment:
        """A deployment in its true state: requests for a change do not see the lag of lists."""
        deployment = self.get(project_id, name)
        if deployment is None or deployment.found_from > self.world.clock.now():
            raise not_found("deployment", name)
        return deployment

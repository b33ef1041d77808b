"""The simulated Gcore: the effects of requests on deployments, tasks and ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.gcore.errors import not_found
from pulumi_cortecs.simulator.gcore.market import Flavor, GcoreMarket
from pulumi_cortecs.simulator.gcore.objects import Json, PlainObject, PlainObjects
from pulumi_cortecs.simulator.gcore.runs import GcoreRun
from pulumi_cortecs.simulator.gcore.settings import GcoreSettings
from pulumi_cortecs.simulator.openai_api import ServedModel
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
        self._account_keys = world.table("gcore account keys", bool)
        world.ledger.keep(self.name, world.table("gcore runs", GcoreRun))
        world.join(self)

    @property
    def settings(self) -> GcoreSettings:
        """The current settings."""
        return self.world.settings_of(GcoreSettings)

    def reset(self) -> None:
        """Empties the cloud, and restores the original market."""
        for objects in (self.api_keys, self.credentials, self.secrets):
            objects.clear()
        self._account_keys.clear()
        self._account_keys[KEY] = True
        self.market.restock()

    def settle(self, now: datetime) -> None:
        """Carry out the changes that are due by `now`, at their own moments."""

    def true_states(self) -> Mapping[str, Json]:
        """The true state of all deployments, by their ids."""
        return {}

    def stop_from_outside(self, instance_id: str) -> Json:
        """Stop a deployment, as a user does in the vendor's console; returns its true state."""
        raise not_found("deployment", instance_id)

    def vanish(self, instance_id: str) -> None:
        """Remove a deployment without a request of a client."""
        raise not_found("deployment", instance_id)

    def expire_tokens(self) -> None:
        """Does nothing, because a key has no end."""

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
        return []

    def find_served_model(self, instance_id: str) -> ServedModel | None:
        """The model that a deployment serves."""
        return None

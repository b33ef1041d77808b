"""One simulated deployment: its state is a function of virtual time between two changes
(docs/apis/gcore.md#states)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pulumi_cortecs.simulator.gcore.runs import replica_name
from pulumi_cortecs.simulator.gcore.settings import BilledFrom

Json = dict[str, Any]
BOOT_STEPS = 3
"""The thirds of a boot: DEPLOYING; PARTIALLYDEPLOYED; the same with all regions but the last ready."""
DEFAULT_PROJECT = 1


class Status(str, Enum):
    """The statuses of the API. There is none for a failure, and a deleted deployment is gone."""

    DEPLOYING = "DEPLOYING"
    PARTIALLY_DEPLOYED = "PARTIALLYDEPLOYED"
    ACTIVE = "ACTIVE"
    PENDING = "PENDING"
    DISABLED = "DISABLED"
    DELETING = "DELETING"


@dataclass(frozen=True)
class End:
    """An end from outside: it is stopped, or `vanishes`."""

    at: datetime
    vanishes: bool = False


@dataclass(frozen=True)
class Replicas:
    """The replicas of a region by the moments from which they are ready (None: never), and the reason for a None."""

    ready_at: tuple[datetime | None, ...] = ()
    error: str = ""

    @property
    def total(self) -> int:
        """The number of replicas, ready or not."""
        return len(self.ready_at)

    def ready(self, at: datetime) -> int:
        """The number of replicas that are ready."""
        return sum(moment is not None and moment <= at for moment in self.ready_at)

    def billable(self, at: datetime, billed_from: BilledFrom) -> list[int]:
        """The replicas that are billed; one that never gets ready is not."""
        return [
            number
            for number, moment in enumerate(self.ready_at)
            if moment is not None and (billed_from == "started" or moment <= at)
        ]

    def scaled(self, wanted: int, ready_at: datetime, capacity: int, full: str) -> Replicas:
        """The same with this number of replicas: the newest go first, new ones are ready at `ready_at`, unless the
        region has an error, or no room (`full` is then its error)."""
        if wanted <= self.total:
            return replace(self, ready_at=self.ready_at[:wanted])
        room = 0 if self.error else max(min(wanted, capacity) - self.total, 0)
        missing = wanted - self.total - room
        error = self.error or (full if missing else "")
        return Replicas((*self.ready_at, *[ready_at] * room, *[None] * missing), error)


@dataclass(frozen=True)
class Deployment:
    """One deployment: `arguments` have a value for each argument of an order but the name.

    `revised_at` is the start of its present containers, which exist from `containers_from` on (None: never).
    `address_from` is the moment from which it has an address, for good. `replicas` are by region id; `billed` names
    those that have an open run. Everything until `accounted_until` is in the ledger.
    `requests` are those that a trigger may count; `load` is a number of replicas, and `application` the name of what it
    is a part of, as the control has set them.
    """

    project_id: int
    name: str
    arguments: Json = field(repr=False)
    created_at: datetime
    found_from: datetime
    listed_from: datetime
    revised_at: datetime
    containers_from: datetime | None
    accounted_until: datetime
    address_from: datetime | None = None
    replicas: dict[str, Replicas] = field(default_factory=dict)
    enabled: bool = True
    deleted_at: datetime | None = None
    end: End | None = None
    billed: tuple[str, ...] = ()
    last_request: datetime | None = None
    requests: tuple[datetime, ...] = ()
    load: int | None = None
    application: str = ""

    @property
    def id(self) -> str:
        """Its name, which is unique in its project only, so that other projects than the default one go before it."""
        return deployment_id(self.project_id, self.name)

    @property
    def scales(self) -> Mapping[str, Json]:
        """The scale of each region."""
        return {str(container["region_id"]): container["scale"] for container in self.arguments["containers"]}

    @property
    def total(self) -> int:
        """The replicas of all regions."""
        return sum(replicas.total for replicas in self.replicas.values())

    @property
    def ready_moments(self) -> list[datetime]:
        """The moments from which its replicas are ready."""
        return [moment for replicas in self.replicas.values() for moment in replicas.ready_at if moment is not None]

    def has_containers(self, at: datetime) -> bool:
        """Returns whether the present containers exist."""
        return self.containers_from is not None and self.containers_from <= at

    def has_address(self, at: datetime) -> bool:
        """Returns whether it has got an address."""
        return self.address_from is not None and self.address_from <= at

    def status(self, at: datetime) -> Status:
        """The status at a moment."""
        if self.deleted_at is not None:
            return Status.DELETING
        if not self.enabled:
            return Status.DISABLED
        if not self.has_containers(at):
            return Status.DEPLOYING
        if not self.total:
            return Status.PENDING
        is_up = all(
            replicas.ready(at) >= min(replicas.total, max(self.scales[region]["min"], 1))
            for region, replicas in self.replicas.items()
        )
        return Status.ACTIVE if is_up else Status.PARTIALLY_DEPLOYED

    def billable(self, at: datetime, billed_from: BilledFrom) -> tuple[str, ...]:
        """The names of the replicas that are billed."""
        return tuple(
            replica_name(region, number)
            for region, replicas in self.replicas.items()
            for number in replicas.billable(at, billed_from)
        )

    @property
    def idle_at(self) -> datetime | None:
        """The moment at which it is scaled down to its minimum for want of requests; None if nothing is to go.

        `timeout` seconds count from the last request, and from the moment at which the last replica is ready, so that
        a deployment that was woken gets a chance to answer.
        """
        minimum = {region: scale["min"] for region, scale in self.scales.items()}
        if self.load is not None or all(
            replicas.total <= minimum[region] for region, replicas in self.replicas.items()
        ):
            return None
        used = [self.revised_at, *self.ready_moments, *([self.last_request] if self.last_request else [])]
        return max(used) + timedelta(seconds=self.arguments["timeout"])

    @property
    def next_change(self) -> datetime | None:
        """The moment of the next change that has to be carried out."""
        if self.deleted_at is not None:
            return self.deleted_at
        ready = [moment for moment in self.ready_moments if moment > self.accounted_until]
        return earliest([*ready, self.idle_at, self.end.at if self.end else None])


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first moment, None for none."""
    return min((moment for moment in moments if moment is not None), default=None)


def deployment_id(project_id: int, name: str) -> str:
    """The id of a deployment in the whole account."""
    return name if project_id == DEFAULT_PROJECT else f"{project_id}.{name}"


def maximum(arguments: Mapping[str, Any]) -> int:
    """The replicas of all regions at the maximum scale."""
    return sum(int(container["scale"]["max"]) for container in arguments["containers"])


def matched_by(arguments: Mapping[str, Any], region_id: str | None = None) -> Mapping[str, str]:
    """The arguments by which faults match: the flavor, and a region, the first one unless one is given."""
    containers = arguments.get("containers")
    first = containers[0] if isinstance(containers, list) and containers else {}
    place = region_id or (first.get("region_id") if isinstance(first, dict) else None)
    values = {"flavor_name": arguments.get("flavor_name"), "region_id": place}
    return {name: str(value) for name, value in values.items() if isinstance(value, str | int)}

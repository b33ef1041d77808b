"""The containers of deployments: they start, are scaled, stop, and are billed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from pulumi_cortecs.simulator.faults import CONTAINER_FAULTS, Fault, FaultKind, FaultTarget
from pulumi_cortecs.simulator.gcore.deployments import BOOT_STEPS, Deployment, End, Replicas, earliest, matched_by
from pulumi_cortecs.simulator.gcore.fleet import Fleet
from pulumi_cortecs.simulator.gcore.market import GcoreMarket
from pulumi_cortecs.simulator.gcore.runs import GcoreRun, run_key
from pulumi_cortecs.simulator.gcore.settings import GcoreSettings
from pulumi_cortecs.simulator.world import World

NO_CAPACITY = "No capacity available in the region"
_CRASHED = "Container exited with an error"
_REGION_FAULTS = CONTAINER_FAULTS | {FaultKind.STUCK_BOOT, FaultKind.BOOT_FAILURE}


class Containers:
    """The changes of containers; each puts the changed deployment into the fleet, and its price into the ledger."""

    def __init__(self, world: World, market: GcoreMarket, fleet: Fleet):
        self._world = world
        self._market = market
        self._fleet = fleet

    def start(
        self, deployment: Deployment, counts: Mapping[str, int], at: datetime, target: FaultTarget, boot: float
    ) -> Deployment:
        """Start these replicas, in place of all that there were: the boot takes `boot` seconds. Faults hit the regions
        one by one."""
        deployment = self.account(replace(deployment, replicas={}), at)
        replicas, begins = dict[str, Replicas](), at + timedelta(seconds=boot / BOOT_STEPS)
        never_begin = False
        for number, (region, count) in enumerate(counts.items(), start=1):
            steps = BOOT_STEPS if number == len(counts) else BOOT_STEPS - 1
            faults = self._region_faults(deployment, region, target)
            error = next((_message(fault) for fault in faults if fault.kind is not FaultKind.STUCK_BOOT), "")
            stuck = [fault for fault in faults if fault.kind is FaultKind.STUCK_BOOT]
            never_begin = never_begin or any(fault.number("step") <= 1 for fault in stuck)
            ready_at = at + timedelta(seconds=boot * steps / BOOT_STEPS)
            made = Replicas(error=error).scaled(count, ready_at, self._room(deployment, region), NO_CAPACITY)
            replicas[region] = replace(made, ready_at=(None,) * count) if stuck else made
        containers_from = None if never_begin else begins
        started = replace(
            deployment,
            replicas=replicas,
            revised_at=at,
            containers_from=containers_from,
            address_from=deployment.address_from or containers_from,
            requests=(),
        )
        return self.account(started, at)

    def scale(self, deployment: Deployment, wanted: Mapping[str, int], at: datetime) -> Deployment:
        """Start or stop replicas, until there are as many as wanted."""
        ready_at = at + timedelta(seconds=self._settings.boot_seconds)
        replicas = {
            region: deployment.replicas.get(region, Replicas()).scaled(
                count, ready_at, self._room(deployment, region), NO_CAPACITY
            )
            for region, count in wanted.items()
        }
        return self.account(replace(deployment, replicas=replicas), at)

    def stop(self, deployment: Deployment, at: datetime) -> Deployment:
        """Stop all replicas, which ends the bill."""
        self._world.serving.end(deployment.id)
        return self.account(replace(deployment, replicas={}, end=None, last_request=None, requests=(), load=None), at)

    def account(self, deployment: Deployment, at: datetime) -> Deployment:
        """Begin and end the runs of replicas whose billing has begun or ended by `at`."""
        billed = deployment.billable(at, self._settings.gcore_billed_from)
        for name in set(deployment.billed) - set(billed):
            self._world.ledger.end(run_key(deployment.id, name), at)
        for name in billed:
            if name not in deployment.billed:
                self._world.ledger.begin(self._run(deployment, name, at))
        return self._fleet.put(replace(deployment, billed=billed, accounted_until=at))

    def _run(self, deployment: Deployment, name: str, at: datetime) -> GcoreRun:
        flavor = self._market.flavors[deployment.arguments["flavor_name"]]
        region, replica = name.split("/")
        return GcoreRun(
            str(deployment.project_id),
            deployment.id,
            started_at=at,
            billed_from=at,
            region_id=int(region),
            replica=int(replica),
            flavor_name=flavor.name,
            price_per_hour=flavor.price(self._settings.gcore_currency),
        )

    def _room(self, deployment: Deployment, region: str) -> int:
        return self._market.capacity(int(region), deployment.arguments["flavor_name"])

    def _region_faults(self, deployment: Deployment, region: str, target: FaultTarget) -> list[Fault]:
        in_region = replace(target, arguments=matched_by(deployment.arguments, region))
        return self._world.faults.take_matching(in_region, _REGION_FAULTS)

    @property
    def _settings(self) -> GcoreSettings:
        return self._world.settings_of(GcoreSettings)


def planned_end(faults: Iterable[Fault], deployment: Deployment, now: datetime) -> End | None:
    """The first end that faults of an order or a start bring; a reclaim counts from the first replica that is ready."""
    by_kind = {fault.kind: fault for fault in faults}
    outside, reclaim = by_kind.get(FaultKind.STOP_FROM_OUTSIDE), by_kind.get(FaultKind.RECLAIM)
    ends = [End(now + timedelta(seconds=outside.number("seconds")))] if outside else []
    ready_at = earliest(deployment.ready_moments)
    if reclaim is not None and ready_at is not None:
        taken_at = ready_at + timedelta(seconds=reclaim.number("seconds"))
        ends.append(End(taken_at, bool(reclaim.parameter("vanish"))))
    return min(ends, key=lambda end: end.at, default=None)


def _message(fault: Fault) -> str:
    return str(fault.parameter("message")) if fault.kind is FaultKind.CONTAINER_ERROR else _CRASHED

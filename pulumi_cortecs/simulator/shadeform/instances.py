"""The life of one simulated instance, a function of virtual time (docs/apis/shadeform.md#states)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from pulumi_cortecs.simulator.faults import Fault, FaultKind
from pulumi_cortecs.simulator.instance_ports import Address
from pulumi_cortecs.simulator.lags import NO_LAG, Lag, lag_of
from pulumi_cortecs.simulator.shadeform.market import InstanceOffer
from pulumi_cortecs.simulator.shadeform.requests import parse_date
from pulumi_cortecs.simulator.shadeform.runs import ShadeformRun
from pulumi_cortecs.simulator.shadeform.settings import BillingStart

Json = dict[str, Any]


class Status(str, Enum):
    """The statuses of the API. A deleted instance is gone."""

    CREATING = "creating"
    PENDING_PROVIDER = "pending_provider"
    PENDING = "pending"
    ACTIVE = "active"
    ERROR = "error"
    DELETING = "deleting"
    DELETED = "deleted"


BOOT = (Status.CREATING, Status.PENDING_PROVIDER, Status.PENDING, Status.ACTIVE)
BOOT_STEPS = len(BOOT) - 1


@dataclass(frozen=True)
class End:
    """The end of an instance without a request of its account: it is deleted, or `vanishes`."""

    at: datetime
    vanishes: bool = False


@dataclass(frozen=True)
class BootPlan:
    """The course of a boot in steps of equal length. `stuck_at` is the last status that it reaches, by its index in
    BOOT; from `fails_at` on the status is error."""

    started_at: datetime
    seconds: float
    stuck_at: int | None = None
    fails_at: datetime | None = None

    def reached(self, index: int) -> datetime | None:
        """The moment of a status of BOOT; None if it is never reached."""
        at = self.started_at + timedelta(seconds=self.seconds * index / BOOT_STEPS)
        is_stuck = self.stuck_at is not None and index > self.stuck_at
        return None if is_stuck or (self.fails_at is not None and self.fails_at <= at) else at

    def status(self, at: datetime) -> Status:
        """The status at a moment, from the start on."""
        if self.fails_at is not None and self.fails_at <= at:
            return Status.ERROR
        moments = (self.reached(index) for index in range(1, len(BOOT)))
        return BOOT[sum(moment is not None and moment <= at for moment in moments)]

    @property
    def active_at(self) -> datetime | None:
        """The moment of active, None for never."""
        return self.reached(BOOT_STEPS)

    def billed_from(self, start: BillingStart) -> datetime | None:
        """The moment from which it is billed, None for never."""
        return self.reached({"created": 0, "provider": BOOT.index(Status.PENDING), "active": BOOT_STEPS}[start])


@dataclass(frozen=True)
class VirtualInstance:
    """One instance: `order` as it was sent and changed since, and the offer and the tariff of its creation.

    `thresholds_since` is when its auto_delete was set. `answers_from` is the end of its latest reboot.
    """

    instance_id: str
    cloud_assigned_id: str
    order: Json
    launch_configuration: Json | None
    ssh_key_id: str
    offer: InstanceOffer
    run: ShadeformRun
    boot: BootPlan
    address: Address
    thresholds_since: datetime
    listed_from: datetime
    found_from: datetime
    end: End | None = None
    answers_from: datetime | None = None
    deleting_at: datetime | None = None
    deleted_at: datetime | None = None
    late: Lag = NO_LAG

    def status(self, at: datetime) -> Status:
        """The status at a moment."""
        if self.deleting_at is not None and self.deleting_at <= at:
            return Status.DELETING
        return self.boot.status(max(at, self.boot.started_at))

    @property
    def created_at(self) -> datetime:
        """The moment of its order."""
        return self.boot.started_at

    @property
    def matched_by(self) -> Mapping[str, str]:
        """The arguments by which faults match."""
        return matched_by(self.order)

    @property
    def container(self) -> Json | None:
        """The container that is started once it is active, if any."""
        return docker_configuration(self.launch_configuration)

    @property
    def scheduled_end(self) -> End | None:
        """The first end that faults or auto_delete have scheduled."""
        thresholds = self.order["auto_delete"] or {}
        date, dollars = thresholds.get("date_threshold"), thresholds.get("spend_threshold")
        moments = [parse_date(date) if date else None, self.run.spent_at(Decimal(dollars)) if dollars else None]
        ends = [End(max(moment, self.thresholds_since)) for moment in moments if moment is not None]
        return min([*ends, *([self.end] if self.end else [])], key=lambda end: end.at, default=None)

    @property
    def next_change(self) -> datetime | None:
        """The moment of the next change that has to be carried out."""
        if self.deleted_at is not None:
            return self.deleted_at
        return self.scheduled_end.at if self.scheduled_end else None


def docker_configuration(launch_configuration: Json | None) -> Json | None:
    """The container of a launch configuration, if it has one."""
    container: Json | None = (launch_configuration or {}).get("docker_configuration")
    return container


def matched_by(order: Mapping[str, Any]) -> Mapping[str, str]:
    """The arguments of an order by which faults match."""
    values = {name: order.get(name) for name in ("region", "shade_instance_type")}
    return {name: value for name, value in values.items() if isinstance(value, str)}


@dataclass(frozen=True)
class LifePlan:
    """The life that the faults of an order give it."""

    boot: BootPlan
    end: End | None
    unlisted: Lag
    late: Lag


def plan_life(faults: Iterable[Fault], seconds: float, now: datetime) -> LifePlan:
    """The life of an instance that is ordered at `now`. Of several faults of one kind the last counts, of several ends
    the first."""
    by_kind = {fault.kind: fault for fault in faults}
    stuck, failure = by_kind.get(FaultKind.STUCK_BOOT), by_kind.get(FaultKind.BOOT_FAILURE)
    fails_at = None
    if failure is not None:
        fails_at = now + timedelta(seconds=seconds * _step(failure) / BOOT_STEPS)
    boot = BootPlan(now, seconds, None if stuck is None else _step(stuck) - 1, fails_at)
    end, reclaim, outside = None, by_kind.get(FaultKind.RECLAIM), by_kind.get(FaultKind.STOP_FROM_OUTSIDE)
    if reclaim is not None and boot.active_at is not None:
        taken_at = boot.active_at + timedelta(seconds=reclaim.number("seconds"))
        if reclaim.parameter("vanish"):
            end = End(taken_at, vanishes=True)
        else:
            boot = BootPlan(now, seconds, fails_at=taken_at)
    if outside is not None:
        stopped = End(now + timedelta(seconds=outside.number("seconds")))
        end = stopped if end is None else min(end, stopped, key=lambda end: end.at)
    return LifePlan(boot, end, lag_of(by_kind.get(FaultKind.LIST_LAG)), lag_of(by_kind.get(FaultKind.STATUS_LAG)))


def _step(fault: Fault) -> int:
    return min(int(fault.number("step")), BOOT_STEPS)

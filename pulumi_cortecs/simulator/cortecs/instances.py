"""The life of one simulated instance, a pure function of virtual time (pending through five steps, running, stopped),
and the cost of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar

from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, billed_amount
from pulumi_cortecs.simulator.lags import NO_LAG, Lag
from pulumi_cortecs.simulator.ledger import Run

NUM_STEPS = 5
STEPS = (
    "Reserving hardware.",
    "Starting the worker.",
    "Downloading the model.",
    "Loading the model into memory.",
    "The worker is running.",
)


class Status(str, Enum):
    """The statuses of the API, which has neither failed nor deleting (docs/apis/cortecs.md#states)."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True)
class PurchasedArgs:
    """The arguments of a purchase with defaults: clients compare them by equality (docs/apis/cortecs.md#traps)."""

    model_id: str
    hardware_type_id: str
    context_length: int
    billing_interval: BillingInterval
    num_workers: int


@dataclass(frozen=True)
class Boot:
    """The course of one start or restart, in virtual seconds. `stuck_at_step` is the last step that it reaches."""

    started_at: datetime
    seconds: float
    worker_stagger: float = 0.0
    stuck_at_step: int | None = None

    def step(self, worker: int, now: datetime) -> int:
        """The step, 1 to 5, that a worker has reached; at 5 it runs."""
        age = (now - self.started_at).total_seconds() - worker * self.worker_stagger
        if age >= self.seconds:
            reached = NUM_STEPS
        elif age <= 0:
            reached = 1
        else:
            # a share can round up to the whole, so the time itself decides whether a worker runs
            reached = min(1 + int(age * (NUM_STEPS - 1) / self.seconds), NUM_STEPS - 1)
        return reached if self.stuck_at_step is None else min(reached, self.stuck_at_step)

    def end_of(self, step: int) -> datetime:
        """The end of a step from 1 to 4 of the first worker, if it is not stuck before."""
        return self.started_at + timedelta(seconds=self.seconds * step / (NUM_STEPS - 1))

    @property
    def ready_at(self) -> datetime | None:
        """The moment at which the first worker runs and the instance is usable; None for a stuck boot."""
        return None if self.stuck_at_step is not None else self.started_at + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class ScheduledStop:
    """The end of a run without a request of its account: the instance is stopped, or `vanishes`."""

    at: datetime
    vanishes: bool = False


@dataclass(frozen=True)
class VirtualInstance:
    """One instance: its arguments, its latest boot, and the time of its past or scheduled stop.

    `listed_from`: the time from which lists show it; `found_from`: the time from which the API knows its id (list lag).
    """

    account: str
    instance_id: str
    args: PurchasedArgs
    boot: Boot
    listed_from: datetime
    found_from: datetime
    stopped_at: datetime | None = None
    ends: ScheduledStop | None = None
    late: Lag = NO_LAG

    def status(self, now: datetime) -> Status:
        """The status: running as soon as at least one worker runs."""
        if self.stopped_at is not None:
            return Status.STOPPED
        return Status.RUNNING if self.boot.step(0, now) == NUM_STEPS else Status.PENDING


@dataclass(frozen=True)
class CortecsRun(Run):
    """A run of several workers, billed by the minute or the hour; `hardware` has the prices of its start."""

    cloud: ClassVar[str] = "cortecs"

    hardware: PricedHardware
    billing_interval: BillingInterval
    num_workers: int

    def cost(self, ran_for: timedelta) -> Money:
        return billed_amount(self.hardware, self.billing_interval, self.num_workers, ran_for)

    def tariff(self) -> Mapping[str, Any]:
        return {
            "hardware_type_id": self.hardware.hardware_type_id,
            "billing_interval": self.billing_interval.value,
            "num_workers": self.num_workers,
        }

"""The life of one simulated instance, a pure function of virtual time (pending through five steps, running, stopped),
and what its runs cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar

from pulumi_cortecs.cost import BillingInterval, HardwareType, Money, billed
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
    """All there are: there is no failed and no deleting (docs/apis/cortecs.md#states)."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True)
class OrderedArgs:
    """What was bought, defaults filled in: clients compare them by equality (docs/apis/cortecs.md#traps)."""

    model_id: str
    hardware_type_id: str
    context_length: int
    billing_interval: BillingInterval
    num_workers: int


@dataclass(frozen=True)
class Boot:
    """How one start or restart goes; times are virtual seconds. `stuck_at_step` is the step it never gets beyond."""

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
            # a share can round up to the whole: only the time itself makes a worker run
            reached = min(1 + int(age * (NUM_STEPS - 1) / self.seconds), NUM_STEPS - 1)
        return reached if self.stuck_at_step is None else min(reached, self.stuck_at_step)

    def end_of(self, step: int) -> datetime:
        """When the first worker is through a step from 1 to 4, if it is not stuck before that."""
        return self.started_at + timedelta(seconds=self.seconds * step / (NUM_STEPS - 1))

    @property
    def ready_at(self) -> datetime | None:
        """When the first worker runs: from then on the instance is usable. None when the boot is stuck."""
        return None if self.stuck_at_step is not None else self.started_at + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class ScheduledStop:
    """How a run ends without its account's doing: at a moment it is stopped, or it `vanishes` altogether."""

    at: datetime
    vanishes: bool = False


@dataclass(frozen=True)
class Lag:
    """How many virtual seconds late the progress of a boot shows in lists, and in the answer by id."""

    in_lists: float = 0.0
    by_id: float = 0.0


@dataclass(frozen=True)
class VirtualInstance:
    """One instance: what was bought, its latest boot, and when it was stopped or is going to be.

    `listed_from` is when it appears in lists, `found_from` when its id is known to the API (list lag).
    """

    account: str
    instance_id: str
    args: OrderedArgs
    boot: Boot
    listed_from: datetime
    found_from: datetime
    stopped_at: datetime | None = None
    ends: ScheduledStop | None = None
    late: Lag = Lag()

    def status(self, now: datetime) -> Status:
        """Running as soon as at least one worker is."""
        if self.stopped_at is not None:
            return Status.STOPPED
        return Status.RUNNING if self.boot.step(0, now) == NUM_STEPS else Status.PENDING


@dataclass(frozen=True)
class CortecsRun(Run):
    """A run by the minute or the hour of so many workers; `hardware` has the prices of its start."""

    cloud: ClassVar[str] = "cortecs"

    hardware: HardwareType
    billing_interval: BillingInterval
    num_workers: int

    def cost(self, ran_for: timedelta) -> Money:
        return billed(self.hardware, self.billing_interval, self.num_workers, ran_for)

    def tariff(self) -> Mapping[str, Any]:
        return {
            "hardware_type_id": self.hardware.hardware_type_id,
            "billing_interval": self.billing_interval.value,
            "num_workers": self.num_workers,
        }

"""The course of a run, which the settings and the faults of its boot decide when it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pulumi_cortecs.simulator.cortecs.instances import Boot, ScheduledStop
from pulumi_cortecs.simulator.cortecs.settings import CortecsSettings
from pulumi_cortecs.simulator.faults import Fault, FaultKind
from pulumi_cortecs.simulator.lags import Lag, lag_of


@dataclass(frozen=True)
class BootPlan:
    """The course of a boot, when a new instance becomes visible, and the end of its run, if one is scheduled."""

    boot: Boot
    listed_from: datetime
    found_from: datetime
    ends: ScheduledStop | None
    late: Lag


def plan_boot(faults: Iterable[Fault], settings: CortecsSettings, now: datetime) -> BootPlan:
    """The run that starts at `now`. Of several ends the first counts, of several faults of one kind the last."""
    by_kind = {fault.kind: fault for fault in faults}
    stuck = by_kind.get(FaultKind.STUCK_BOOT)
    boot = Boot(
        started_at=now,
        seconds=settings.boot_seconds,
        worker_stagger=settings.worker_stagger_seconds,
        stuck_at_step=None if stuck is None else int(stuck.number("step")),
    )
    ends = [end for end in (_scheduled_stop(fault, boot) for fault in by_kind.values()) if end is not None]
    list_lag = lag_of(by_kind.get(FaultKind.LIST_LAG))
    return BootPlan(
        boot=boot,
        listed_from=now + timedelta(seconds=list_lag.in_lists),
        found_from=now + timedelta(seconds=list_lag.by_id),
        ends=min(ends, key=lambda end: end.at, default=None),
        late=lag_of(by_kind.get(FaultKind.STATUS_LAG)),
    )


def _scheduled_stop(fault: Fault, boot: Boot) -> ScheduledStop | None:
    if fault.kind is FaultKind.BOOT_FAILURE:
        return ScheduledStop(boot.end_of(int(fault.number("step"))))
    if fault.kind is FaultKind.STOP_FROM_OUTSIDE:
        return ScheduledStop(boot.started_at + timedelta(seconds=fault.number("seconds")))
    if fault.kind is FaultKind.RECLAIM and boot.ready_at is not None:
        return ScheduledStop(
            boot.ready_at + timedelta(seconds=fault.number("seconds")), vanishes=bool(fault.parameter("vanish"))
        )
    return None

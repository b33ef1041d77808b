"""What the faults that hit a boot make of the run that follows: decided once, when it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pulumi_cortecs.simulator.cortecs.instances import Boot, End, Late
from pulumi_cortecs.simulator.cortecs.settings import CortecsSettings
from pulumi_cortecs.simulator.faults import Fault, FaultKind


@dataclass(frozen=True)
class Fate:
    """How a boot goes, from when a new instance is listed and found, and how its run ends by itself."""

    boot: Boot
    listed_from: datetime
    found_from: datetime
    ends: End | None
    late: Late


def fate(faults: Iterable[Fault], settings: CortecsSettings, now: datetime) -> Fate:
    """The run that starts at `now`. Of several ends the first counts, of several faults of one kind the last."""
    by_kind = {fault.kind: fault for fault in faults}
    stuck = by_kind.get(FaultKind.STUCK_BOOT)
    boot = Boot(
        started_at=now,
        seconds=settings.boot_seconds,
        worker_stagger=settings.worker_stagger_seconds,
        stuck_at_step=None if stuck is None else int(stuck.number("step")),
    )
    ends = [end for end in (_end(fault, boot) for fault in by_kind.values()) if end is not None]
    unlisted = lag(by_kind.get(FaultKind.LIST_LAG))
    return Fate(
        boot=boot,
        listed_from=now + timedelta(seconds=unlisted.in_lists),
        found_from=now + timedelta(seconds=unlisted.by_id),
        ends=min(ends, key=lambda end: end.at, default=None),
        late=lag(by_kind.get(FaultKind.STATUS_LAG)),
    )


def lag(fault: Fault | None) -> Late:
    """How late lists and answers by id are where a lag hit, if one did."""
    if fault is None:
        return Late()
    seconds = fault.number("seconds")
    return Late(seconds, seconds if fault.parameter("by_id") else 0.0)


def _end(fault: Fault, boot: Boot) -> End | None:
    if fault.kind is FaultKind.BOOT_FAILURE:
        return End(boot.end_of(int(fault.number("step"))))
    if fault.kind is FaultKind.STOP_FROM_OUTSIDE:
        return End(boot.started_at + timedelta(seconds=fault.number("seconds")))
    if fault.kind is FaultKind.RECLAIM and boot.ready_at is not None:
        return End(boot.ready_at + timedelta(seconds=fault.number("seconds")), vanishes=bool(fault.parameter("vanish")))
    return None

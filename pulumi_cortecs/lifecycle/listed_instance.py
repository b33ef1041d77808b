"""A purchase of an account's list, with its age and its cost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final, TypeVar

from pulumi_cortecs.cost import Money
from pulumi_cortecs.lifecycle.cloud import CanStop, Cloud, Phase, UnknownStatusError

T = TypeVar("T")

INSTANCE: Final = "instance"


@dataclass(frozen=True)
class ListedInstance:
    """One instance, or another purchase, whose name in texts is `noun`. `arguments` are spelled as in states, as far as
    the vendor reports them, and `ordered` is their text. `phase` is None for an unknown status.
    `started_at` is in UTC, or None. `hourly` is the current cost of an hour, zero while stopped, and `cost_so_far` that
    of the run since `started_at` by today's price; each is None where it is unknown. `manager` is what else at the
    vendor manages it, "" for nothing: such an instance is never ended. `is_at_most`: it scales, and both amounts are
    the most that it can cost."""

    instance_id: str
    arguments: Mapping[str, object]
    ordered: str
    status: str
    phase: Phase | None
    started_at: datetime | None
    hourly: Money | None = None
    cost_so_far: Money | None = None
    noun: str = INSTANCE
    manager: str = ""
    is_at_most: bool = False

    def age(self, now: datetime) -> timedelta | None:
        """The time since its last start: the vendor keeps no time of the purchase. Never negative, even if two clocks
        differ."""
        return None if self.started_at is None else max(now - self.started_at, timedelta(0))


def describe_instance(
    cloud: Cloud[T],
    instance: T,
    shown: Collection[str],
    now: datetime,
    hourly_price: Callable[[T], Money | None],
) -> ListedInstance:
    """An instance of the cloud's list. `shown` are the names of the arguments to return, `now` is the vendor's time,
    and `hourly_price` returns the price of a running instance, None where it is unknown. An unknown status counts as
    billed."""
    try:
        phase, status = cloud.phase(instance), str(cloud.endpoint_outputs(instance, {})["status"])
        is_billed = cloud.is_billed(instance)
    except UnknownStatusError:
        phase, status, is_billed = None, cloud.progress_text(instance), True
    reported = cloud.reported_inputs(instance)
    ordered = cloud.arguments_of({**dict.fromkeys(shown, "?"), **reported})
    hourly = hourly_price(instance)
    return ListedInstance(
        instance_id=cloud.id_of(instance),
        arguments={key: value for key, value in reported.items() if key in shown},
        ordered="?" if ordered is None else cloud.describe_order(ordered),
        status=status,
        phase=phase,
        started_at=_as_time(cloud.started_at(instance)),
        hourly=hourly if hourly is None or is_billed else Money.zero(hourly.currency),
        cost_so_far=None if hourly is None else _cost_so_far(cloud, instance, phase, now, hourly),
        manager=cloud.manager_of(instance),
        is_at_most=cloud.may_cost_less(instance),
    )


def sum_by_currency(amounts: Iterable[Money | None]) -> Mapping[str, Money]:
    """The sum per currency of the known amounts."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        if amount is not None:
            sums[amount.currency] = sums.get(amount.currency, Money.zero(amount.currency)) + amount
    return sums


def _cost_so_far(cloud: Cloud[T], instance: T, phase: Phase | None, now: datetime, hourly: Money) -> Money | None:
    """The cost of the run since its start; earlier runs of the same instance are not reported."""
    started_at, ended_at = _as_time(cloud.started_at(instance)), now
    if phase is Phase.STOPPED:
        stopped_at = _as_time(cloud.stopped_at(instance)) if isinstance(cloud, CanStop) else None
        if stopped_at is None:
            return None
        ended_at = stopped_at
    if started_at is None:
        return None
    return cloud.run_cost(instance, hourly, max(ended_at - started_at, timedelta(0)))


def _as_time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)

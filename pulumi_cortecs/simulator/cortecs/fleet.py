"""All instances in their true state, and as lagging lists and answers by id show them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pulumi_cortecs.simulator.cortecs.instances import ScheduledStop, VirtualInstance
from pulumi_cortecs.simulator.lags import Lag


@dataclass(frozen=True)
class View:
    """An instance as it is shown, and the moment of that state."""

    instance: VirtualInstance
    as_of: datetime


@dataclass(frozen=True)
class StaleView:
    """The state of an instance before a stop, a restart or its deletion, and the time until which it is shown."""

    instance: VirtualInstance
    as_of: datetime
    listed_until: datetime
    found_until: datetime

    @property
    def view(self) -> View:
        """The view that is shown."""
        return View(self.instance, self.as_of)


class Fleet:
    """The instances by their ids, in the order of their starts."""

    def __init__(self, instances: MutableMapping[str, VirtualInstance], echoes: MutableMapping[str, StaleView]):
        self._instances = instances
        self._stale_views = echoes
        self._ends = [(instance.ends.at, instance.instance_id) for instance in instances.values() if instance.ends]
        heapq.heapify(self._ends)

    def __iter__(self) -> Iterator[VirtualInstance]:
        return iter(list(self._instances.values()))

    def get(self, instance_id: str) -> VirtualInstance | None:
        """An instance in its true state."""
        return self._instances.get(instance_id)

    def put(self, instance: VirtualInstance) -> None:
        """Add an instance, or replace its state."""
        self._instances[instance.instance_id] = instance
        if instance.ends is not None:
            heapq.heappush(self._ends, (instance.ends.at, instance.instance_id))

    def remove(self, instance: VirtualInstance) -> None:
        """Remove an instance; only `keep_stale_view` can make it visible again."""
        del self._instances[instance.instance_id]
        self._stale_views.pop(instance.instance_id, None)

    def clear(self) -> None:
        """Remove all instances."""
        self._instances.clear()
        self._stale_views.clear()
        self._ends.clear()

    def due(self, now: datetime) -> Iterator[tuple[VirtualInstance, ScheduledStop]]:
        """The instances with a scheduled stop by `now`, the earliest first, without those whose run has ended
        before."""
        while self._ends and self._ends[0][0] <= now:
            at, instance_id = heapq.heappop(self._ends)
            instance = self._instances.get(instance_id)
            if instance is not None and instance.ends is not None and instance.ends.at == at:
                yield instance, instance.ends

    def keep_stale_view(self, instance: VirtualInstance, now: datetime, lag: Lag) -> None:
        """Keep showing the state of the instance until `now` for the time of `lag`."""
        for instance_id, stale in list(self._stale_views.items()):
            if max(stale.listed_until, stale.found_until) <= now:
                del self._stale_views[instance_id]
        self._stale_views.pop(instance.instance_id, None)
        if lag != Lag():
            self._stale_views[instance.instance_id] = StaleView(
                instance, now, now + timedelta(seconds=lag.in_lists), now + timedelta(seconds=lag.by_id)
            )

    def list_visible(self, account: str, now: datetime) -> list[View]:
        """An account's instances as its list shows them."""
        views = [
            self._list_view(instance, now)
            for instance in self._instances.values()
            if instance.account == account and instance.listed_from <= now
        ]
        deleted = (stale for instance_id, stale in self._stale_views.items() if instance_id not in self._instances)
        return views + [
            stale.view
            for stale in deleted
            if stale.instance.account == account and stale.instance.listed_from <= now < stale.listed_until
        ]

    def find_visible(self, account: str, instance_id: str, now: datetime) -> View | None:
        """An instance of that account as the answer by id shows it, or None."""
        stale, instance = self._stale_views.get(instance_id), self._instances.get(instance_id)
        if (
            stale is not None
            and stale.instance.account == account
            and stale.instance.found_from <= now < stale.found_until
        ):
            return stale.view
        if instance is None or instance.account != account or instance.found_from > now:
            return None
        return View(instance, _shown_as_of(instance, now, instance.late.by_id))

    def _list_view(self, instance: VirtualInstance, now: datetime) -> View:
        stale = self._stale_views.get(instance.instance_id)
        if stale is not None and stale.listed_until > now:
            return stale.view
        return View(instance, _shown_as_of(instance, now, instance.late.in_lists))


def _shown_as_of(instance: VirtualInstance, now: datetime, seconds: float) -> datetime:
    return max(instance.boot.started_at, now - timedelta(seconds=seconds)) if seconds else now

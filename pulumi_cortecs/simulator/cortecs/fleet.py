"""All instances as they really are, and as lists and answers by id show them where those lag behind."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pulumi_cortecs.simulator.cortecs.instances import End, Instance, Late


@dataclass(frozen=True)
class Seen:
    """An instance, and the moment as of which it is shown."""

    instance: Instance
    as_of: datetime


@dataclass(frozen=True)
class Echo:
    """What an instance was before a stop, a restart or its deletion, and until when that still shows."""

    instance: Instance
    as_of: datetime
    listed_until: datetime
    found_until: datetime

    @property
    def seen(self) -> Seen:
        """What shows."""
        return Seen(self.instance, self.as_of)


class Fleet:
    """The instances by their ids, in the order they were started."""

    def __init__(self, instances: MutableMapping[str, Instance], echoes: MutableMapping[str, Echo]):
        self._instances = instances
        self._echoes = echoes
        self._ends = [(each.ends.at, each.instance_id) for each in instances.values() if each.ends]
        heapq.heapify(self._ends)

    def __iter__(self) -> Iterator[Instance]:
        return iter(list(self._instances.values()))

    def get(self, instance_id: str) -> Instance | None:
        """An instance as it really is."""
        return self._instances.get(instance_id)

    def put(self, instance: Instance) -> None:
        """A new instance, or what has become of one."""
        self._instances[instance.instance_id] = instance
        if instance.ends is not None:
            heapq.heappush(self._ends, (instance.ends.at, instance.instance_id))

    def remove(self, instance: Instance) -> None:
        """It is gone; only `echo` can make it show again."""
        del self._instances[instance.instance_id]
        self._echoes.pop(instance.instance_id, None)

    def clear(self) -> None:
        """None is left."""
        self._instances.clear()
        self._echoes.clear()
        self._ends.clear()

    def due(self, now: datetime) -> Iterator[tuple[Instance, End]]:
        """Those whose run ends by itself by `now`, the earliest first, unless it was ended before."""
        while self._ends and self._ends[0][0] <= now:
            at, instance_id = heapq.heappop(self._ends)
            instance = self._instances.get(instance_id)
            if instance is not None and instance.ends is not None and instance.ends.at == at:
                yield instance, instance.ends

    def echo(self, instance: Instance, now: datetime, late: Late) -> None:
        """What the instance was until `now` goes on to show for as long as `late` says."""
        for gone in [each for each, echo in self._echoes.items() if max(echo.listed_until, echo.found_until) <= now]:
            del self._echoes[gone]
        self._echoes.pop(instance.instance_id, None)
        if late != Late():
            self._echoes[instance.instance_id] = Echo(
                instance, now, now + timedelta(seconds=late.in_lists), now + timedelta(seconds=late.by_id)
            )

    def listed(self, account: str, now: datetime) -> list[Seen]:
        """What a list shows of an account."""
        seen = [
            self._listed(each, now)
            for each in self._instances.values()
            if each.account == account and each.listed_from <= now
        ]
        deleted = (echo for instance_id, echo in self._echoes.items() if instance_id not in self._instances)
        return seen + [
            echo.seen
            for echo in deleted
            if echo.instance.account == account and echo.instance.listed_from <= now < echo.listed_until
        ]

    def found(self, account: str, instance_id: str, now: datetime) -> Seen | None:
        """What the answer by id shows, if it is one of that account's."""
        echo, instance = self._echoes.get(instance_id), self._instances.get(instance_id)
        if echo is not None and echo.instance.account == account and echo.instance.found_from <= now < echo.found_until:
            return echo.seen
        if instance is None or instance.account != account or instance.found_from > now:
            return None
        return Seen(instance, _late(instance, now, instance.late.by_id))

    def _listed(self, instance: Instance, now: datetime) -> Seen:
        echo = self._echoes.get(instance.instance_id)
        if echo is not None and echo.listed_until > now:
            return echo.seen
        return Seen(instance, _late(instance, now, instance.late.in_lists))


def _late(instance: Instance, now: datetime, seconds: float) -> datetime:
    return max(instance.boot.started_at, now - timedelta(seconds=seconds)) if seconds else now

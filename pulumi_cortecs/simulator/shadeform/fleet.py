"""All instances in their true state, and as lagging lists and answers by id show them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pulumi_cortecs.simulator.lags import NO_LAG, Lag
from pulumi_cortecs.simulator.shadeform.instances import VirtualInstance


@dataclass(frozen=True)
class View:
    """An instance as it is shown, and the moment of that state."""

    instance: VirtualInstance
    as_of: datetime


@dataclass(frozen=True)
class Echo:
    """A deleted instance that is still shown for a while."""

    instance: VirtualInstance
    listed_until: datetime
    found_until: datetime


class Fleet:
    """The instances by their ids, in the order of their creation."""

    def __init__(self, instances: MutableMapping[str, VirtualInstance], echoes: MutableMapping[str, Echo]):
        self._instances = instances
        self._echoes = echoes
        self._next_change: datetime | None = None
        self._plan()

    def __iter__(self) -> Iterator[VirtualInstance]:
        return iter(list(self._instances.values()))

    def get(self, instance_id: str) -> VirtualInstance | None:
        """An instance in its true state."""
        return self._instances.get(instance_id)

    def put(self, instance: VirtualInstance) -> VirtualInstance:
        """Add an instance, or replace its state."""
        self._instances[instance.instance_id] = instance
        change = instance.next_change
        if change is not None and (self._next_change is None or change < self._next_change):
            self._next_change = change
        return instance

    def remove(self, instance: VirtualInstance) -> None:
        """Remove an instance; only its echo can still show it."""
        del self._instances[instance.instance_id]

    def clear(self) -> None:
        """Remove all instances."""
        self._instances.clear()
        self._echoes.clear()
        self._next_change = None

    def due(self, now: datetime) -> Iterator[VirtualInstance]:
        """The instances with a change that is due by `now`, until all of them are carried out."""
        while self._next_change is not None and self._next_change <= now:
            for instance in self:
                if instance.next_change is not None and instance.next_change <= now:
                    yield instance
            self._plan()

    def keep_echo(self, instance: VirtualInstance, lag: Lag, now: datetime) -> None:
        """Keep showing a deleted instance for the time of `lag` after it is gone."""
        for other, echo in list(self._echoes.items()):
            if max(echo.listed_until, echo.found_until) <= now:
                del self._echoes[other]
        if lag != NO_LAG and instance.deleted_at is not None:
            until = [instance.deleted_at + timedelta(seconds=seconds) for seconds in (lag.in_lists, lag.by_id)]
            self._echoes[instance.instance_id] = Echo(instance, *until)

    def list_visible(self, now: datetime) -> list[View]:
        """The instances as the list shows them."""
        shown = [instance for instance in self._instances.values() if instance.listed_from <= now]
        deleted = [echo for instance_id, echo in self._echoes.items() if instance_id not in self._instances]
        return [
            *(View(instance, now - timedelta(seconds=instance.late.in_lists)) for instance in shown),
            *(View(echo.instance, now) for echo in deleted if echo.listed_until > now),
        ]

    def find_visible(self, instance_id: str, now: datetime) -> View | None:
        """An instance as the answer by id shows it, or None."""
        instance, echo = self._instances.get(instance_id), self._echoes.get(instance_id)
        if instance is not None:
            is_found = instance.found_from <= now
            return View(instance, now - timedelta(seconds=instance.late.by_id)) if is_found else None
        return View(echo.instance, now) if echo is not None and echo.found_until > now else None

    def mounted_by(self, volume_id: str) -> str:
        """The id of the instance that mounts a volume, "" for none."""
        instances = self._instances.values()
        return next((instance.instance_id for instance in instances if volume_id in instance.order["volume_ids"]), "")

    def uses_key(self, key_id: str) -> bool:
        """Returns whether an instance uses an SSH key."""
        return any(instance.ssh_key_id == key_id for instance in self._instances.values())

    def _plan(self) -> None:
        moments = [instance.next_change for instance in self._instances.values()]
        self._next_change = min((moment for moment in moments if moment is not None), default=None)

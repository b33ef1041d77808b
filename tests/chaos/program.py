"""The user's program in a round, for any cloud, and its edits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Edit(str, Enum):
    """The change between a first, undisturbed `up` and the one that is killed."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"
    SWAP = "replace, deleting first"
    STOP = "stop"
    RESTART = "restart"
    REPAIR = "stopped from outside"
    LABEL = "label"
    RESIZE = "another size of a volume"
    CHANGE = "change in place"
    SCALE = "scale"


@dataclass(frozen=True)
class Entry:
    """One instance of the program; those with one `variant` are alike in every argument. `volume` is the name of the
    one that it mounts, "" for none; `replicas` and `given`, the name that the program gives it, are for clouds that
    have them."""

    name: str
    variant: int
    state: str = "running"
    restart_trigger: str = ""
    delete_first: bool = False
    adopt_id: str = ""
    label: str = ""
    volume: str = ""
    replicas: int = 1
    given: str = ""


@dataclass(frozen=True)
class VolumeEntry:
    """One volume of the program, with its size in GB."""

    name: str
    size: int


@dataclass(frozen=True)
class Program:
    """The user's program. `patience` is how long an Endpoint waits, in real seconds. All instances have the program's
    SSH key, if it `has_key`."""

    entries: tuple[Entry, ...]
    on_timeout: str = "keep"
    patience: int = 8
    volumes: tuple[VolumeEntry, ...] = ()
    has_key: bool = False

    @property
    def purchases(self) -> int:
        """The number of resources that cost money."""
        return len(self.entries) + len(self.volumes)

    @property
    def attaches(self) -> bool:
        """True if an instance holds something else of the program that cannot be deleted until then."""
        return self.has_key or any(entry.volume for entry in self.entries)

    def mounted(self, volume: str) -> int:
        """The number of instances that mount a volume."""
        return sum(entry.volume == volume for entry in self.entries)

    def adopting(self, name: str, instance_id: str) -> Program:
        """The program in which this entry takes over an instance, "" for none any more."""
        entries = (replace(entry, adopt_id=instance_id) if entry.name == name else entry for entry in self.entries)
        return replace(self, entries=tuple(entries))

    def with_edit(self, edit: Edit) -> Program:
        """The program after an edit; the last entry, or the last volume, is the one that changes."""
        *others, last = self.entries
        if edit is Edit.ADD:
            # a volume can be mounted once
            return replace(self, entries=(*self.entries, replace(last, name=f"{last.name}-too", volume="")))
        if edit is Edit.RESIZE:
            *kept, resized = self.volumes
            return replace(self, volumes=(*kept, replace(resized, size=resized.size + 100)))
        if edit is Edit.REMOVE:
            return replace(self, entries=tuple(others))
        if edit in (Edit.REPLACE, Edit.SWAP):
            last = replace(last, variant=last.variant + 100, given=f"{last.name}-given")
        elif edit is Edit.CHANGE:
            last = replace(last, variant=last.variant + 100)
        elif edit is Edit.SCALE:
            last = replace(last, replicas=last.replicas + 1)
        elif edit is Edit.STOP:
            last = replace(last, state="stopped")
        elif edit is Edit.RESTART:
            last = replace(last, restart_trigger="again")
        elif edit is Edit.LABEL:
            last = replace(last, label="new")
        return replace(self, entries=(*others, last))

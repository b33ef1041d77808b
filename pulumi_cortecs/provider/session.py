"""What one provider process remembers. A host process serves one provider resource, so it has just one session; tests
have as many as they play processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi_cortecs.cost import Money
from pulumi_cortecs.lifecycle.shared_rows import SharedRows


@dataclass(frozen=True)
class Judged:
    """The inputs of a first check. `adopts`: they replace what was there by an instance that runs already.
    `confirmed`: a diff has shown what policies and `ignore_changes` made of them."""

    inputs: dict[str, Any]
    adopts: bool = False
    confirmed: bool = False


@dataclass(frozen=True)
class Row:
    """An Instance's row: `arguments` are those that decide what is bought, `came` what the vendor told when it was
    bought in this process. `inferred`: its id was concluded from a list of the vendor's."""

    urn: str
    arguments: Mapping[str, Any]
    inferred: bool = False
    came: Mapping[str, Any] = field(default_factory=dict)


class Session:
    """Threads may share it. Single reads and writes of its tables need no lock; who reads and writes holds `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.judged: dict[str, Judged] = {}
        """By URN, what policies have judged; see judged.py."""
        self.quoted: dict[str, Mapping[str, Any]] = {}
        """By URN, for which arguments the last check has made a quote; see quoted.py."""
        self.rows: dict[str, Row] = {}
        """By id of the instance, the row that has it; see rows.py."""
        self.hourly: dict[str, Money] = {}
        """By id of the instance, what an hour of it costs; see hourly.py."""
        self.owners: dict[str, str] = {}
        """By id of the instance, the URN that has adopted it in this process."""
        self.keepers: dict[str, str] = {}
        """By id of the instance, the URN that has adopted it in an earlier run, and keeps it."""
        self.wanted: set[str] = set()
        """The instances that resources of this run adopt."""
        self._done: set[str] = set()
        self._shared_rows: SharedRows | None = None

    def shared_rows(self, made: Callable[[], SharedRows]) -> SharedRows:
        """What is known of instances that are in more than one row; `made` at the first asking."""
        with self.lock:
            if self._shared_rows is None:
                self._shared_rows = made()
            return self._shared_rows

    def is_first(self, what: str) -> bool:
        """Whether nobody has asked this before: for what a process does, or says, once."""
        with self.lock:
            is_first = what not in self._done
            self._done.add(what)
        return is_first


_current = Session()


def current() -> Session:
    """The session of this process."""
    return _current


def use(session: Session) -> None:
    """Makes it the session of this process."""
    global _current
    _current = session

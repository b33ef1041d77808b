"""The memory of one provider process. A host process serves one provider resource, so it has just one session; tests
have as many as they play processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pulumi_cortecs._tokens import instance_tokens
from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits_file import LimitsFileError, account_is_exclusive
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.lifecycle import engine_cli
from pulumi_cortecs.lifecycle.backends import Backend, identify_backend
from pulumi_cortecs.lifecycle.cli_states import open_states
from pulumi_cortecs.lifecycle.clock import Clock, InterruptibleClock, SystemClock
from pulumi_cortecs.lifecycle.journal import Journal, journal_directory
from pulumi_cortecs.lifecycle.releases import Releases
from pulumi_cortecs.lifecycle.shared_rows import SharedRows
from pulumi_cortecs.lifecycle.spend_guard import SpendGuard
from pulumi_cortecs.lifecycle.stack_state import States
from pulumi_cortecs.provider import process
from pulumi_cortecs.provider.kind import Market

if TYPE_CHECKING:
    from pulumi_cortecs.provider.accounts import Account

T = TypeVar("T")

_GATHER_SECONDS: Final = 0.03
"""Seconds that a reading of the state waits for other creations that begin at the same moment."""


_property_lock = threading.RLock()


class locked_cached_property(cached_property[T]):
    """A cached_property that is made once, however many threads ask first: Python's own has no lock since 3.12."""

    if not TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            with _property_lock:
                return super().__get__(instance, owner)


def run_in_thread(work: Callable[[], object]) -> None:
    """Runs it beside the caller. An error is dropped: who needs the result asks again, and meets it."""

    def run() -> None:
        with suppress(Exception):
            work()

    threading.Thread(target=run, daemon=True).start()


@dataclass(frozen=True)
class ReviewedInputs:
    """The inputs of a first check. `is_adoption`: they replace what was there by an instance that runs already.
    `is_diffed`: a diff has shown what policies and `ignore_changes` made of them."""

    inputs: dict[str, Any]
    is_adoption: bool = False
    is_diffed: bool = False


@dataclass(frozen=True)
class InstanceRow:
    """An Instance's row: `arguments` are those that decide what is bought, `delivered` is what the vendor reported when
    it was bought in this process. `inferred`: its id was concluded from a list of the vendor's."""

    urn: str
    arguments: Mapping[str, Any]
    inferred: bool = False
    delivered: Mapping[str, Any] = field(default_factory=dict)


class Session:
    """Threads may share it. Single reads and writes of its tables need no lock; who reads and writes holds `lock`."""

    def __init__(
        self,
        clock: Clock | None = None,
        waiting: Clock | None = None,
        in_background: Callable[[Callable[[], object]], None] = run_in_thread,
    ) -> None:
        """`waiting` is the clock of waits that an interrupt ends; `in_background` runs what will be needed soon."""
        self.in_background = in_background
        self.clock = clock or SystemClock()
        self.waiting_clock = waiting or InterruptibleClock(process.interrupted)
        self.lock = threading.Lock()
        self.config: Mapping[str, str] = {}
        """What it is configured with. Replaced as a whole: another thread may be reading it."""
        self.accounts: dict[Credentials, Account] = {}
        self.markets: dict[tuple[str, str], Market] = {}
        """By cloud and base URL."""
        self.spend_guards: dict[str, SpendGuard[Any]] = {}
        """By fingerprint of the account, what is ordered in it; see machine_limits.py."""
        self.reviewed: dict[str, ReviewedInputs] = {}
        """By URN, what policies have reviewed; see reviewed_inputs.py."""
        self.quotes: dict[str, Mapping[str, Any]] = {}
        """By URN, for which arguments the last check has made a quote; see quote_records.py."""
        self.rows: dict[str, InstanceRow] = {}
        """By id of the instance, the row that has it; see instance_records.py."""
        self.hourly_costs: dict[str, Money] = {}
        """By id of the instance, what an hour of it costs; see instance_records.py."""
        self.claims: dict[str, str] = {}
        """By id of the instance, the URN that has adopted it in this process."""
        self.owners_in_state: dict[str, str] = {}
        """By id of the instance, the URN that has adopted it in an earlier run, and keeps it."""
        self.requested_adoptions: set[str] = set()
        """The instances that resources of this run adopt."""
        self.known_ids: dict[str, set[str]] = {}
        """By cloud, the ids that the engine has shown us: states have them."""
        self.exclusive: dict[str, bool] = {}
        """By cloud, whether only this machine uses the account; see is_exclusive."""
        self._asked_once: dict[str, object] = {}

    @locked_cached_property
    def journal(self) -> Journal:
        """The journal of this process's user."""
        return Journal(journal_directory(os.environ))

    @locked_cached_property
    def states(self) -> States:
        """The states of the backend that our engine uses, as the CLI that started it exports them. Nothing is read
        before it is asked for."""
        # an engine begins some creations at once, and each needs a reading that began after it
        return open_states(
            engine_cli.current_cli(), instance_tokens(), gather=lambda: self.clock.sleep(_GATHER_SECONDS)
        )

    @locked_cached_property
    def backend(self) -> Backend:
        """The backend that our engine uses: what a program maps into its provider's environment does not count."""
        ours = engine_cli.current_cli()
        return identify_backend(ours.environment, ours.directory)

    def is_exclusive(self, cloud: str) -> bool:
        """Returns whether the machine's owner says that only this machine's stacks use the account at this cloud.

        A program can map a variable of its provider's, so only the CLI's own PULUMI_CORTECS_LIMITS is believed, and
        none where the CLI cannot be looked at. Limits that cannot be read say nothing.
        """
        with _property_lock:
            if cloud not in self.exclusive:
                ours = engine_cli.current_cli()
                try:
                    is_exclusive = account_is_exclusive(cloud, {} if ours.pid is None else ours.environment)
                except LimitsFileError:
                    is_exclusive = False
                self.exclusive[cloud] = is_exclusive
            return self.exclusive[cloud]

    @locked_cached_property
    def shared_rows(self) -> SharedRows:
        """The instances that are in more than one row."""
        return SharedRows(lambda: self.states, Releases(self.journal), self.clock.now)

    def read_rows_ahead(self, urn: str) -> None:
        """Begins to read the state that the deletion of the URN's stack's first row needs."""
        self.in_background(lambda: self.shared_rows.read_first(urn))

    def is_first(self, what: str) -> bool:
        """Returns whether this is the first call for `what`: for actions and warnings of which a process needs one."""
        mine = object()
        return self._asked_once.setdefault(what, mine) is mine


_current = Session()


def current() -> Session:
    """The session of this process."""
    return _current


def activate(session: Session) -> None:
    """Makes it the session of this process."""
    global _current
    _current = session

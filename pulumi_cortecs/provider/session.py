"""The memory of one provider process. A host process serves one provider resource, so it has one session; tests create
one for each simulated process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pulumi_cortecs._tokens import owned_tokens
from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits_file import LimitsFileError, account_is_exclusive
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.lifecycle import engine_cli
from pulumi_cortecs.lifecycle.backends import Backend, identify_backend
from pulumi_cortecs.lifecycle.cli_states import named_organization, open_states
from pulumi_cortecs.lifecycle.clock import Clock, InterruptibleClock, SystemClock
from pulumi_cortecs.lifecycle.journal import Journal, journal_directory
from pulumi_cortecs.lifecycle.releases import Releases
from pulumi_cortecs.lifecycle.shared_rows import SharedRows
from pulumi_cortecs.lifecycle.shown_prices import ShownPrices
from pulumi_cortecs.lifecycle.spend_guard import SpendGuard
from pulumi_cortecs.lifecycle.stack_state import States
from pulumi_cortecs.provider import process
from pulumi_cortecs.provider.answer_cache import AnswerCache
from pulumi_cortecs.provider.kind import Market

if TYPE_CHECKING:
    from pulumi_cortecs.provider.accounts import Account
    from pulumi_cortecs.provider.balance import BalanceWatch

T = TypeVar("T")

_GATHER_SECONDS: Final = 0.03
"""Seconds for which a reading of the state waits for other creations that begin at the same moment."""


_property_lock = threading.RLock()


class locked_cached_property(cached_property[T]):
    """A cached_property that is computed once, however many threads ask: Python's own has no lock since 3.12."""

    if not TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            with _property_lock:
                return super().__get__(instance, owner)


def run_in_thread(work: Callable[[], object]) -> threading.Thread:
    """Runs a function in a thread. Its errors are dropped: a later caller that needs the result meets them again."""

    def run() -> None:
        with suppress(Exception):
            work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@dataclass(frozen=True)
class ReviewedInputs:
    """The inputs of a first check. `is_adoption`: they replace the old instance by a running one. `is_diffed`: a diff
    has updated them with the results of policies and `ignore_changes`."""

    inputs: dict[str, Any]
    is_adoption: bool = False
    is_diffed: bool = False


@dataclass(frozen=True)
class InstanceRow:
    """An Instance's row: `arguments` are those that decide what is bought, `inputs` all of them, `delivered` those that
    the vendor reported at a purchase of this process. `inferred`: its id was concluded from a list. `account` is that
    of the state, None in a new row, `task` the vendor's task of the last order or change, "" for none, and
    `created_at` the time that named_resources.require_same compares, "" for none."""

    urn: str
    arguments: Mapping[str, Any]
    inferred: bool = False
    delivered: Mapping[str, Any] = field(default_factory=dict)
    account: object = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    created_at: str = ""


class Session:
    """The tables of a process. Threads may share them: single reads and writes need no lock, combined ones hold
    `lock`."""

    def __init__(
        self,
        clock: Clock | None = None,
        waiting: Clock | None = None,
        in_background: Callable[[Callable[[], object]], object] = run_in_thread,
    ) -> None:
        """`waiting`: the clock of waits, which an interrupt ends; `in_background`: runs work whose result is needed
        soon."""
        self.in_background = in_background
        self.clock = clock or SystemClock()
        self.waiting_clock = waiting or InterruptibleClock(process.interrupted)
        self.lock = threading.Lock()
        self.config: Mapping[str, str] = {}
        """The configuration. It is replaced as a whole, because another thread may be reading it."""
        self.accounts: dict[tuple[str, Credentials], Account] = {}
        """By type token."""
        self.markets: dict[tuple[str, str, float, object], tuple[Market, AnswerCache]] = {}
        """By type token, base URL, the greatest age of an answer, in seconds, and the configuration of its cloud."""
        self.spend_guards: dict[str, SpendGuard[Any]] = {}
        """The spending of an account, by its fingerprint; see machine_limits.py."""
        self.balance_watches: dict[str, BalanceWatch] = {}
        """The balance of an account, by its fingerprint; see balance.py."""
        self.reviewed: dict[str, ReviewedInputs] = {}
        """The inputs that policies have reviewed, by URN; see reviewed_inputs.py."""
        self.former_names: dict[str, str] = {}
        """The name that a resource had before this run, by URN; see named_resources.py."""
        self.generated_names: dict[str, str] = {}
        """The name that a check made for a resource, by URN; see named_resources.py."""
        self.planned: set[tuple[str, str, str]] = set()
        """The plain resources that this run creates, by cloud, path and name: known before the order that names
        them."""
        self.quotes: dict[str, Mapping[str, Any]] = {}
        """The last check's quote with the arguments that it is for, by URN; see quote_records.py."""
        self.interrupted: set[str] = set()
        """The URNs of Instances whose check found a change that interrupts the service; see endpoint.py."""
        self.written: dict[str, Mapping[str, str]] = {}
        """The strings of a resource in the program by their other spellings, by URN; see as_written.py."""
        self.rows: dict[tuple[str, str], InstanceRow] = {}
        """The row of an instance, by its cloud and id; see instance_records.py."""
        self.hourly_costs: dict[tuple[str, str], Money] = {}
        """The hourly cost of an instance, by its cloud and id; see instance_records.py."""
        self.claims: dict[tuple[str, str], str] = {}
        """The URN that has adopted an instance in this process, by the instance's cloud and id."""
        self.owners_in_state: dict[tuple[str, str], str] = {}
        """The URN that has adopted an instance in an earlier run and keeps it, by the
        instance's cloud and id."""
        self.requested_adoptions: set[tuple[str, str]] = set()
        """The instances that resources of this run adopt, each by its cloud and id."""
        self.known_ids: dict[str, set[str]] = {}
        """The ids that the engine has passed, by type token: states have them."""
        self.exclusive: dict[str, bool] = {}
        """Whether only this machine uses the account, by cloud; see is_exclusive."""
        self._asked_once: dict[str, object] = {}

    @locked_cached_property
    def journal(self) -> Journal:
        """The journal of this process's user."""
        return Journal(journal_directory(os.environ))

    @locked_cached_property
    def shown_prices(self) -> ShownPrices:
        """The prices that checks on this machine have shown."""
        return ShownPrices(self.journal, lambda: self.clock.utc_now().timestamp())

    @locked_cached_property
    def states(self) -> States:
        """The states of the engine's backend, exported by the CLI that started it. Each is read at its first use."""
        # an engine begins several creations at once, and each needs a reading that began after it
        return open_states(engine_cli.current_cli(), owned_tokens(), gather=lambda: self.clock.sleep(_GATHER_SECONDS))

    @locked_cached_property
    def backend(self) -> Backend:
        """The engine's backend, of the organization that its command names. Variables that a program maps into its
        provider's environment do not count."""
        ours = engine_cli.current_cli()
        return identify_backend(ours.environment, ours.directory, named_organization(ours.arguments))

    def is_exclusive(self, cloud: str) -> bool:
        """Returns whether the machine's limits say that only this machine's stacks use the account at this cloud.

        A program can map a variable of its provider's, so only the CLI's own PULUMI_CORTECS_LIMITS counts, and none if
        the CLI's environment cannot be read. Unreadable limits count as no.
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
        """Begins to read the state of the URN's stack, which its first deletion needs."""
        self.in_background(lambda: self.shared_rows.read_first(urn))

    def is_first(self, what: str) -> bool:
        """Returns whether this is the first call for `what`: for actions and warnings that a process needs only
        once."""
        mine = object()
        return self._asked_once.setdefault(what, mine) is mine


_current = Session()


def current() -> Session:
    """The session of this process."""
    return _current


def activate(session: Session) -> None:
    """Makes this the session of the process."""
    global _current
    _current = session

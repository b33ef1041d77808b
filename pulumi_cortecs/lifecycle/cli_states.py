"""The states of stacks, exported by the CLI on demand, once for all waiting callers.

One reading serves all callers from before it began. A caller during a reading gets the next one, because an earlier
state may lack what the engine has written since.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, TypeVar

from pulumi_cortecs.lifecycle.backends import find_backend_url, is_service
from pulumi_cortecs.lifecycle.engine_cli import EngineCli
from pulumi_cortecs.lifecycle.pulumi_cli import CliCommand, CliError, UnknownStackError
from pulumi_cortecs.lifecycle.stack_export import parse_stack_names, parse_state
from pulumi_cortecs.lifecycle.stack_state import NEVER, StackState, States, StateUnreadableError

_COMMAND_TIMEOUT: Final = 20.0
"""Seconds for one command: a purchase or a deletion waits for its answer."""
_ALL_STACKS_TIMEOUT: Final = 60.0
_PARALLEL_READS: Final = 4
_SKIPPED: Final = "PULUMI_SKIP_CHECKPOINTS"
_URN: Final = re.compile(r"urn:pulumi:(?P<stack>[^:]+)::(?P<project>[^:]+)::")
_STACK_OPTIONS: Final = ("--stack", "-s")
_SELF_MANAGED: Final = "organization"
"""The CLI's name for the organization of every stack that is not in Pulumi Cloud."""

T = TypeVar("T")


class CliStates(States):
    """The states of the backend that a CLI uses, exported by that CLI. Threads may share it."""

    def __init__(
        self,
        run: Callable[[Sequence[str]], str],
        *,
        types: Collection[str],
        environment: Mapping[str, str],
        organization: Callable[[], str],
        now: Callable[[], float] = time.monotonic,
        gather: Callable[[], None] = lambda: None,
        secrets: bool = False,
    ) -> None:
        """`run` returns the CLI's output for some arguments, or raises CliError; `types` are the type tokens of
        Instances, `environment` is the CLI's own, `organization` that of the stack or raises StateUnreadableError,
        `now` returns monotonic seconds, and `gather` waits for callers of the same moment, which share a reading.
        `secrets`: whether to export the secrets of Instances, too; they stay None if the CLI cannot decrypt them."""
        self._run = run
        self._types = frozenset(types)
        self._environment = environment
        self._organization = organization
        self._monotonic = now
        self._gather = gather
        self._secrets = secrets
        self._lock = threading.Lock()
        self._stacks: dict[str, _SharedReading[StackState]] = {}
        self._all: dict[str, _SharedReading[tuple[StackState, ...]]] = {}

    def stack_of(self, urn: str, not_before: float = NEVER) -> StackState:
        """The state of the stack that a URN names; see States."""
        return self._stack(self._name_of(urn), not_before)

    def every_stack(self, urn: str, not_before: float = NEVER) -> tuple[StackState, ...]:
        """The states of all stacks of the backend; see States. They are read within a minute, or not at all."""
        own = self._name_of(urn)
        with self._lock:
            reading = self._all.setdefault(
                own, _SharedReading(self._monotonic, lambda began: self._read_all(own, began))
            )
        return reading.get(not_before)

    def _name_of(self, urn: str) -> str:
        if self._environment.get(_SKIPPED, "").lower() in ("1", "true"):
            raise StateUnreadableError(
                f"{_SKIPPED} is set, so the state shows no run that has not ended; unset it, or search for the "
                "purchases of an interrupted run with `pulumi-cortecs orphans`"
            )
        named = _URN.match(urn)
        if named is None:
            raise StateUnreadableError(f"invalid URN: got {urn!r}; it names no stack")
        return f"{self._organization()}/{named['project']}/{named['stack']}"

    def _stack(self, name: str, not_before: float) -> StackState:
        with self._lock:
            exported = _SharedReading(self._monotonic, lambda began: self._read(name, began), self._gather)
            reading = self._stacks.setdefault(name, exported)
        return reading.get(not_before)

    def _read_all(self, own: str, began: float) -> tuple[StackState, ...]:
        try:
            listed = parse_stack_names(self._run(("stack", "ls", "--all", "--json", "--fully-qualify-stack-names")))
        except CliError as error:
            raise StateUnreadableError(str(error)) from None
        others = [name for name in dict.fromkeys(listed) if name != own]

        def state(name: str) -> StackState | None:
            if self._monotonic() - began > _ALL_STACKS_TIMEOUT:
                raise StateUnreadableError(
                    f"the states of the {len(others) + 1} stacks could not be read within {_ALL_STACKS_TIMEOUT:g} s"
                )
            try:
                return self._stack(name, began)
            except _NoSuchStateError:
                if name == own:
                    raise
                return None  # it was removed since it was listed

        with ThreadPoolExecutor(_PARALLEL_READS) as pool:
            states = list(pool.map(state, [own, *others]))
        return tuple(state_ for state_ in states if state_ is not None)

    def _read(self, name: str, began: float) -> StackState:
        state = self._export(name, began)
        if not self._secrets or not state.has_secrets:
            return state
        try:
            return self._export(name, began, "--show-secrets")
        except StateUnreadableError:  # for example a passphrase that was typed in
            return state

    def _export(self, name: str, began: float, *options: str) -> StackState:
        try:
            exported = self._run(("stack", "export", "--stack", name, *options))
        except UnknownStackError as error:
            raise _NoSuchStateError(str(error)) from None
        except CliError as error:
            raise StateUnreadableError(str(error)) from None
        return parse_state(name, exported, began, self._types)


def open_states(
    cli: EngineCli,
    types: Collection[str],
    *,
    organization: Callable[[], str] | None = None,
    gather: Callable[[], None] = lambda: None,
    secrets: bool = False,
) -> CliStates:
    """The states of the backend that a CLI uses, exported by its own executable, in its environment and directory; see
    CliStates. `organization` is read from the CLI's arguments unless given."""
    url = find_backend_url(cli.environment, cli.directory)
    return CliStates(
        CliCommand(cli.executable, cli.directory, cli.environment, _COMMAND_TIMEOUT, url).run,
        types=types,
        environment=cli.environment,
        organization=organization or (lambda: find_organization(cli.arguments, url)),
        gather=gather,
        secrets=secrets,
    )


def find_organization(arguments: Sequence[str], backend_url: str) -> str:
    """The organization of the stack that a CLI works on, by its arguments and its backend's URL.

    Raises StateUnreadableError where Pulumi Cloud would have to be asked for it.
    """
    if not is_service(backend_url):
        return _SELF_MANAGED
    if organization := named_organization(arguments):
        return organization
    named = _stack_option(arguments)
    got = f"--stack {named}" if named else "no --stack"
    raise StateUnreadableError(
        f"the state cannot be read, because nothing names its organization in Pulumi Cloud: {got}; allowed: "
        "--stack ORGANIZATION/PROJECT/STACK; give the next command the stack in that form"
    )


def named_organization(arguments: Sequence[str]) -> str:
    """The organization in the --stack of a CLI's arguments, "" where it names none."""
    organization, slash, _ = _stack_option(arguments).partition("/")
    return organization if slash else ""


def _stack_option(arguments: Sequence[str]) -> str:
    """The value of the last --stack, "" where there is none."""
    named = ""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            break
        option, equals, value = argument.partition("=")
        if option in _STACK_OPTIONS:
            named = value if equals else next(rest, "")
        elif argument.startswith("-s") and not argument.startswith("--"):
            named = argument.removeprefix("-s")
    return named


class _NoSuchStateError(StateUnreadableError):
    """The backend has no stack of that name."""


class _SharedReading(Generic[T]):
    """A value that is read repeatedly, by one thread at a time. An error reaches exactly the callers that waited for
    the reading; a later caller reads again."""

    def __init__(
        self, now: Callable[[], float], read: Callable[[float], T], gather: Callable[[], None] = lambda: None
    ) -> None:
        self._now = now
        self._read = read
        self._gather = gather
        self._lock = threading.Lock()
        self._latest: tuple[float, T] | None = None
        self._failures = 0
        self._failure: tuple[float, StateUnreadableError] | None = None

    def get(self, not_before: float) -> T:
        """The result of a reading that began at `not_before` or later. Raises StateUnreadableError."""
        failures = self._failures
        with self._lock:
            if self._latest is not None and self._latest[0] >= not_before:
                return self._latest[1]
            if self._failure is not None and self._failures != failures and self._failure[0] >= not_before:
                raise StateUnreadableError(str(self._failure[1])) from None
            self._gather()
            began = self._now()
            try:
                read = self._read(began)
            except StateUnreadableError as error:
                self._failures, self._failure = self._failures + 1, (began, error)
                raise
            self._latest = (began, read)
            return read

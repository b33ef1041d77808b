"""The accounts that this process works for: one client, one Poller and one OrderLog per account."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from threading import BoundedSemaphore
from typing import Any, Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.quote import LIVE, SIMULATOR
from pulumi_cortecs.http.base_url import is_loopback_url, server_of
from pulumi_cortecs.http.credentials import Credentials, are_apart, resolve_base_url, resolve_credentials
from pulumi_cortecs.http.errors import ConfigurationError
from pulumi_cortecs.http.network import network_problems
from pulumi_cortecs.http.probe import ProbeSpec
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.cloud import Cloud, Phase
from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.deletion import Deletion
from pulumi_cortecs.lifecycle.journal import JournalError, ResourceKey
from pulumi_cortecs.lifecycle.order_log import OrderLog
from pulumi_cortecs.lifecycle.order_recovery import OrderRecovery
from pulumi_cortecs.lifecycle.poller import NEVER, Poller
from pulumi_cortecs.lifecycle.presence import find_or_confirm_gone
from pulumi_cortecs.lifecycle.purchases import Purchases
from pulumi_cortecs.lifecycle.readiness import Readiness
from pulumi_cortecs.lifecycle.waiting import SCHEDULE, Wait
from pulumi_cortecs.provider import host, instance_records, process, session
from pulumi_cortecs.provider.answer_cache import AnswerCache
from pulumi_cortecs.provider.arguments import read_labels
from pulumi_cortecs.provider.kind import PRICED_BY, Inputs, Market, ResourceKind
from pulumi_cortecs.provider.properties import InvalidValueError, is_unknown
from pulumi_cortecs.provider.settings import ProviderSettings, read_settings

MAX_PRICE_AGE: Final = 5.0
"""Seconds that the price of an order may be old: one price list serves all orders of that time."""
_PARALLEL_DETAILS: Final = 8
_DETAIL_PAUSE: Final = 0.05
_MAX_VENDOR_TIME = datetime(9000, 1, 1, tzinfo=timezone.utc).timestamp()


def configure(kind: ResourceKind, config: Mapping[str, str]) -> None:
    """Stores the configuration of one cloud: the stack's config, or the arguments of an explicit Provider.

    A host process serves one provider resource, so a cloud has one configuration.
    """
    ours, names = session.current(), kind.credentials.config_keys
    with ours.lock:  # another cloud may be configured at the same time
        others = {key: value for key, value in ours.config.items() if key not in names}
        ours.config = {**others, **{key: value for key, value in config.items() if key in names}}


@dataclass(frozen=True)
class Account:
    """One account at a vendor, as this process works with it. `payer` names whose bill it is."""

    cloud: Cloud[Any]
    poller: Poller[Any]
    log: OrderLog[Any]
    purchases: Purchases[Any]
    recovery: OrderRecovery[Any]
    clock: Clock
    settings: ProviderSettings
    problems: tuple[str, ...] = ()
    payer: str = ""
    _details: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_PARALLEL_DETAILS), repr=False)

    @property
    def fingerprint(self) -> str:
        """The name of the account in states and journals."""
        return self.cloud.fingerprint

    def require_usable_environment(self) -> None:
        """Raises ConfigurationError, which names each variable of the environment that cannot be used.

        Only purchases ask this: deletions and reads continue with the defaults.
        """
        if self.problems:
            raise ConfigurationError(f"{'; '.join(self.problems)}. Correct or unset it")

    @property
    def is_remote(self) -> bool:
        """Returns whether the vendor runs on another machine, and so by another clock."""
        return not is_loopback_url(self.cloud.base_url)

    def vendor_now(self) -> datetime:
        """The vendor's time, in UTC; this machine's where the vendor has not sent a usable time yet. Raises nothing: it
        is called between a purchase and the return of its id."""
        seconds = self.cloud.vendor_time()
        if seconds is None or not 0 <= seconds < _MAX_VENDOR_TIME:
            return self.clock.utc_now()
        return datetime.fromtimestamp(seconds, timezone.utc)

    def find(self, instance_id: str, not_before: float = NEVER) -> Any | None:
        """The instance, None when it is certainly gone; see lifecycle/presence.py. Raises CloudError."""
        return find_or_confirm_gone(instance_id, self.cloud, self.poller, not_before)

    def find_detail(self, instance_id: str) -> Any | None:
        """The instance with what its list omits, or None. A refresh asks for eight at a time. Raises CloudError."""
        while not self._details.acquire(blocking=False):
            self.clock.sleep(_DETAIL_PAUSE)
        try:
            return self.cloud.get_instance(instance_id)
        finally:
            self._details.release()

    def state_of(self, instance: Any) -> str:
        """The state, `stopped` or `running`; a booting instance counts as running. Raises UnknownStatusError."""
        return "stopped" if self.cloud.phase(instance) is Phase.STOPPED else "running"

    def require_owner(self, instance_id: str, recorded: object) -> None:
        """Raises ConfigurationError unless this may be the account that the state says holds the instance, and another
        CloudError where the account cannot be asked.

        A rotated key has another fingerprint, and still finds the instance. Another account's "no" counts for
        nothing, and neither does its "yes" where instances have names.
        """
        if not recorded or recorded == self.fingerprint:
            return
        is_shown = self.cloud.get_instance(instance_id) is not None  # first: a wrong address is no wrong key
        if are_apart(recorded, self.fingerprint):
            raise ConfigurationError(
                f"{instance_id} belongs to another account, {recorded}; in use is {self.fingerprint} at "
                f"{self.cloud.base_url}. The server or the project differs, whichever key is used: use those of its "
                "account"
            )
        if not is_shown:
            raise ConfigurationError(
                f"{instance_id} was created with other credentials (account {recorded}), and those in use "
                f"({self.fingerprint} at {self.cloud.base_url}) do not show it: use the credentials of its account"
            )

    def deletion(self) -> Deletion[Any]:
        """The deletion of this account's instances."""
        return Deletion(self.cloud, self.poller, self.clock)

    def wait(self) -> Wait[Any]:
        """The wait for this account's instances."""
        every = self.settings.poll_interval
        return Wait(
            cloud=self.cloud,
            poller=self.poller,
            clock=session.current().waiting_clock,
            schedule=SCHEDULE if every is None else ((float("inf"), every),),
            is_interrupted=process.interrupted.is_set,
        )

    def readiness(self, how: ProbeSpec | None, restarted_at: float) -> Readiness[Any]:
        """The readiness of one instance, for one wait."""
        return Readiness(self.cloud, session.current().waiting_clock, how, restarted_at)

    def started_at(self, instance_id: str) -> float:
        """The time at which this process started the instance, by its own clock; now for an instance of an earlier
        run."""
        began_at = self.poller.started_at(instance_id)
        return self.clock.now() if began_at == NEVER else began_at


def account(kind: ResourceKind, config: Mapping[str, str] | None = None) -> Account:
    """The configured account; in a program, which no engine configures, the one that `config` and the environment name.

    Raises ConfigurationError when there are no usable credentials.
    """
    current = _account(kind, resolve_credentials(kind.credentials, os.environ, _config(config)))
    _warn_of_environment(current.problems)
    return current


def account_or_none(kind: ResourceKind) -> Account | None:
    """The configured account, None without usable credentials."""
    try:
        return account(kind)
    except ConfigurationError:
        return None


def warn_without_credentials(kind: ResourceKind) -> None:
    """Warns once in this process if there are no usable credentials: a preview needs none, and `up` does."""
    try:
        account(kind)
    except ConfigurationError as error:
        if session.current().is_first(f"credentials of {kind.cloud}"):
            host.current_call().warn(f"`pulumi up` would fail: {error}")


def base_url(kind: ResourceKind, config: Mapping[str, str] | None = None) -> str:
    """The base URL of the vendor, with or without credentials. Raises ConfigurationError for an unfit URL."""
    return resolve_base_url(kind.credentials, os.environ, _config(config))


def market(
    kind: ResourceKind,
    config: Mapping[str, str] | None = None,
    max_age: float = float("inf"),
    not_before: float = NEVER,
) -> Market:
    """The market of the vendor, whose answers are at most `max_age` seconds old, and asked for at `not_before` or
    later. Raises ConfigurationError for an unfit URL."""
    return _market(kind, base_url(kind, config), _config(config), max_age, not_before)


def default_labels(kind: ResourceKind) -> dict[str, Any]:
    """The labels that the stack's config, or an explicit Provider, gives to all instances. Raises InvalidValueError,
    which names the place."""
    config, key = _config(), kind.credentials.default_labels
    if not (text := config.get(key)):
        return {}
    try:
        labels = json.loads(text)
    except ValueError:
        labels = text
    if isinstance(labels, dict):  # `pulumi config set --path` turns 4711 into a number, and true into a boolean
        labels = {name: json.dumps(value) if isinstance(value, int) else value for name, value in labels.items()}
    try:
        return read_labels(labels)
    except InvalidValueError as error:
        where = "default_labels of the Provider" if config.get(kind.credentials.source) else f"{key} of the config"
        raise InvalidValueError(f"{where}: {error}") from None


def credentials_changed(kind: ResourceKind, recorded: object) -> bool:
    """Returns whether the credentials differ from those that a state recorded: a rotated key's, or another account's.

    Sends no request, and is False where there are no credentials to compare.
    """
    return bool(recorded) and _fingerprint(kind) not in (None, recorded)


def hourly_price(
    kind: ResourceKind, inputs: Inputs, max_age: float = float("inf"), not_before: float = NEVER
) -> Money | None:
    """The hourly price by the prices of today, or of the last seconds (see `market`), whatever a quote says; None where
    it is unknown, as where an argument is unknown, or where the vendor hides it. Raises CloudError."""
    quote, _ = market(kind, None, max_age, not_before).quote(inputs)
    if not is_unknown(quote) and PRICED_BY in quote:  # the program's author can write the catalogue, and limits ask
        return None
    return instance_records.hourly_total(quote)


def confirm_known(kind: ResourceKind, instance_id: str, recorded: object) -> None:
    """Records that a state has this instance, and closes the order that bought it. `recorded` is the account that the
    state names; a rotated key gives the same account another name."""
    ours = session.current()
    with ours.lock:
        ours.known_ids.setdefault(kind.token, set()).add(instance_id)
    names = {name for name in (recorded, _fingerprint(kind)) if isinstance(name, str) and name}
    try:
        for name in sorted(names):
            ours.journal.confirm(kind.journal_account(name), instance_id)
    except JournalError as error:
        warn_no_journal(error)


def warn_no_journal(error: JournalError) -> None:
    """Warns, once in this process, that orders are not recorded."""
    if session.current().is_first("the journal"):
        host.current_call().warn(
            f"{error}. Orders of this run are not recorded: if it is killed, the next run does not know what it "
            "bought. Set PULUMI_CORTECS_STATE_DIR to a writable directory"
        )


def _warn_of_environment(problems: tuple[str, ...]) -> None:
    """Warns, once in this process, of the variables of the environment that cannot be used."""
    if problems and session.current().is_first("the environment"):
        host.current_call().warn(f"{'; '.join(problems)}. This run ignores it, and buys nothing")


def warn_no_state(reason: str) -> None:
    """Warns, once in this process, that the state backend was not searched for creations that earlier runs have
    begun."""
    if session.current().is_first("the state"):
        host.current_call().warn(
            f"the state cannot be read: {reason}. Purchases of a run that was killed on another machine are not "
            "searched for; `pulumi-cortecs orphans` shows them"
        )


def order_key(urn: str) -> ResourceKey:
    """The key under which the journal records the orders for a resource."""
    ours = session.current().backend
    return ResourceKey(ours.identity, urn, ours.former_identities)


def _fingerprint(kind: ResourceKind) -> str | None:
    """The name of the configured account, None without usable credentials."""
    try:
        return resolve_credentials(kind.credentials, os.environ, _config()).fingerprint
    except ConfigurationError:
        return None


def _config(config: Mapping[str, str] | None = None) -> Mapping[str, str]:
    return session.current().config if config is None else config


def _account(kind: ResourceKind, credentials: Credentials) -> Account:
    ours = session.current()
    with ours.lock:  # two threads must never get two order logs for one account
        if (kind.token, credentials) not in ours.accounts:
            settings = read_settings(os.environ)
            clock = ours.clock
            with process.quick_imports():
                cloud = kind.open_cloud(credentials, settings.list_lag, lambda described: hourly_price(kind, described))
            poller = Poller(cloud, clock)
            log = OrderLog(cloud, ours.journal, poller, ours.waiting_clock, warn_no_journal)
            recovery = OrderRecovery(
                log,
                creations=Creations(lambda: ours.states, clock, warn_no_state, cloud.fingerprint),
                is_exclusive=lambda: ours.is_exclusive(kind.cloud),
                warn=lambda text: host.current_call().warn(text),
            )
            purchases = Purchases(cloud, poller, clock, log)
            problems = _problems(settings, credentials.base_url)
            ours.accounts[kind.token, credentials] = Account(
                *(cloud, poller, log, purchases, recovery, clock, settings, problems), payer=credentials.payer
            )
        return ours.accounts[kind.token, credentials]


def _problems(settings: ProviderSettings, base_url: str) -> tuple[str, ...]:
    return (*settings.problems, *network_problems(base_url, os.environ))


def price_source(kind: ResourceKind, base_url: str) -> str:
    """The source that quotes by the answers of this base URL name."""
    if server_of(base_url) == server_of(kind.credentials.default_url):
        return LIVE
    return SIMULATOR if is_loopback_url(base_url) else server_of(base_url).rpartition(":")[0]


def _market(kind: ResourceKind, where: str, config: Mapping[str, str], max_age: float, not_before: float) -> Market:
    own = tuple(sorted((name, config[name]) for name in kind.credentials.config_keys if name in config))
    ours, key = session.current(), (kind.token, where, max_age, own)
    with ours.lock:
        if key not in ours.markets:
            settings = read_settings(os.environ)
            # a check asks the market first, so a preview shows this error
            _warn_of_environment(_problems(settings, where))
            answers = AnswerCache(ours.clock, min(settings.market_age, max_age), price_source(kind, where))
            with process.quick_imports():
                credentials = partial(resolve_credentials, kind.credentials, os.environ, config)
                ours.markets[key] = kind.open_market(where, credentials, answers), answers
        kept, answers = ours.markets[key]
    answers.forget_older(not_before)
    return kept

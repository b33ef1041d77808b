"""Whose account this process works for: one client, one shared list poll and one purchase book per account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from pulumi_cortecs.clouds.cortecs_credentials import CortecsCredentials, cortecs_base_url, cortecs_credentials
from pulumi_cortecs.cortecs.client import CortecsClient, CortecsMarket, Instance
from pulumi_cortecs.cost import BillingInterval, Money, quote
from pulumi_cortecs.http.errors import ConfigurationError
from pulumi_cortecs.http.http import on_this_machine
from pulumi_cortecs.http.network import problems_on_the_way_to
from pulumi_cortecs.lifecycle.absence import find
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.ending import Ending
from pulumi_cortecs.lifecycle.intents import Intents
from pulumi_cortecs.lifecycle.journal import JournalError, Key
from pulumi_cortecs.lifecycle.order_log import OrderLog
from pulumi_cortecs.lifecycle.poller import NEVER, Poller
from pulumi_cortecs.lifecycle.purchases import Purchases
from pulumi_cortecs.lifecycle.waiting import SCHEDULE, Wait
from pulumi_cortecs.provider import host, process, session
from pulumi_cortecs.provider.cortecs.cloud import CortecsCloud
from pulumi_cortecs.provider.market import Market
from pulumi_cortecs.provider.settings import Settings, settings_from

_YEAR_9000 = datetime(9000, 1, 1, tzinfo=timezone.utc).timestamp()


def configure(config: Mapping[str, str]) -> None:
    """Takes over what the process is configured with: the stack's config, or what an explicit Provider says.

    A host process serves one provider resource, so there is just one.
    """
    session.current().config = dict(config)


@dataclass(frozen=True)
class Account:
    """One Cortecs account, as this process works with it. `payer` names whose bill it is."""

    cloud: CortecsCloud
    poller: Poller[Instance]
    log: OrderLog[Instance]
    purchases: Purchases[Instance]
    intents: Intents[Instance]
    clock: Clock
    settings: Settings
    problems: tuple[str, ...] = ()
    payer: str = ""

    @property
    def fingerprint(self) -> str:
        """What names the account in states and journals."""
        return self.cloud.fingerprint

    def must_be_fit_to_buy(self) -> None:
        """Raises ConfigurationError while the environment holds what cannot be used, naming each variable.

        What ends something, or only looks, goes on with the defaults.
        """
        if self.problems:
            raise ConfigurationError(f"{'; '.join(self.problems)}. Mend or unset it")

    @property
    def is_far(self) -> bool:
        """Whether Cortecs is on another machine, and so by another clock."""
        return not on_this_machine(self.cloud.base_url)

    def vendor_now(self) -> datetime:
        """What time it is at Cortecs, in UTC; by this machine's calendar where Cortecs has not told a time that one can
        count on from. It raises nothing: it is asked for between a purchase and the return of its id."""
        told = self.cloud.vendor_time()
        if told is None or not 0 <= told < _YEAR_9000:
            return self.clock.utc_now()
        return datetime.fromtimestamp(told, timezone.utc)

    def find(self, instance_id: str, not_before: float = NEVER) -> Instance | None:
        """The instance, None when it is certainly gone; see lifecycle/absence.py. Raises CloudError."""
        return find(instance_id, self.cloud, self.poller, not_before)

    def must_own(self, instance_id: str, recorded: object) -> None:
        """Raises ConfigurationError unless this may be the account that the state says holds the instance.

        A rotated key has another fingerprint, and finds the instance all the same. Another account's "no" counts for
        nothing.
        """
        if not recorded or recorded == self.fingerprint or self.cloud.get_instance(instance_id) is not None:
            return
        raise ConfigurationError(
            f"{instance_id} was made with other credentials (account {recorded}), and these ({self.fingerprint}) do "
            "not know it. It is not taken for gone: use the credentials of its account"
        )

    def ending(self) -> Ending[Instance]:
        """How this account's instances are ended."""
        return Ending(self.cloud, self.poller, self.clock)

    def wait(self) -> Wait[Instance]:
        """How this account's instances are waited for."""
        every = self.settings.poll_interval
        return Wait(
            cloud=self.cloud,
            poller=self.poller,
            clock=session.current().waiting,
            schedule=SCHEDULE if every is None else ((float("inf"), every),),
            interrupted=process.interrupted.is_set,
        )

    def started_at(self, instance_id: str) -> float:
        """When this process started the instance, by its own clock; now, for what an earlier run started."""
        began_at = self.poller.began_at(instance_id)
        return self.clock.now() if began_at == NEVER else began_at


def account(config: Mapping[str, str] | None = None) -> Account:
    """The account in force; in a program, which no engine configures, the one that `config` and the environment name.

    Raises ConfigurationError when there are no usable credentials.
    """
    found = _account(cortecs_credentials(os.environ, session.current().config if config is None else config))
    _warn_of(found.problems)
    return found


def market(config: Mapping[str, str] | None = None) -> Market:
    """What can be rented where that account is, credentials or not. Raises ConfigurationError for an unfit URL."""
    return _market(cortecs_base_url(os.environ, session.current().config if config is None else config))


def differ_from(recorded: object) -> bool:
    """Whether today's credentials are others than those that a state recorded: a rotated key's, or another account's.

    Asks nobody, and is False where there are no credentials to compare.
    """
    try:
        return bool(recorded) and cortecs_credentials(os.environ, session.current().config).fingerprint != recorded
    except ConfigurationError:
        return False


def hourly_price(args: Mapping[str, Any]) -> Money | None:
    """What an hour costs at today's prices, whatever a quote says; None where that cannot be told, as where one of the
    arguments is not. Raises CloudError."""
    hardware = market().hardware_types().get(str(args.get("hardware_type_id")))
    interval, workers = args.get("billing_interval"), args.get("num_workers")
    if hardware is None or interval is None or workers is None:
        return None
    try:
        # what an earlier check has settled comes back from the host with every number a float
        return quote(hardware, BillingInterval(interval), int(workers), source="live").hourly_total
    except ValueError:  # an interval or a number of workers that is none
        return None


def seen(instance_id: str) -> None:
    """A state has this instance: the order that bought it is settled."""
    try:
        session.current().journal.confirm(instance_id)
    except JournalError as error:
        without_journal(error)


def without_journal(error: JournalError) -> None:
    """Warns, once in this process, that purchases are not noted."""
    if session.current().is_first("the journal"):
        host.current_call().warn(
            f"{error}. Purchases of this run are not noted: should it be killed, the next one cannot tell what it "
            "bought. Set PULUMI_CORTECS_STATE_DIR to a directory that can be written"
        )


def _warn_of(problems: tuple[str, ...]) -> None:
    """Warns, once in this process, of what the environment holds that cannot be used."""
    if problems and session.current().is_first("the environment"):
        host.current_call().warn(f"{'; '.join(problems)}. This run goes on without it, and buys nothing")


def without_state(reason: str) -> None:
    """Warns, once in this process, that the state backend was not asked for what earlier runs have begun."""
    if session.current().is_first("the state"):
        host.current_call().warn(
            f"the state cannot be read: {reason}. What a run that was ended on another machine has bought is not "
            "looked for; `pulumi-cortecs orphans` shows it"
        )


def key_of(urn: str) -> Key:
    """Under which the orders for a resource are noted."""
    ours = session.current().backend
    return Key(ours.identity, urn, ours.formerly)


def _account(credentials: CortecsCredentials) -> Account:
    ours = session.current()
    with ours.lock:  # two threads must never get two purchase books for one account
        if credentials not in ours.accounts:
            settings = settings_from(os.environ)
            client, clock = CortecsClient(credentials), ours.clock
            cloud = CortecsCloud(client, credentials.fingerprint, settings.list_lag, hourly_price)
            poller = Poller(cloud, clock)
            log = OrderLog(cloud, ours.journal, poller, ours.waiting, without_journal)
            intents = Intents(
                log,
                creations=Creations(lambda: ours.states, clock, without_state),
                exclusive=lambda: ours.is_exclusive,
                say=lambda text: host.current_call().warn(text),
            )
            purchases = Purchases(cloud, poller, clock, log)
            problems = _problems(settings, credentials.base_url)
            ours.accounts[credentials] = Account(
                *(cloud, poller, log, purchases, intents, clock, settings, problems), payer=credentials.payer
            )
        return ours.accounts[credentials]


def _problems(settings: Settings, base_url: str) -> tuple[str, ...]:
    return (*settings.problems, *problems_on_the_way_to(base_url, os.environ))


def _market(base_url: str) -> Market:
    ours = session.current()
    with ours.lock:
        if base_url not in ours.markets:
            settings = settings_from(os.environ)
            _warn_of(_problems(settings, base_url))  # a check asks the market first: this is what a preview shows
            ours.markets[base_url] = Market(CortecsMarket(base_url), ours.clock, settings.market_age)
        return ours.markets[base_url]

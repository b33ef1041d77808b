"""Whose account this process works for: one client, one shared list poll and one purchase book per account."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from typing import Any, Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.clouds.cortecs import CortecsClient, CortecsMarket, Instance
from pulumi_cortecs.clouds.cortecs_credentials import CortecsCredentials, cortecs_base_url, cortecs_credentials
from pulumi_cortecs.cost import BillingInterval, Money, quote
from pulumi_cortecs.cost.limits_file import LimitsError, account_is_exclusive
from pulumi_cortecs.http.errors import CloudError, ConfigurationError, RefusedError, UnauthorizedError
from pulumi_cortecs.http.http import on_this_machine
from pulumi_cortecs.http.network import problems_on_the_way_to
from pulumi_cortecs.lifecycle import engine_cli, phases
from pulumi_cortecs.lifecycle.absence import find
from pulumi_cortecs.lifecycle.backends import Backend, backend_of
from pulumi_cortecs.lifecycle.cli_states import states_of
from pulumi_cortecs.lifecycle.clock import Clock, InterruptibleClock, SystemClock
from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.ending import Ending
from pulumi_cortecs.lifecycle.intents import Cloud, Intents, seconds_since_1970
from pulumi_cortecs.lifecycle.journal import Journal, JournalError, Key, journal_directory
from pulumi_cortecs.lifecycle.phases import Phase, phase_of
from pulumi_cortecs.lifecycle.poller import NEVER, Poller
from pulumi_cortecs.lifecycle.purchases import Arguments, Purchases
from pulumi_cortecs.lifecycle.stack_state import States
from pulumi_cortecs.lifecycle.waiting import SCHEDULE, Wait
from pulumi_cortecs.provider import host, process
from pulumi_cortecs.provider.cortecs.arguments import PURCHASE
from pulumi_cortecs.provider.market import Market
from pulumi_cortecs.provider.settings import Settings, settings_from

INSTANCE_TYPE: Final = TOKENS["cortecs.Instance"]
_CLOCK: Clock = SystemClock()
_WAITING: Clock = InterruptibleClock(process.interrupted)
_lock = threading.Lock()
_warn_once = threading.Lock()
_warn_once_of_problems = threading.Lock()
_warn_once_of_state = threading.Lock()
_config: Mapping[str, str] = {}
_NO_SUCH_INSTANCE = frozenset({400, 404, 410, 422})
_ONE_MOMENT: Final = 0.03
_YEAR_9000 = datetime(9000, 1, 1, tzinfo=timezone.utc).timestamp()


def configure(config: Mapping[str, str]) -> None:
    """Takes over what the process is configured with: the stack's config, or what an explicit Provider says.

    A host process serves one provider resource, so there is just one.
    """
    global _config  # replaced as a whole: another thread may be reading it
    _config = dict(config)


@dataclass(frozen=True)
class Account:
    """One Cortecs account, as this process works with it. `payer` names whose bill it is."""

    fingerprint: str
    client: CortecsClient
    poller: Poller[Instance]
    purchases: Purchases[Instance]
    intents: Intents[Instance]
    clock: Clock
    lag: float
    settings: Settings
    problems: tuple[str, ...] = ()
    payer: str = ""

    def must_be_fit_to_buy(self) -> None:
        """Raises ConfigurationError while the environment holds what cannot be used, naming each variable.

        What ends something, or only looks, goes on with the defaults.
        """
        if self.problems:
            raise ConfigurationError(f"{'; '.join(self.problems)}. Mend or unset it")

    @property
    def is_far(self) -> bool:
        """Whether Cortecs is on another machine, and so by another clock."""
        return not on_this_machine(self.client.base_url)

    def vendor_now(self) -> datetime:
        """What time it is at Cortecs, in UTC; by this machine's calendar where Cortecs has not told a time that one can
        count on from. It raises nothing: it is asked for between a purchase and the return of its id."""
        told = self.client.vendor_time()
        if told is None or not 0 <= told < _YEAR_9000:
            return self.clock.utc_now()
        return datetime.fromtimestamp(told, timezone.utc)

    def vendor_date(self) -> float:
        """What Cortecs' last answer was dated, in seconds since 1970, which nothing here can move; by this machine's
        calendar where Cortecs tells no time."""
        told = self.client.vendor_date()
        return self.clock.utc_now().timestamp() if told is None else told

    def by_id(self, instance_id: str) -> Instance | None:
        """The vendor's answer by id, None for "no such instance". Raises CloudError."""
        return _by_id(self.client, instance_id)

    def find(self, instance_id: str, not_before: float = NEVER) -> Instance | None:
        """The instance, None when it is certainly gone; see lifecycle/absence.py. Raises CloudError."""
        return find(instance_id, self.poller, self.by_id, self.clock, self.lag, not_before)

    def must_own(self, instance_id: str, recorded: object) -> None:
        """Raises ConfigurationError unless this may be the account that the state says holds the instance.

        A rotated key has another fingerprint, and finds the instance all the same. Another account's "no" counts for
        nothing.
        """
        if not recorded or recorded == self.fingerprint or self.by_id(instance_id) is not None:
            return
        raise ConfigurationError(
            f"{instance_id} was made with other credentials (account {recorded}), and these ({self.fingerprint}) do "
            "not know it. It is not taken for gone: use the credentials of its account"
        )

    def ending(self) -> Ending[Instance]:
        """How this account's instances are ended."""
        return _ending(self.client, self.poller, self.clock, self.lag)

    def wait(self) -> Wait[Instance]:
        """How this account's instances are waited for."""
        every = self.settings.poll_interval
        return Wait(
            poller=self.poller,
            clock=_WAITING,
            phase=usable_phase,
            words=in_words,
            gone=lambda instance_id: self.find(instance_id) is None,
            lag=self.lag,
            schedule=SCHEDULE if every is None else ((float("inf"), every),),
            interrupted=process.interrupted.is_set,
        )

    def started_at(self, instance_id: str) -> float:
        """When this process started the instance, by its own clock; now, for what an earlier run started."""
        began_at = self.poller.began_at(instance_id)
        return self.clock.now() if began_at == NEVER else began_at


_accounts: dict[CortecsCredentials, Account] = {}
_markets: dict[str, Market] = {}


def account(config: Mapping[str, str] | None = None) -> Account:
    """The account in force; in a program, which no engine configures, the one that `config` and the environment name.

    Raises ConfigurationError when there are no usable credentials.
    """
    found = _account(cortecs_credentials(os.environ, _config if config is None else config))
    _warn_of(found.problems)
    return found


def market(config: Mapping[str, str] | None = None) -> Market:
    """What can be rented where that account is, credentials or not. Raises ConfigurationError for an unfit URL."""
    return _market(cortecs_base_url(os.environ, _config if config is None else config))


def differ_from(recorded: object) -> bool:
    """Whether today's credentials are others than those that a state recorded: a rotated key's, or another account's.

    Asks nobody, and is False where there are no credentials to compare.
    """
    try:
        return bool(recorded) and cortecs_credentials(os.environ, _config).fingerprint != recorded
    except ConfigurationError:
        return False


def phase(instance: Instance) -> Phase:
    """The instance's phase by its status word. Raises UnknownStatusError."""
    return phase_of(instance.instance_status.status, phases.CORTECS)


def usable_phase(instance: Instance) -> Phase:
    """Like `phase`, but an instance without an address is not ready yet, whatever its status says."""
    found = phase(instance)
    return Phase.STARTING if found is Phase.READY and not instance.base_url else found


def in_words(instance: Instance) -> str:
    """Where the instance is, for a person: "3/5 loading weights"."""
    status = instance.instance_status.status
    steps = [worker.init_progress for worker in instance.worker_statuses if worker.init_progress]
    if status != "pending" or not steps:
        return status
    step = max(steps, key=lambda progress: progress.current_step)
    return f"{step.current_step}/{step.num_steps} {step.description or ''}".rstrip(" .")


def fits(instance: Instance, ordered: Arguments) -> bool:
    """Whether an instance may be what was ordered: model, hardware, context length, billing interval and workers.

    What the vendor does not tell fits everything (its documented examples omit the workers, and nobody says that a boot
    shows all of them at once): taken for another order's, what a lost answer has bought would go on unseen, and be
    bought again.
    """
    return _told_otherwise(instance, ordered) == 0


def resembles(instance: Instance, ordered: Arguments) -> bool:
    """Whether an instance is what was ordered but for one or two arguments: it may have come instead."""
    return 1 <= _told_otherwise(instance, ordered) <= 2


def _told_otherwise(instance: Instance, ordered: Arguments) -> int:
    told = {**instance.told(), "num_workers": instance.instance_args.num_workers}
    return sum(told.get(key) not in (None, other) for key, other in zip(PURCHASE, ordered, strict=True))


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


def price_in_words(instance: Instance) -> str:
    """What an instance costs by today's prices: "1.20 EUR/h"; nobody may call it free where that cannot be told."""
    with suppress(CloudError):
        if (hourly := hourly_price(instance.told())) is not None:
            return f"{hourly}/h"
    return "of unknown price"


def _ordered(inputs: Mapping[str, object]) -> Arguments | None:
    """What a creation that stands in a state would order. One that adopts orders nothing."""
    ordered = tuple(_whole(inputs.get(key)) for key in PURCHASE)
    return None if inputs.get("adopt_id") or None in ordered else ordered


def _whole(value: object) -> object:
    """The engine writes some whole numbers as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@cache
def journal() -> Journal:
    """The journal of this process's user."""
    return Journal(journal_directory(os.environ))


def now() -> float:
    """This process's monotonic seconds."""
    return _CLOCK.now()


def seen(instance_id: str) -> None:
    """A state has this instance: the order that bought it is settled."""
    try:
        journal().confirm(instance_id)
    except JournalError as error:
        without_journal(error)


def without_journal(error: JournalError) -> None:
    """Warns, once in this process, that purchases are not noted."""
    if _warn_once.acquire(blocking=False):
        host.current_call().warn(
            f"{error}. Purchases of this run are not noted: should it be killed, the next one cannot tell what it "
            "bought. Set PULUMI_CORTECS_STATE_DIR to a directory that can be written"
        )


def _warn_of(problems: tuple[str, ...]) -> None:
    """Warns, once in this process, of what the environment holds that cannot be used."""
    if problems and _warn_once_of_problems.acquire(blocking=False):
        host.current_call().warn(f"{'; '.join(problems)}. This run goes on without it, and buys nothing")


@cache
def states() -> States:
    """The states of the backend that our engine uses, as the CLI that started it tells them. Nothing is read before it
    is asked for."""
    # an engine begins some creations at once, and each needs a reading that began after it
    return states_of(engine_cli.cli(), {INSTANCE_TYPE}, gather=lambda: _CLOCK.sleep(_ONE_MOMENT))


@cache
def is_exclusive() -> bool:
    """Whether the machine's owner says that nobody but this machine's stacks uses the account.

    A program can map a variable of its provider's, so only the CLI's own PULUMI_CORTECS_LIMITS is believed, and none
    where the CLI cannot be looked at. Limits that cannot be read say nothing.
    """
    ours = engine_cli.cli()
    try:
        return account_is_exclusive("cortecs", {} if ours.pid is None else ours.environment)
    except LimitsError:
        return False


def without_state(reason: str) -> None:
    """Warns, once in this process, that the state backend was not asked for what earlier runs have begun."""
    if _warn_once_of_state.acquire(blocking=False):
        host.current_call().warn(
            f"the state cannot be read: {reason}. What a run that was ended on another machine has bought is not "
            "looked for; `pulumi-cortecs orphans` shows it"
        )


def key_of(urn: str) -> Key:
    """Under which the orders for a resource are noted."""
    return Key(backend().identity, urn, backend().formerly)


@cache
def backend() -> Backend:
    """The backend that our engine uses: what a program maps into its provider's environment does not count."""
    ours = engine_cli.cli()
    return backend_of(ours.environment, ours.directory)


def _cloud(client: CortecsClient, poller: Poller[Instance], lag: float) -> Cloud[Instance]:
    return Cloud(
        fits=fits,
        resembles=resembles,
        began=_began,
        in_words=lambda ordered: f"{ordered[0]} on {ordered[4]} x {ordered[1]}",
        find=lambda instance_id, not_before: find(
            instance_id, poller, lambda each: _by_id(client, each), _CLOCK, lag, not_before
        ),
        now=client.vendor_time,
        price=price_in_words,
        ordered=_ordered,
    )


def _ending(client: CortecsClient, poller: Poller[Instance], clock: Clock, lag: float) -> Ending[Instance]:
    return Ending(
        poller=poller,
        clock=clock,
        lag=lag,
        stop=client.stop,
        delete=client.delete,
        by_id=lambda instance_id: _by_id(client, instance_id),
        phase=phase,
    )


def _began(instance: Instance) -> float | None:
    return seconds_since_1970(instance.instance_status.started_at)


def _by_id(client: CortecsClient, instance_id: str) -> Instance | None:
    """Cortecs documents a 400 and no 404, so each status counts that can mean "no such instance"; not a redirect to
    some login page, nor an unpaid bill. Never enough by itself to call an instance gone."""
    try:
        return client.instance(instance_id)
    except RefusedError as refused:
        if refused.status in _NO_SUCH_INSTANCE and not isinstance(refused, UnauthorizedError):
            return None  # a refused token has such a status, too
        raise


def _account(credentials: CortecsCredentials) -> Account:
    with _lock:  # two threads must never get two purchase books for one account
        if credentials not in _accounts:
            settings = settings_from(os.environ)
            client = CortecsClient(credentials)
            lag = settings.list_lag
            poller = Poller(client.instances, _CLOCK, lag)
            fingerprint = credentials.fingerprint
            intents = Intents(
                *(journal(), fingerprint, poller, _WAITING, lag, _cloud(client, poller, lag), without_journal),
                creations=Creations(lambda: states(), _CLOCK, without_state),
                exclusive=lambda: is_exclusive(),
                say=lambda text: host.current_call().warn(text),
            )
            purchases = Purchases(poller, _CLOCK, lag, fits, intents)
            problems = _problems(settings, credentials.base_url)
            _accounts[credentials] = Account(
                *(fingerprint, client, poller, purchases, intents, _CLOCK, lag, settings, problems),
                payer=credentials.payer,
            )
        return _accounts[credentials]


def _problems(settings: Settings, base_url: str) -> tuple[str, ...]:
    return (*settings.problems, *problems_on_the_way_to(base_url, os.environ))


def _market(base_url: str) -> Market:
    with _lock:
        if base_url not in _markets:
            settings = settings_from(os.environ)
            _warn_of(_problems(settings, base_url))  # a check asks the market first: this is what a preview shows
            _markets[base_url] = Market(CortecsMarket(base_url), _CLOCK, settings.market_age)
        return _markets[base_url]

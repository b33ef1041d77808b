"""The warning that a prepaid balance runs out soon, at a check that would buy or start an instance.

The balance and what runs are read once in a process, before its first purchase: a later list would also have what this
run has bought, which counts already.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, TypeVar

from pulumi_cortecs.cost import Money, MoneyError
from pulumi_cortecs.lifecycle.cloud import ReportsBalance
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.provider import accounts, host, instance_records, session
from pulumi_cortecs.provider.kind import InstanceKind

T = TypeVar("T")

_MIN_HOURS: Final = 24
_LISTING_MAX_AGE: Final = 60.0


def warn_if_short(kind: InstanceKind, inputs: Mapping[str, Any]) -> None:
    """Warns if the balance lasts less than a day with the instance of these inputs. Raises nothing of the vendor's: an
    unknown balance, price or account is no warning."""
    call, ours = host.current_call(), session.current()
    hourly = instance_records.hourly_total(inputs.get("quote"))
    if not call.urn or hourly is None or (account := accounts.account_or_none(kind)) is None:
        return
    if not isinstance(account.cloud, ReportsBalance):
        return
    watch = ours.balance_watches.setdefault(
        account.fingerprint, BalanceWatch(account.cloud, account.poller, ours.in_background)
    )
    if (text := watch.add(call.urn, hourly)) is not None:
        call.warn(text)


class BalanceWatch:
    """The balance of one account, what runs in it, and what this process buys. Threads may share it."""

    def __init__(
        self,
        cloud: ReportsBalance[Any],
        poller: Poller[Any],
        in_background: Callable[[Callable[[], object]], object],
        patience: float = 5.0,
    ) -> None:
        """`patience`: the seconds for which the first check waits for the balance; without it there is no warning."""
        self._cloud = cloud
        self._poller = poller
        self._in_background = in_background
        self._patience = patience
        self._lock = threading.Lock()
        self._bought: dict[str, Money] = {}
        self._is_read = False
        self._funds: tuple[Money, list[Money]] | None = None
        self._warned_of: Decimal | None = None

    def add(self, urn: str, hourly: Money) -> str | None:
        """Adds what a resource buys, by its hourly cost; returns the warning that is due, if any. The next one is due
        when the balance lasts less than half as long."""
        with self._lock:
            self._bought[urn] = hourly
            if not self._is_read:
                self._is_read, self._funds = True, self._read()
            if self._funds is None:
                return None
            balance, prices = self._funds
            zero = Money.zero(balance.currency)
            try:
                running, bought = sum(prices, zero), sum(self._bought.values(), zero)
                rate = running + bought
            except MoneyError:  # in another currency
                return None
            if not rate > zero:
                return None
            hours = max(balance, zero).amount / rate.amount
            if hours >= _MIN_HOURS or (self._warned_of is not None and hours >= self._warned_of / 2):
                return None
            self._warned_of = hours
        lasts = f"lasts about {_duration_text(hours)}" if hours else "does not last"
        return f"the balance of {balance} {lasts} for what runs ({running}/h) and what this run buys ({bought}/h)"

    def _read(self) -> tuple[Money, list[Money]] | None:
        """The balance and the hourly prices of what runs, None if the vendor does not answer both in time."""
        balance, prices = self._begin(self._cloud.balance), self._begin(self._running_prices)
        readings: tuple[Future[Any], ...] = (balance, prices)
        wait(readings, timeout=self._patience)
        with suppress(Exception):  # the warning is a courtesy: its errors must not fail a check
            return balance.result(timeout=0), prices.result(timeout=0)
        return None

    def _running_prices(self) -> list[Money]:
        """The hourly prices; one that is unknown is left out, so that the balance may last less long."""
        listed = self._poller.glance(max_age=_LISTING_MAX_AGE)
        billed = (instance for instance in listed.values() if self._cloud.is_billed(instance))
        prices = (self._cloud.hourly_price(instance) for instance in billed)
        return [price for price in prices if price is not None]

    def _begin(self, read: Callable[[], T]) -> Future[T]:
        reading: Future[T] = Future()

        def run() -> None:
            try:
                reading.set_result(read())
            except Exception as error:
                reading.set_exception(error)

        self._in_background(run)
        return reading


def _duration_text(hours: Decimal) -> str:
    return f"{int(hours)} h" if hours >= 2 else f"{int(hours * 60)} min"

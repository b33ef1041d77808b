"""The limits of this machine, applied to what is bought, started or adopted: in check, so that a plan shows it, and
again where it happens. What runs unchanged, a stop, a destroy and a refresh never ask for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from pulumi_cortecs.clouds import cortecs
from pulumi_cortecs.clouds.credentials import CORTECS_BASE_URL
from pulumi_cortecs.clouds.errors import ConfigurationError
from pulumi_cortecs.clouds.network import certificates_on_the_way_to
from pulumi_cortecs.cost import BillingInterval, Money, quote
from pulumi_cortecs.cost.limits import Limits, Refusal, Spending
from pulumi_cortecs.cost.limits_file import limits_in_force
from pulumi_cortecs.lifecycle.commitments import Commitment, Commitments
from pulumi_cortecs.lifecycle.phases import Phase
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.cortecs.arguments import PURCHASE
from pulumi_cortecs.provider.cortecs.properties import Problem, unknown

_CLOUD: Final = "cortecs"
_PRICED_BY: Final = ("hardware_type_id", "billing_interval", "num_workers")
_LOOK_AGE: Final = 5.0
"""Seconds that the listing behind a check may be old; what buys looks anew."""

_lock = threading.Lock()
_by_account: dict[str, Commitments[cortecs.Instance]] = {}


class LimitExceededError(Exception):
    """The limits of this machine do not allow it. The text names price, limit and file."""


def problems(
    inputs: Mapping[str, Any], instance_id: str | None = None, *, billed: bool = True, priced: bool = True
) -> list[Problem]:
    """What the limits have against these inputs, as far as they are known; `instance_id` is one that exists already.
    `billed` is False for what is adopted stopped, which adds nothing to what the account costs; `priced` is False
    where no price can be expected, because there are other problems.

    Without credentials the ceiling of the account is left to `create`. Raises LimitsError and CloudError.
    """
    limits = limits_in_force(_CLOUD, os.environ)
    if lies := _on_source(limits, accounts.market().base_url):
        return [Problem(refusal.about, refusal.text) for refusal in lies]
    found = limits.on_kind(_known(inputs, "model_id"), _known(inputs, "hardware_type_id"))
    if priced and limits.counts_price and all(_known(inputs, key) is not None for key in _PRICED_BY):
        hourly = hourly_price(inputs)
        found += limits.on_price(hourly)
        if limits.counts_account and billed and (account := _account()) is not None:
            spending = _commitments(account).spending(hourly, instance_id, max_age=_LOOK_AGE)
            found += limits.on_account(spending)
    return [Problem(refusal.about, refusal.text) for refusal in found]


@contextmanager
def allowing(
    account: Account, inputs: Mapping[str, Any], instance_id: str | None = None, *, billed: bool = True
) -> Iterator[Commitment | None]:
    """A block that buys, starts or adopts what `inputs` describe; entered only if the limits allow it.

    It yields where to note the id of what was bought, None where nobody counts. Raises LimitsError, LimitExceededError
    and CloudError.
    """
    limits = limits_in_force(_CLOUD, os.environ)
    _refuse(_on_source(limits, accounts.market().base_url, account.client.base_url))
    _refuse(limits.on_kind(str(inputs["model_id"]), str(inputs["hardware_type_id"])))
    hourly = hourly_price(inputs) if limits.counts_price else None
    _refuse(limits.on_price(hourly))
    if not limits.counts_account or not billed:
        yield None
        return

    def judge(spending: Spending) -> None:
        _refuse(limits.on_account(spending))

    ordered = tuple(inputs[key] for key in PURCHASE)
    with _commitments(account).ordering(judge, hourly, ordered, instance_id) as commitment:
        yield commitment


def hourly_price(args: Mapping[str, Any]) -> Money | None:
    """What an hour costs at today's prices, whatever a quote says; None where that cannot be told."""
    hardware_type_id, interval, workers = (args.get(key) for key in _PRICED_BY)
    hardware = accounts.market().hardware_types().get(str(hardware_type_id))
    if hardware is None or interval is None or workers is None:
        return None
    try:
        # what an earlier check has settled comes back from the host with every number a float
        return quote(hardware, BillingInterval(interval), int(workers), source="live").hourly_total
    except ValueError:  # an interval or a number of workers that is none
        return None


def _on_source(limits: Limits, *base_urls: str) -> list[Refusal]:
    """What they have against asking there: whoever answers could call everything cheap, and the account empty."""
    return [
        refusal
        for base_url in (dict.fromkeys(base_urls) if limits.files else ())
        for refusal in limits.on_source(base_url, CORTECS_BASE_URL, certificates_on_the_way_to(base_url, os.environ))
    ]


def _refuse(refusals: list[Refusal]) -> None:
    if refusals:
        raise LimitExceededError("; ".join(refusal.text for refusal in refusals))


def _known(inputs: Mapping[str, Any], key: str) -> Any:
    value = inputs.get(key)
    return None if unknown(value) else value


def _account() -> Account | None:
    try:
        return accounts.account()
    except ConfigurationError:
        return None


def _commitments(account: Account) -> Commitments[cortecs.Instance]:
    with _lock:
        if account.fingerprint not in _by_account:
            _by_account[account.fingerprint] = Commitments(
                account.poller,
                account.clock,
                account.lag,
                fits=accounts.fits,
                costs=lambda instance: accounts.phase(instance) is not Phase.STOPPED,
                hourly=lambda instance: hourly_price(instance.instance_args.model_dump()),
            )
        return _by_account[account.fingerprint]

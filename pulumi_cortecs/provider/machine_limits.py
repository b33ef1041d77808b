"""The limits of this machine, applied to purchases, starts and adoptions: in check, so that a plan shows a violation,
and again at the operation itself. They are not asked for unchanged instances, stops, deletions and refreshes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits import PurchaseLimits, Spending, Violation
from pulumi_cortecs.cost.limits_file import LimitsFileError, argument_of, ledger_folder, limits_in_force
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.http.network import extra_certificates
from pulumi_cortecs.lifecycle.account_bill import AccountBill
from pulumi_cortecs.lifecycle.cloud import Bills
from pulumi_cortecs.lifecycle.journal import JournalError
from pulumi_cortecs.lifecycle.ledger import LedgerError, SharedLedger
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.lifecycle.spend_guard import PendingCost, SpendGuard
from pulumi_cortecs.lifecycle.state_directory import ledger_directory
from pulumi_cortecs.provider import accounts, host, quote_records, session
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.kind import Inputs, Problem, ResourceKind
from pulumi_cortecs.provider.properties import is_unknown

_MAX_ALTERNATIVES: Final = 3
_MAX_COMPARED: Final = 1000
_LISTING_MAX_AGE: Final = 5.0
"""Seconds that the listing behind a check may be old; a purchase takes a new one."""


class LimitExceededError(Exception):
    """The limits of this machine do not allow the operation. The text names price, limit and file."""


def check(
    kind: ResourceKind,
    inputs: Mapping[str, Any],
    instance_id: str | None = None,
    *,
    billed: bool = True,
    priced: bool = True,
    changes: Inputs | None = None,
) -> list[Problem]:
    """The objections of the limits to these inputs, as far as they are known; `instance_id` names an existing instance.
    A missing argument is one that the vendor does not report: limits that depend on it refuse. `changes` are the former
    inputs of a running instance: the account's ceiling must have room for the difference. `billed` is False for the
    adoption of a stopped instance, which adds nothing to the account's cost; `priced` is False where other problems
    make a price impossible.

    Without credentials the ceiling of the account is left to `create`. Raises LimitsFileError and CloudError.
    """
    limits = limits_in_force(kind.cloud, os.environ)
    if lies := _check_source(kind, limits, accounts.base_url(kind)):
        return [Problem(_property(kind, refusal), refusal.text) for refusal in lies]
    violations = limits.check_allowed(accounts.market(kind).policy_values(inputs))
    if priced and limits.counts_price and not is_unknown(*(inputs.get(key) for key in kind.arguments.priced)):
        hourly = accounts.hourly_price(kind, inputs)
        violations += limits.check_price(hourly)
        if limits.counts_account and billed and (account := accounts.account_or_none(kind)) is not None:
            added = hourly if changes is None else _difference(kind, hourly, changes)
            spending = _spend_guard(kind, account).spending(added, instance_id, max_age=_LISTING_MAX_AGE)
            violations += limits.check_ceiling(spending)
    unreported = _unreported_text(kind, inputs)
    return [Problem(_property(kind, refusal), refusal.text + unreported) for refusal in violations]


def with_alternatives(kind: ResourceKind, problem: Problem) -> Problem:
    """The problem with the text of the first alternatives that the limits allow. Raises nothing: it only completes a
    message."""
    if not problem.alternatives:
        return problem
    allowed: list[str] = []
    with suppress(LimitsFileError, CloudError):
        limits = limits_in_force(kind.cloud, os.environ)
        for alternative in problem.alternatives[:_MAX_COMPARED]:
            violations = limits.check_allowed(accounts.market(kind).policy_values(alternative.inputs))
            if limits.counts_price and not violations:
                violations = limits.check_price(accounts.hourly_price(kind, alternative.inputs))
            if not violations:
                allowed.append(alternative.text)
            if len(allowed) == _MAX_ALTERNATIVES:
                break
    text = f"available now and allowed: {', '.join(allowed) or 'nothing'}"
    return replace(problem, reason=f"{problem.reason}; {text}", alternatives=())


@contextmanager
def enforce(
    kind: ResourceKind,
    account: Account,
    inputs: Mapping[str, Any],
    instance_id: str | None = None,
    *,
    billed: bool = True,
    changes: Inputs | None = None,
) -> Iterator[PendingCost | None]:
    """A block that buys, starts or adopts the instance of `inputs`; entered only if the limits allow it. With
    `changes`, the former inputs of a running instance, the difference is a pending cost of its own, because a list
    shows the new price later.

    Yields the pending cost, to which the caller assigns the id of the purchased instance; None without a limit on the
    account. Raises LimitsFileError, LimitExceededError and CloudError.
    """
    limits = limits_in_force(kind.cloud, os.environ)
    _raise_if_refused(kind, _check_source(kind, limits, accounts.base_url(kind), account.cloud.base_url), inputs)
    if limits.files:
        values = accounts.market(kind).policy_values(quote_records.quoted_now(kind, inputs))
        _raise_if_refused(kind, limits.check_allowed(values), inputs)
    hourly = accounts.hourly_price(kind, inputs, accounts.MAX_PRICE_AGE) if limits.counts_price else None
    _raise_if_refused(kind, limits.check_price(hourly), inputs)
    if not limits.counts_account or not billed:
        yield None
        return

    def judge(spending: Spending) -> None:
        _raise_if_refused(kind, limits.check_ceiling(spending), inputs)

    secret = kind.arguments.names_where(lambda argument: argument.secret)
    ordered = account.cloud.arguments_of({**inputs, "adopt_id": ""}) or tuple(
        None if key in secret else inputs.get(key) for key in kind.arguments.replacing
    )
    if changes is not None:
        hourly, ordered, instance_id = _difference(kind, hourly, changes), (), None
    try:
        with _spend_guard(kind, account).reserve(judge, hourly, ordered, instance_id) as pending_cost:
            yield pending_cost
    except LedgerError as error:
        raise LimitExceededError(f"{error}, so the cost of the account is unknown") from None


@contextmanager
def reserve_during_restart(kind: ResourceKind, account: Account, live: Any) -> Iterator[None]:
    """A block that restarts a running instance: other processes count it while the list shows it stopped. Refuses
    nothing: a restart needs no limits, and where they cannot be read no other process buys."""
    counts = False
    with suppress(LimitsFileError):
        counts = limits_in_force(kind.cloud, os.environ).counts_account
    if not counts:
        yield
        return
    hourly = None
    with suppress(CloudError):
        hourly = account.cloud.hourly_price(live)
    with _spend_guard(kind, account).hold(hourly, account.cloud.id_of(live)):
        yield


def release(kind: ResourceKind, account: Account, instance_id: str) -> None:
    """Removes an instance that is provably gone from the ledger, so that its room is free at once. Without readable
    limits the ledger is unknown; other processes then ask for the instance by id."""
    with suppress(LimitsFileError):
        if limits_in_force(kind.cloud, os.environ).counts_account:
            _spend_guard(kind, account).record_gone(instance_id)


def _check_source(kind: ResourceKind, limits: PurchaseLimits, *base_urls: str) -> list[Violation]:
    """The objections to that base URL: an untrusted server could report low prices and an empty account."""
    own = kind.credentials.default_url
    return [
        refusal
        for base_url in (dict.fromkeys(base_urls) if limits.files else ())
        for refusal in limits.check_source(base_url, own, extra_certificates(base_url, os.environ))
    ]


def _property(kind: ResourceKind, refusal: Violation) -> str:
    """The argument at which a refusal is shown: that of its list, or the first one that the price depends on."""
    argument = argument_of(kind.cloud, refusal.about)
    return argument if argument in kind.arguments else (*kind.arguments.priced, *kind.arguments)[0]


def _raise_if_refused(kind: ResourceKind, refusals: list[Violation], inputs: Mapping[str, Any]) -> None:
    if refusals:
        raise LimitExceededError("; ".join(refusal.text for refusal in refusals) + _unreported_text(kind, inputs))


def _unreported_text(kind: ResourceKind, inputs: Mapping[str, Any]) -> str:
    """The reason for a missing price, if the vendor does not report an argument that it depends on."""
    names = [key for key in kind.arguments.priced if key not in inputs]
    return f" ({kind.vendor} does not report {', '.join(names)})" if names else ""


def _difference(kind: ResourceKind, hourly: Money | None, changes: Inputs) -> Money | None:
    """The increase of the hourly price, at today's prices; None if either price is unknown."""
    before = accounts.hourly_price(kind, changes, accounts.MAX_PRICE_AGE)  # as old as the other one
    if hourly is None or before is None or hourly.currency != before.currency:
        return None
    return hourly - before if hourly.amount > before.amount else Money.zero(hourly.currency)


def _spend_guard(kind: ResourceKind, account: Account) -> SpendGuard[Any]:
    billed = [account if one.token == kind.token else accounts.account(one) for one in kind.billed_kinds]
    ours = session.current()
    with ours.lock:
        if account.fingerprint not in ours.spend_guards:
            bill, poller = _bill_of(billed)
            ours.spend_guards[account.fingerprint] = SpendGuard(
                bill,
                poller,
                account.clock,
                SharedLedger(ledger_directory(ledger_folder(kind.cloud)), account.payer),
                bought_ids=lambda: _known_resources(kind, billed),
                on_ledger_error=_warn_no_ledger,
            )
        return ours.spend_guards[account.fingerprint]


def _bill_of(billed: Sequence[Account]) -> tuple[Bills[Any], Poller[Any]]:
    """All that an account is billed for, and the poller of its list."""
    if len(billed) == 1:
        return billed[0].cloud, billed[0].poller
    bill = AccountBill([account.cloud for account in billed])
    return bill, Poller(bill, billed[0].clock)


def _known_resources(kind: ResourceKind, billed: Sequence[Account]) -> frozenset[str]:
    """The billed resources of the account in this user's journal and in the current stack's state."""
    ours, known_ids = session.current(), set[str]()
    with ours.lock:
        for one in kind.billed_kinds:
            known_ids |= ours.known_ids.get(one.token, set())
    try:
        for account in billed:
            known_ids |= ours.journal.instance_ids(account.cloud.journal_account)
    except JournalError:
        return frozenset(known_ids)
    return frozenset(known_ids)


def _warn_no_ledger(error: LedgerError) -> None:
    """Warns, once in this process, that the orders of other processes are unknown."""
    if session.current().is_first("the ledger"):
        host.current_call().warn(
            f"{error}. The ceiling of the account does not count the orders of other processes of this machine, and "
            "this process sends its orders one at a time, each after the one before is listed. The machine's limits "
            "may name another folder (ledger)"
        )

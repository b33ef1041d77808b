"""The limits of a machine, which hold for every program, whatever its policies and its stack say.

This module has the rules; `limits_file.py` reads the file. Purchases without a price are refused, and so are prices in
another currency than the limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from pulumi_cortecs.cost.money import Money

PolicyValue: TypeAlias = str | tuple[str, ...] | None
"""The value of a purchase that an allow-list judges: None is not known yet, and each of several must be allowed."""

_MAX_NAMES: Final = 12


@dataclass(frozen=True)
class Violation:
    """The reason why a purchase is not allowed. `about` is the value that causes it, "" for its price or source."""

    about: str
    text: str


@dataclass(frozen=True)
class Spending:
    """The hourly cost of an account, None for an unknown price: of its running instances, by id; of pending orders and
    starts that the list does not show yet; and of the new instance."""

    running: Mapping[str, Money | None]
    pending: tuple[Money | None, ...]
    new: Money | None


@dataclass(frozen=True)
class CloudLimits:
    """The limits of one cloud in one file; None for a limit that is not in it.

    `source` is the file; `allowed` has the allow-list of each value that has one. The cap is for one hour of all
    workers of one instance, the ceiling for one hour of the whole account. The next two name trusted sources: the URLs
    of prices and lists, and further certificates (absolute paths). `account_is_exclusive` and `ledger` limit nothing:
    they say whether others use the account, and in which folder the processes of this machine record their orders under
    the ceiling.
    """

    source: str
    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    instance_hourly_cap: Money | None = None
    account_hourly_ceiling: Money | None = None
    account_is_exclusive: bool | None = None
    allowed_base_urls: frozenset[str] | None = None
    allowed_certificates: frozenset[str] | None = None
    ledger: Path | None = None

    @property
    def limits_something(self) -> bool:
        """True if the file has a real limit, besides `account_is_exclusive` and `ledger`."""
        return self != CloudLimits(self.source, account_is_exclusive=self.account_is_exclusive, ledger=self.ledger)


@dataclass(frozen=True)
class PurchaseLimits:
    """All limits of one cloud on this machine; none without a file. A purchase must pass every file."""

    files: tuple[CloudLimits, ...] = ()

    @property
    def counts_price(self) -> bool:
        """True if a limit needs the price."""
        return self.counts_account or any(limits.instance_hourly_cap is not None for limits in self.files)

    @property
    def counts_account(self) -> bool:
        """True if a limit needs the cost of the account's other instances."""
        return any(limits.account_hourly_ceiling is not None for limits in self.files)

    def check_source(self, base_url: str, vendor: str, certificates: Mapping[str, str]) -> list[Violation]:
        """The objections to prices and lists of an untrusted source. `certificates`: the certificates that vouch for
        `base_url` in place of the public authorities, by variable.

        Without URLs in a file, only the `vendor`'s own is trusted. A second file can only tighten this; without the key
        it allows the same as the first one.
        """
        violations = []
        for silent, limits in enumerate(file for file in self.files if file.limits_something):
            urls, paths = limits.allowed_base_urls, limits.allowed_certificates
            believed = urls if urls is not None or silent else frozenset({vendor})
            if believed is not None and base_url not in believed:
                violations.append(
                    _violation(
                        f"prices and lists would come from {base_url}, and {limits.source} believes "
                        f"{_join_names(believed)} only; `allowed_base_urls` there names others"
                    )
                )
            for variable, path in certificates.items():
                if path not in (paths or ()) and not (silent and paths is None):
                    violations.append(
                        _violation(
                            f"{variable} has {path} vouch for {base_url}, and {limits.source} believes "
                            f"{_join_names(paths or ())} beside the public authorities; `allowed_certificates` there "
                            "names others"
                        )
                    )
        return violations

    def check_allowed(self, purchase: Mapping[str, PolicyValue]) -> list[Violation]:
        """The values of a purchase that are not on their allow-lists."""
        return [
            Violation(about, f"{value} is not allowed by {limits.source}, which allows {_join_names(allowed)}")
            for limits in self.files
            for about, values in purchase.items()
            if (allowed := limits.allowed.get(about)) is not None
            for value in ((values,) if isinstance(values, str) else values or ())
            if value not in allowed
        ]

    def check_price(self, hourly: Money | None) -> list[Violation]:
        """The objection to one instance that costs too much by itself, or has no known price."""
        violations = []
        for limits in self.files:
            cap = limits.instance_hourly_cap
            if cap is None:
                continue
            limit = f"the cap per instance is {cap} ({limits.source})"
            if hourly is None:
                violations.append(_violation(f"the instance has no price, and {limit}"))
            elif hourly.currency != cap.currency:
                violations.append(_violation(f"the instance costs {hourly}/h, and {limit}: not the same currency"))
            elif hourly > cap:
                violations.append(_violation(f"the instance costs {hourly}/h, and {limit}, exceeded by {hourly - cap}"))
        return violations

    def check_ceiling(self, spending: Spending) -> list[Violation]:
        """The objection to an account that would cost too much as a whole, or has an unknown cost."""
        return [
            _violation(text)
            for limits in self.files
            if limits.account_hourly_ceiling is not None
            for text in _ceiling_violations(spending, limits.account_hourly_ceiling, limits.source)
        ]


def _ceiling_violations(spending: Spending, ceiling: Money, source: str) -> Iterator[str]:
    limit = f"the ceiling of the account is {ceiling} (account_hourly_ceiling in {source})"
    unpriced = sorted(key for key, hourly in spending.running.items() if hourly is None)
    if spending.new is None:
        yield f"the instance has no price, and {limit}"
    elif unpriced:
        yield f"{limit}, and running instances of the account have no price: {_join_names(unpriced)}"
    elif None in spending.pending:
        yield f"{limit}, and a pending order has no price"
    else:
        priced = [*spending.running.values(), *spending.pending, spending.new]
        foreign = sorted({str(price) for price in priced if price is not None and price.currency != ceiling.currency})
        if foreign:
            yield f"{limit}, and there is {_join_names(foreign)}/h in it: not the same currency"
            return
        running, pending = _sum(spending.running.values(), ceiling), _sum(spending.pending, ceiling)
        total = running + pending + spending.new
        if total > ceiling:
            yield (
                f"the account would cost {total}/h ({running} for what it runs, {pending} for what was just "
                f"ordered, {spending.new} for this instance), and {limit}, exceeded by {total - ceiling}"
            )


def _sum(prices: Iterable[Money | None], ceiling: Money) -> Money:
    total = Money.zero(ceiling.currency)
    for price in prices:
        if price is not None:
            total += price
    return total


def _violation(text: str) -> Violation:
    return Violation("", text)


def _join_names(names: Iterable[str]) -> str:
    sorted_names = sorted(names)
    return (", ".join(sorted_names[:_MAX_NAMES]) + (", ..." if len(sorted_names) > _MAX_NAMES else "")) or "nothing"

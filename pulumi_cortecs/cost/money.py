"""An amount that never forgets its currency: exact decimals, and two currencies are never added or compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import total_ordering

_CURRENCY = re.compile(r"[A-Z]{3}")


class MoneyError(ValueError):
    """The amount is not a finite decimal, or the currency is not a three-letter ISO 4217 code."""


class CurrencyMismatchError(MoneyError):
    """Two amounts in different currencies were added, subtracted or compared."""


@total_ordering
@dataclass(frozen=True)
class Money:
    """`amount` units (not cents) of `currency`, an ISO 4217 code such as "EUR".

    Raises MoneyError for a float (its decimals are noise; give a string, an int or a Decimal) and for NaN and infinity.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise MoneyError(f"an amount is a Decimal, not {type(self.amount).__name__}: {self.amount!r}")
        if not self.amount.is_finite():
            raise MoneyError(f"an amount is finite, not {self.amount}")
        if not isinstance(self.currency, str) or not _CURRENCY.fullmatch(self.currency):
            raise MoneyError(f"a currency is a three-letter code such as EUR, not {self.currency!r}")

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Money:
        """Money from "1.20", 2 or a Decimal. Raises MoneyError for anything else, a float and a boolean among them."""
        if isinstance(amount, bool) or not isinstance(amount, (str, int, Decimal)):
            raise MoneyError(
                f"an amount is a decimal string, an int or a Decimal, not {type(amount).__name__}: {amount!r}"
            )
        try:
            return cls(Decimal(amount), currency)
        except ArithmeticError:
            raise MoneyError(f"not a decimal amount: {amount!r}") from None

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Nothing, in `currency`: where a sum starts."""
        return cls(Decimal(0), currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other).amount, self.currency)

    def __mul__(self, factor: int | Decimal) -> Money:
        if isinstance(factor, bool) or not isinstance(factor, (int, Decimal)):
            raise MoneyError(f"money is multiplied by an int or a Decimal, not {type(factor).__name__}")
        return Money(self.amount * factor, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other).amount

    def __str__(self) -> str:
        """At least two decimals, more only where they matter: "1.20 EUR", "0.0125 EUR"."""
        return f"{self.decimal_string()} {self.currency}"

    def decimal_string(self) -> str:
        """The amount alone, as it is written into states and ledgers: "1.20", "0.0125"; the same for equal amounts."""
        plain = f"{self.amount.normalize():f}"
        whole, _, decimals = plain.partition(".")
        return f"{whole}.{decimals:0<2}"

    def _same(self, other: object) -> Money:
        if not isinstance(other, Money):
            raise MoneyError(f"money goes with money, not with {type(other).__name__}")
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"{self} and {other} are in different currencies")
        return other

"""An exact decimal amount with its currency; two currencies are never added or compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from functools import total_ordering

_CURRENCY = re.compile(r"[A-Z]{3}")
_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")  # Decimal accepts "1_0" and look-alike digits as well

_MAX_DIGITS, _MAX_DECIMALS = 20, 40
"""Digits before and after the point: more than any price has, and few enough to be written out."""
_EXACT = Context(prec=200, traps=[InvalidOperation, Inexact])
"""The context of all arithmetic. The default one rounds to 28 digits, or as the program sets; amounts are exact or an
error."""


class MoneyError(ValueError):
    """The amount is not a decimal that can be money, or the currency is not a three-letter ISO 4217 code."""


class CurrencyMismatchError(MoneyError):
    """Two amounts in different currencies were added, subtracted or compared."""


@total_ordering
@dataclass(frozen=True)
class Money:
    """`amount` units (not cents) of `currency`, an ISO 4217 code such as "EUR".

    Raises MoneyError for a float (its decimals are noise; give a string, an int or a Decimal), for NaN and infinity,
    and for more digits than money has.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise MoneyError(f"an amount is a Decimal, not {type(self.amount).__name__}: {self.amount!r}")
        if not self.amount.is_finite():
            raise MoneyError(f"an amount is finite, not {self.amount}")
        exponent = self.amount.as_tuple().exponent
        if self.amount.adjusted() >= _MAX_DIGITS or (isinstance(exponent, int) and -exponent > _MAX_DECIMALS):
            raise MoneyError(
                f"an amount has at most {_MAX_DIGITS} digits and {_MAX_DECIMALS} decimals, not {self.amount:.5e}"
            )
        if not isinstance(self.currency, str) or not _CURRENCY.fullmatch(self.currency):
            raise MoneyError(f"a currency is a three-letter code such as EUR, not {self.currency!r}")

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Money:
        """Money from "1.20", 2 or a Decimal. Raises MoneyError for anything else, a float and a boolean among them."""
        if isinstance(amount, bool) or not isinstance(amount, (str, int, Decimal)):
            raise MoneyError(
                f"an amount is a decimal string, an int or a Decimal, not {type(amount).__name__}: {amount!r}"
            )
        if isinstance(amount, str) and not _NUMBER.fullmatch(amount):
            raise MoneyError(f"not a decimal amount: {amount!r}")
        try:
            return cls(Decimal(amount), currency)
        except ArithmeticError:
            raise MoneyError(f"not a decimal amount: {amount!r}") from None

    @classmethod
    def price_or_none(cls, amount: str | int | Decimal | None, currency: str | None) -> Money | None:
        """A vendor's price as money; None where it reports none: no amount, one that is not above zero, no currency."""
        try:
            price = cls.of(amount or 0, currency or "")
        except MoneyError:
            return None
        return price if price.amount > 0 else None

    @classmethod
    def read(cls, written: object) -> Money:
        """Money from what a person has written, "12.50 EUR": digits, and no sign or exponent. Raises MoneyError."""
        number, _, currency = written.partition(" ") if isinstance(written, str) else ("", "", "")
        if not _PLAIN.fullmatch(number) or not _CURRENCY.fullmatch(currency):
            raise MoneyError(f"must be an amount with its currency, such as '12.50 EUR', not {written!r}")
        return cls.of(number, currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Zero in `currency`, the start of a sum."""
        return cls(Decimal(0), currency)

    def __add__(self, other: Money) -> Money:
        with localcontext(_EXACT):
            return Money(self.amount + self._require_currency(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        with localcontext(_EXACT):
            return Money(self.amount - self._require_currency(other).amount, self.currency)

    def __mul__(self, factor: int | Decimal) -> Money:
        if isinstance(factor, bool) or not isinstance(factor, (int, Decimal)):
            raise MoneyError(f"money is multiplied by an int or a Decimal, not {type(factor).__name__}")
        try:
            with localcontext(_EXACT):
                return Money(self.amount * factor, self.currency)
        except ArithmeticError:
            raise MoneyError(f"{self} cannot be multiplied by {factor}") from None

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._require_currency(other).amount

    def __str__(self) -> str:
        """At least two decimals, more only where they matter: "1.20 EUR", "0.0125 EUR"."""
        return f"{self.decimal_string()} {self.currency}"

    def decimal_string(self) -> str:
        """The amount alone, as it is written into states and ledgers: "1.20", "0.0125"; the same for equal amounts."""
        with localcontext(_EXACT):
            plain = f"{self.amount.normalize() or Decimal(0):f}"  # Decimal has a -0, equal to 0
        whole, _, decimals = plain.partition(".")
        return f"{whole}.{decimals:0<2}"

    def _require_currency(self, other: object) -> Money:
        if not isinstance(other, Money):
            raise MoneyError(f"expected Money, got {type(other).__name__}")
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"{self} and {other} are in different currencies")
        return other

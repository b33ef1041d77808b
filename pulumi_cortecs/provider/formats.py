"""Readers of properties whose texts have a form: names, dates, amounts, public keys."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from pulumi_cortecs.lifecycle.labels import LABEL_TAG, ORDER_TAG
from pulumi_cortecs.lifecycle.times import parse_timestamp
from pulumi_cortecs.provider.kind import Reader
from pulumi_cortecs.provider.properties import InvalidValueError, hidden_string, integer, mapping_of, string

MAX_PORT: Final = 65_535
port: Final = integer(1, MAX_PORT)
"""The number of a port."""
variables: Final = mapping_of(hidden_string, re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}"))
"""The variables of a container, whose values may be secrets."""

_NAME: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")
_CENTS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")
_PUBLIC_KEY: Final = re.compile(r"[a-z][a-z0-9@.-]+ +[A-Za-z0-9+/]+=*( .*)?")


def dns_name(shortest: int, longest: int, *, dotted: bool = False) -> Reader:
    """A name of so many characters, as a part of a host name may be; of several such parts if `dotted`."""
    form = re.compile(rf"{_NAME}(\.{_NAME})*" if dotted else _NAME)

    def reader(value: Any) -> str:
        name = string(value)
        if not form.fullmatch(name) or not shortest <= len(name) <= longest:
            letters = f"lower-case letters, digits{', dots' * dotted} and hyphens"
            raise InvalidValueError(f"must be {shortest} to {longest} {letters}, with neither at an end; got {name!r}")
        return name

    return reader


def text_of(longest: int) -> Reader:
    """A text of at most so many characters."""

    def reader(value: Any) -> str:
        text = string(value)
        if len(text) > longest:
            raise InvalidValueError(f"must have at most {longest} characters; got {len(text)}")
        return text

    return reader


def secret_text(value: Any) -> str:
    """A text that is not empty, and may be a secret."""
    if not hidden_string(value):
        raise InvalidValueError("must not be empty", shows_value=False)
    return str(value)


def date(value: Any) -> str:
    """A date with its time and time zone, as in RFC 3339."""
    written = string(value)
    if not _DATE.fullmatch(written) or parse_timestamp(written) is None:
        raise InvalidValueError(f"must be a date such as 2026-12-31T12:00:00Z, with its time zone; got {written!r}")
    return written


def cents_of(currency: str) -> Reader:
    """An amount above 0 in whole cents of a currency, which only messages name: "25.00"."""

    def reader(value: Any) -> str:
        amount = string(value)
        if not _CENTS.fullmatch(amount) or Decimal(amount) <= 0:
            raise InvalidValueError(f"must be an amount of {currency} above 0, such as '25.00'; got {amount!r}")
        return amount

    return reader


def money(value: Any) -> str:
    """An amount with its currency, "12.50 EUR", as it is written into states; "" for none."""
    from pulumi_cortecs.cost import Money, MoneyError  # programs import this module

    if not (text := string(value)):
        return ""
    try:
        return str(Money.read(text))
    except MoneyError as error:
        raise InvalidValueError(str(error)) from None


def money_in(currency: str) -> Reader:
    """The same above 0, in whole cents of this currency."""

    def reader(value: Any) -> str:
        amount, _, given_currency = (limit := money(value)).partition(" ")
        if limit and (given_currency != currency or not _CENTS.fullmatch(amount) or Decimal(amount) <= 0):
            raise InvalidValueError(
                f"must be above 0, in {currency} and in whole cents, such as '25.00 {currency}'; got {value!r}"
            )
        return limit

    return reader


def public_key(value: Any) -> str:
    """A public key for SSH in one line."""
    key = hidden_string(value).strip()  # a file ends with a newline
    if not _PUBLIC_KEY.fullmatch(key) or not key.isprintable():
        text = "must be a public key such as 'ssh-ed25519 AAAA... name', in one line, as in a file id_ed25519.pub"
        raise InvalidValueError(text, shows_value=False)  # it may be the private one
    return key


def text_tag(value: Any) -> str:
    """A tag of the program's own, where tags are texts (lifecycle/text_tags.py)."""
    tag = string(value)
    if not tag or not tag.isprintable() or tag != tag.strip() or tag.startswith((ORDER_TAG, LABEL_TAG)):
        raise InvalidValueError(
            f"must be printable, and not begin with {ORDER_TAG} or {LABEL_TAG} (orders and labels), or a space; "
            f"got {tag!r}"
        )
    return tag

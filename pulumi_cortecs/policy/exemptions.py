"""Exemptions: a resource may exceed a rule, until a day and up to a price."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import PlainValidator

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.strict_reader import Name, invalid
from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.settings import Settings, matches_pattern, parse_amount

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OUR_TYPE: Final = re.compile(rf"(?:^|(?<=::)|(?<=\$))(?:{'|'.join(map(re.escape, RESOURCE_TYPES))})::")
_SHAPE: Final = "urn:pulumi:STACK::PROJECT::TYPE::NAME"


def _urn(value: Any) -> str:
    parts = value.split("::", 3) if isinstance(value, str) else []
    if len(parts) < 4 or not parts[0].startswith("urn:pulumi:") or not parts[3]:
        raise invalid(value, f"a URN, {_SHAPE}, of which TYPE and a part of NAME may be *")
    stack, project, _, name = parts
    if "*" in stack + project or not name.strip("*"):
        raise invalid(value, "the URN of one stack, project and resource, not everything")
    return str(value)


def _day(value: Any) -> date:
    try:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise invalid(value, "a day such as '2026-12-31'") from None


class Exemption(Settings):
    """An exemption. `resource`: a URN, in which `*` may stand for the type and for a part of the name. `rule`: the rule
    that it exempts from. `until`: its last day, in UTC. `up_to`: the highest hourly price of the resource, "12.50
    EUR"."""

    resource: Annotated[str, PlainValidator(_urn)]
    rule: Name
    reason: Name
    owner: Name
    until: Annotated[date, PlainValidator(_day)]
    up_to: Annotated[Money, PlainValidator(parse_amount)]

    def applies_to(self, urn: str) -> bool:
        """Returns whether it names this resource, expired or not."""
        if urn == self.resource:
            return True
        patterns = self.resource.split("::", 3)
        readings = list(_readings(urn))
        return readings != [] and all(all(map(matches_pattern, parts, patterns)) for parts in readings)

    def is_expired(self, now: datetime) -> bool:
        """Returns whether its last day is over."""
        return now.date() > self.until

    def allows_price(self, price: Money) -> bool:
        """Returns whether this hourly price is within it; one in another currency never is."""
        return price.currency == self.up_to.currency and price <= self.up_to

    def __str__(self) -> str:
        return f"exempt until {self.until} up to {self.up_to}/h, says {self.owner}: {self.reason}"


def _readings(urn: str) -> Iterator[tuple[str, str, str, str]]:
    """Stack, project, type and name, in every way that a URN can be parsed: the program chooses names and types of
    components, which may contain `::`. An exemption must match every reading."""
    stack, project, rest = urn.split("::", 2) if urn.count("::") > 1 else ("", "", "")
    for match in _OUR_TYPE.finditer(rest):
        yield stack, project, rest[: match.end() - len("::")], rest[match.end() :]

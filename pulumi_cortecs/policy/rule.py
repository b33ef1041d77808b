"""A rule: its data, and one pure function that yields the violations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import ValidationError

from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.settings import NoSettings, Settings


class Level(str, Enum):
    """The effect of a finding: advisory ones are shown, mandatory ones stop the purchase."""

    ADVISORY = "advisory"
    MANDATORY = "mandatory"


class Severity(str, Enum):
    """The weight of a finding, for sorting."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Subject(str, Enum):
    """The subject of a rule: one Purchase, any resource at all (ObservedResource), or the Sum of the stack."""

    PURCHASE = "purchase"
    RESOURCE = "resource"
    SUM = "sum"


@dataclass(frozen=True)
class RuleContext:
    """The context of a rule: the pinned prices, and the time (UTC)."""

    prices: PinnedPrices
    now: datetime


@dataclass(frozen=True)
class Advice:
    """A remark of a rule that stops nothing, whatever the level of the rule."""

    text: str


Check = Callable[[Any, Any, RuleContext], Iterable[str | Advice]]
"""A function of subject, settings and context that yields the text of each violation. It may raise NotKnownError."""


@dataclass(frozen=True)
class Rule:
    """One rule of a pack.

    `name` is kebab-case and unique; `description` is the first sentence of a violation; the limits can raise `level`,
    and never lower it. `way_out`: whether other hardware, or less of it, could satisfy the rule; a refusal then names
    alternatives. `volumes`: whether it holds for storage as well, which has no model, workers or GPUs. `exemptible`:
    whether an exemption can lift it for one resource. `optional`: whether the limits may switch it off.
    """

    name: str
    description: str
    check: Check
    remediation: str
    settings: type[Settings] = NoSettings
    subject: Subject = Subject.PURCHASE
    level: Level = Level.MANDATORY
    severity: Severity = Severity.HIGH
    tags: tuple[str, ...] = ()
    way_out: bool = False
    volumes: bool = True
    exemptible: bool = True
    optional: bool = True
    documentation: str = ""

    @property
    def url(self) -> str:
        """The URL of the page that explains it."""
        return self.documentation or f"docs/policies/{self.name}.md"

    @property
    def needs_limits(self) -> bool:
        """True if the rule refuses everything without limits of its own."""
        try:
            self.settings()
        except ValidationError:
            return True
        return False

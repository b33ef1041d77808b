"""A review as data: what a change would cost, destroy and violate. Every format is a pure function of a ReviewReport.

Names and messages come from the program and its packs, and are not escaped here: each format escapes for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from pulumi_cortecs.cost import Money

HOURS_PER_DAY: Final = 24


class Decision(str, Enum):
    """The decision about a change. CANNOT_TELL: the preview is not whole, or failed for another reason than a rule."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "NOT ALLOWED"
    CANNOT_TELL = "cannot tell"


class Action(str, Enum):
    """The effect of a change on one purchase. KEEP: the stack forgets it, and it goes on running. TAKE_OVER: it runs
    already, and the stack gets it. LEFT_OVER: the rest of an earlier replacement, which is deleted now."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    START = "start"
    STOP = "stop"
    KEEP = "keep"
    TAKE_OVER = "take over"
    LEFT_OVER = "delete the old one"


@dataclass(frozen=True)
class HourlyPrice:
    """The price of an hour. A deployment that scales costs between `floor` and `ceiling`, anything else has one
    price."""

    floor: Money
    ceiling: Money

    @classmethod
    def zero(cls, currency: str) -> HourlyPrice:
        """The price of nothing."""
        return cls(Money.zero(currency), Money.zero(currency))

    @property
    def currency(self) -> str:
        """The currency of both amounts."""
        return self.ceiling.currency

    @property
    def scales(self) -> bool:
        """True if the two amounts differ."""
        return self.floor != self.ceiling

    def __add__(self, other: HourlyPrice) -> HourlyPrice:
        return HourlyPrice(self.floor + other.floor, self.ceiling + other.ceiling)

    def __sub__(self, other: HourlyPrice) -> HourlyPrice:
        return HourlyPrice(self.floor - other.floor, self.ceiling - other.ceiling)


@dataclass(frozen=True)
class Bought:
    """What a resource buys, before or after the change. Texts are "" where unknown.

    `amount` is "2 x NVIDIA_L4_1" or "100 GB of ID". `hourly` is None without a price, and `unpriced` says why; a
    stopped instance has the price zero.
    """

    amount: str
    region: str
    model: str
    is_stopped: bool
    hourly: HourlyPrice | None
    unpriced: str = ""


@dataclass(frozen=True)
class ResourceRow:
    """One changed purchase. `kind` is "cortecs.Instance"; `before` is None for a new one, `after` for one that ends.

    `changed` are the names of the changed arguments. `both_run`: a replacement, whose old one is billed until the new
    one is ready; `interrupts`: a change in place, during which nothing serves. `destroys`: the data that is lost;
    `address`: what happens to the address at which it serves; each "" for nothing.
    """

    urn: str
    name: str
    kind: str
    action: Action
    before: Bought | None
    after: Bought | None
    changed: tuple[str, ...] = ()
    both_run: bool = False
    interrupts: bool = False
    destroys: str = ""
    address: str = ""

    @property
    def unpriced(self) -> str:
        """The reason why the row has no difference, "" if it has one."""
        return next((bought.unpriced for bought in (self.before, self.after) if bought and bought.hourly is None), "")


@dataclass(frozen=True)
class Unpriced:
    """A purchase without a known price. `is_changed`: the change touches it."""

    urn: str
    name: str
    kind: str
    reason: str
    is_changed: bool


@dataclass(frozen=True)
class Total:
    """All purchases in one currency that have a price. `unchanged` is the part of both sums that the change does not
    touch."""

    before: HourlyPrice
    after: HourlyPrice
    unchanged: HourlyPrice

    @property
    def currency(self) -> str:
        """The currency of all amounts."""
        return self.after.currency

    @property
    def difference(self) -> HourlyPrice:
        """The increase, negative for a decrease."""
        return self.after - self.before


@dataclass(frozen=True)
class PolicyResult:
    """A finding of a pack. `name` is "" for one about the whole stack, whose `urn` is the stack's or ""; `link` and
    `remediation` are those of our own rules, "" for others."""

    rule: str
    pack: str
    is_mandatory: bool
    severity: str
    urn: str
    name: str
    message: str
    link: str = ""
    remediation: str = ""


@dataclass(frozen=True)
class GateResult:
    """A cost limit of the command line. `gate` is as it was written, "--max-increase 5.00 EUR/h"; `text` names both
    figures, or the reason why it cannot be checked, which fails. `missing_currency` is the one in which the option has
    no amount, where that is why it fails."""

    gate: str
    passed: bool
    text: str
    missing_currency: str = ""


@dataclass(frozen=True)
class SourceLocation:
    """A line of the program; `file` is relative to the repository's root."""

    file: str
    line: int


@dataclass(frozen=True)
class StackReview:
    """One stack. `rows` are the changed purchases, `drift` those that differ from the state (with `--refresh`).

    `problems`: the reasons why the preview does not tell everything, none for a whole one. `unchanged_count`: purchases
    that the change does not touch. `free_changes`: changes of our resources that buy nothing; `other_changes`: changes
    of other providers' resources, and `other_count` all of these.
    """

    project: str
    stack: str
    rows: tuple[ResourceRow, ...] = ()
    totals: tuple[Total, ...] = ()
    unchanged_count: int = 0
    unpriced: tuple[Unpriced, ...] = ()
    findings: tuple[PolicyResult, ...] = ()
    packs: tuple[str, ...] = ()
    drift: tuple[ResourceRow, ...] = ()
    problems: tuple[str, ...] = ()
    free_changes: int = 0
    other_changes: int = 0
    other_count: int = 0
    locations: Mapping[str, SourceLocation] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class CatalogueReference:
    """The prices of a review: the catalogue's name, the day of its oldest list ("2026-08-20") and its sha256."""

    name: str
    day: str
    sha256: str


@dataclass(frozen=True)
class ReviewReport:
    """A review. `hours_per_month` makes monthly of hourly amounts; `notes` qualify all figures ("compares code with
    code"); `command` makes the report again."""

    stacks: tuple[StackReview, ...]
    catalogue: CatalogueReference
    gates: tuple[GateResult, ...] = ()
    command: str = ""
    hours_per_month: int = 730
    notes: tuple[str, ...] = ()

    @property
    def totals(self) -> tuple[Total, ...]:
        """The totals of all stacks, one per currency."""
        return add_totals(total for stack in self.stacks for total in stack.totals)

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems of all stacks."""
        return tuple(problem for stack in self.stacks for problem in stack.problems)

    @property
    def unpriced(self) -> tuple[Unpriced, ...]:
        """The purchases of all stacks that have no known price."""
        return tuple(unpriced for stack in self.stacks for unpriced in stack.unpriced)

    @property
    def violations(self) -> tuple[PolicyResult, ...]:
        """The mandatory findings of all stacks."""
        return tuple(finding for stack in self.stacks for finding in stack.findings if finding.is_mandatory)

    @property
    def failed_gates(self) -> tuple[GateResult, ...]:
        """The gates that the change does not pass."""
        return tuple(gate for gate in self.gates if not gate.passed)

    @property
    def decision(self) -> Decision:
        """The decision about the change."""
        if self.problems or not self.stacks:
            return Decision.CANNOT_TELL
        return Decision.NOT_ALLOWED if self.violations or self.failed_gates else Decision.ALLOWED

    @property
    def has_changes(self) -> bool:
        """True if a purchase changes; a review without changes, violations and problems needs no comment."""
        return any(stack.rows for stack in self.stacks)

    @property
    def changes_cost(self) -> bool:
        """True if an amount differs, or may differ."""
        return any(total.before != total.after for total in self.totals) or any(
            unpriced.is_changed for unpriced in self.unpriced
        )

    @property
    def exit_code(self) -> int:
        """1 if it cannot tell, 5 for a mandatory violation, 6 for a failed gate: the lowest that applies, or 0."""
        if self.decision is Decision.CANNOT_TELL:
            return 1
        return 5 if self.violations else 6 if self.failed_gates else 0


def add_totals(totals: Iterable[Total]) -> tuple[Total, ...]:
    """One total per currency, sorted by it."""
    by_currency: dict[str, Total] = {}
    for total in totals:
        nothing = HourlyPrice.zero(total.currency)
        sum_so_far = by_currency.get(total.currency, Total(nothing, nothing, nothing))
        by_currency[total.currency] = Total(
            sum_so_far.before + total.before,
            sum_so_far.after + total.after,
            sum_so_far.unchanged + total.unchanged,
        )
    return tuple(by_currency[currency] for currency in sorted(by_currency))

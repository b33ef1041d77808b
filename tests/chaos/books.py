"""The comparison of the books: what the simulator runs and bills, against the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

Arguments = tuple[object, ...]


class Kind(str, Enum):
    """The kinds of errors."""

    ORPHAN = "orphan"
    """An instance without a row."""
    DOUBLE = "double"
    """The same, while the row that it was bought for has another one; or two rows have one instance."""
    FALSE_GONE = 'false "gone"'
    """An instance whose row was dropped."""
    BILLED = "billed"
    """An instance that is billed after a successful destroy."""
    UNRECORDED = "unrecorded"
    """It was waited for, and was not in the state yet."""
    DEAD_ROW = "row without instance"
    """A row of an instance that is gone unintentionally; the next refresh notices."""
    UNRECOVERED = "not recovered"
    """The command goes on failing without any fault in force."""
    REFUSED_FOR_NOTHING = "refused for nothing"
    """A creation was refused because of instances, although each of them has a row."""
    REFUSED_ALONE = "refused in an exclusive account"
    """A creation was refused because of an earlier one, although the account is exclusive."""
    HUNG = "hung"
    """A command, or a provider whose engine was killed, did not come to an end."""
    UNPLAYED = "not played"
    """The suite itself failed."""


@dataclass(frozen=True)
class Finding:
    """One error, and its instance ("" for none)."""

    kind: Kind
    instance_id: str = ""


@dataclass(frozen=True)
class Books:
    """One look at both sides: arguments by id of what exists, of what the rows have, and what is billed.

    `rows` has one (id, arguments) for each Instance row, those marked for deletion included.
    """

    alive: Mapping[str, Arguments]
    rows: tuple[tuple[str, Arguments], ...]
    billed: frozenset[str] = frozenset()

    @property
    def recorded(self) -> frozenset[str]:
        """The ids that the state has."""
        return frozenset(instance_id for instance_id, _ in self.rows)

    @property
    def strays(self) -> frozenset[str]:
        """The instances without a row."""
        return frozenset(self.alive) - self.recorded

    @property
    def dead_rows(self) -> frozenset[str]:
        """The ids in rows whose instance does not exist."""
        return self.recorded - frozenset(self.alive)


@dataclass
class Auditor:
    """Remembers the rows that there were, to distinguish an orphan from an instance whose row was dropped."""

    recorded_before: set[str] = field(default_factory=set)

    def note(self, books: Books) -> frozenset[Finding]:
        """The errors after any command: a row was dropped and its instance exists, or two rows have one instance."""
        dropped = (self.recorded_before - books.recorded) & books.alive.keys()
        self.recorded_before |= books.recorded
        shared = [
            instance_id
            for instance_id, rows in Counter(instance_id for instance_id, _ in books.rows).items()
            if rows > 1
        ]
        return _findings(Kind.FALSE_GONE, dropped) | _findings(Kind.DOUBLE, shared)

    def after_up(self, books: Books) -> frozenset[Finding]:
        """The errors after a successful `up`."""
        wanted = {arguments for _, arguments in books.rows}
        strays = books.strays - self.recorded_before
        doubles = {stray for stray in strays if books.alive[stray] in wanted}
        return self.note(books) | _findings(Kind.DOUBLE, doubles) | _findings(Kind.ORPHAN, strays - doubles)

    def after_destroy(self, books: Books) -> frozenset[Finding]:
        """The errors after a successful `destroy`; instances that never had a row are for `orphans`."""
        return self.note(books) | _findings(Kind.BILLED, self.recorded_before & books.billed)

    def at_the_end(self, books: Books) -> frozenset[Finding]:
        """The errors at the end, when no instance should be left."""
        return self.after_destroy(books) | _findings(Kind.ORPHAN, books.strays - self.recorded_before)


def _findings(kind: Kind, ids: Iterable[str]) -> frozenset[Finding]:
    return frozenset(Finding(kind, instance_id) for instance_id in ids)

"""The changes of a stack: a row for each changed purchase, and the sums of all.

The engine replaces in three steps (create-replacement, replace, delete-replaced); these are one row. A `same` step is
no change, and neither is a `refresh`, which reads the resource from its vendor: where that differs, it is drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.field import Known
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.review.events import Preview, Step
from pulumi_cortecs.review.purchases import (
    KINDS,
    EventProperties,
    describe,
    interrupts,
    is_purchase,
    name_of,
    new_properties,
    old_properties,
    read_purchase,
)
from pulumi_cortecs.review.report import Action, Bought, HourlyPrice, ResourceRow, Total, Unpriced, add_totals

_NO_CHANGE: Final = frozenset({"same", "refresh", "read", "read-replacement", "read-discard", "discard-replaced"})
"""Operations that buy and end nothing: what a program only reads is another stack's."""
_CREATIONS: Final = frozenset({"create", "import", "create-replacement", "import-replacement"})
_REPLACEMENTS: Final = frozenset({"create-replacement", "import-replacement"})
_IMPORTS: Final = frozenset({"import", "import-replacement"})
_PARTS: Final = frozenset({"replace", "remove-pending-replace"})
_KNOWN: Final = _NO_CHANGE | _CREATIONS | _PARTS | {"update", "delete", "delete-replaced"}


@dataclass(frozen=True)
class StackChanges:
    """The changes of one stack; the fields are those of StackReview. `problems`: operations of a newer engine."""

    rows: tuple[ResourceRow, ...]
    unchanged: tuple[ResourceRow, ...]
    drift: tuple[ResourceRow, ...]
    free_changes: int
    other_changes: int
    other_count: int
    problems: tuple[str, ...]

    @property
    def totals(self) -> tuple[Total, ...]:
        """One total per currency, over all purchases with a price."""
        return add_totals(
            total
            for rows, are_unchanged in ((self.rows, False), (self.unchanged, True))
            for row in rows
            for total in _total(row, are_unchanged)
        )

    @property
    def unpriced(self) -> tuple[Unpriced, ...]:
        """The purchases without a price."""
        return tuple(
            Unpriced(row.urn, row.name, row.kind, row.unpriced, is_changed)
            for rows, is_changed in ((self.rows, True), (self.unchanged, False))
            for row in rows
            if row.unpriced
        )


def read_changes(preview: Preview, prices: PinnedPrices) -> StackChanges:
    """The changes in a preview, at these prices."""
    by_resource = _by_resource(preview.steps)
    ours = [steps for steps in by_resource if steps[0].resource_type in KINDS]
    bought = [steps for steps in ours if is_purchase(steps[0].resource_type)]
    free = [steps for steps in ours if not is_purchase(steps[0].resource_type)]
    other = [steps for steps in by_resource if steps[0].resource_type not in KINDS and _is_resource(steps[0])]
    reader = _RowReader(prices)
    rows = [row for steps in bought for row in reader.rows(steps)]
    return StackChanges(
        rows=tuple(sorted(filter(_is_change, rows), key=_largest_first)),
        unchanged=(
            *(row for row in rows if not _is_change(row)),
            *(reader.unchanged(step) for steps in bought for step in steps if step.op == "same"),
        ),
        drift=tuple(row for step in preview.refreshes if is_purchase(step.resource_type) for row in reader.drift(step)),
        free_changes=sum(map(_changes, free)),
        other_changes=sum(map(_changes, other)),
        other_count=len(other),
        problems=tuple(
            f"{name_of(step.urn)}: unknown operation {step.op} of a newer engine"
            for steps in ours
            for step in steps
            if step.op not in _KNOWN
        ),
    )


def _by_resource(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps of each resource. What replaces one under a new name (`aliases`) deletes it under the old one."""
    renamed = {_old_identity(step, step.old.get("urn")): step for step in steps if step.op in _REPLACEMENTS}
    by_resource: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        made = renamed.get(_old_identity(step, step.urn)) if step.op == "delete-replaced" else None
        named = made or step
        by_resource.setdefault((named.urn, named.resource_type), []).append(step)
    return list(by_resource.values())


def _old_identity(step: Step, urn: object) -> tuple[str, str]:
    return str(urn), str(step.old.get("id", ""))


@dataclass(frozen=True)
class _RowReader:
    prices: PinnedPrices

    def rows(self, steps: list[Step]) -> Iterator[ResourceRow]:
        """The changes of one URN: one for each instance that it names or is to name."""
        made = next((step for step in steps if step.op in _CREATIONS), None)
        ended = [step for step in steps if step.op in ("delete", "delete-replaced")]
        replaced = made if made is not None and made.op in _REPLACEMENTS else None
        for step in steps:
            if step.op == "update":
                yield self._updated(step)
        if made is not None:
            yield self._made(made, steps)
        for step in ended:
            is_old = replaced is not None and step.old.get("id") == replaced.old.get("id")
            if not is_old or step.old.get("retainOnDelete"):
                yield self._ended(step)

    def unchanged(self, step: Step) -> ResourceRow:
        """A purchase that stays as it is."""
        bought = describe(self._old(step))
        return _row(step, Action.UPDATE, bought, bought)

    def drift(self, step: Step) -> Iterator[ResourceRow]:
        """The difference between the state and the vendor's answer, if there is one."""
        before = describe(self._old(step))
        if not step.new:
            yield _row(step, Action.DELETE, before, None)
            return
        after = describe(self._purchase(step, old_properties(step.new)))
        if before != after:
            yield _row(step, _update_action(before, after), before, after)

    def _updated(self, step: Step) -> ResourceRow:
        before, after = describe(self._old(step)), describe(self._new(step))
        row = _row(step, _update_action(before, after), before, after)
        runs_on = row.action is Action.UPDATE and not after.is_stopped
        return replace(row, interrupts=runs_on and interrupts(step.resource_type, row.changed, step.old, step.new))

    def _made(self, step: Step, steps: list[Step]) -> ResourceRow:
        purchase = self._new(step)
        after = describe(purchase)
        first_ended = next((other for other in steps if other.op == "delete-replaced"), None)
        if step.op not in _REPLACEMENTS:
            runs_already = step.op in _IMPORTS or isinstance(purchase.adopt_id, Known)
            return _row(step, Action.TAKE_OVER if runs_already else Action.CREATE, None, after)
        is_gone = any(other.op == "remove-pending-replace" for other in steps)
        before = None if is_gone or _is_kept(step, steps) else describe(self._old(step))
        is_created_first = first_ended is None or steps.index(step) < steps.index(first_ended)
        return replace(
            _row(step, Action.REPLACE, before, after),
            both_run=is_created_first and before is not None,
            destroys="" if before is None else _destroyed(purchase),
            address="" if purchase.is_volume else "changes",
        )

    def _ended(self, step: Step) -> ResourceRow:
        purchase = self._old(step)
        before = describe(purchase)
        if step.old.get("retainOnDelete"):
            return _row(step, Action.KEEP, before, before)
        action = Action.DELETE if step.op == "delete" else Action.LEFT_OVER
        address = "" if purchase.is_volume else "ends"
        return replace(_row(step, action, before, None), destroys=_destroyed(purchase), address=address)

    def _old(self, step: Step) -> Purchase:
        return self._purchase(step, old_properties(step.old))

    def _new(self, step: Step) -> Purchase:
        return self._purchase(step, new_properties(step.new))

    def _purchase(self, step: Step, properties: EventProperties) -> Purchase:
        return read_purchase(step.urn, step.resource_type, properties, self.prices)


def _row(step: Step, action: Action, before: Bought | None, after: Bought | None) -> ResourceRow:
    return ResourceRow(
        urn=step.urn,
        name=name_of(step.urn),
        kind=KINDS[step.resource_type],
        action=action,
        before=before,
        after=after,
        changed=tuple(sorted(RESOURCE_TYPES[step.resource_type].arguments.intersection(step.diffs))),
    )


def _is_change(row: ResourceRow) -> bool:
    """Returns whether an argument changes. Another version of this package or of Pulumi updates what is beside them."""
    return row.action is not Action.UPDATE or row.before != row.after or row.changed != ()


def _largest_first(row: ResourceRow) -> tuple[bool, Decimal, str, str]:
    ceilings = [bought.hourly.ceiling.amount for bought in (row.after, row.before) if bought and bought.hourly]
    largest = abs(ceilings[0] - ceilings[1]) if len(ceilings) > 1 else sum(ceilings, Decimal(0))
    return (not row.unpriced, -largest, row.name, row.urn)


def _update_action(before: Bought, after: Bought) -> Action:
    if before.is_stopped == after.is_stopped:
        return Action.UPDATE
    return Action.STOP if after.is_stopped else Action.START


def _destroyed(purchase: Purchase) -> str:
    return "all data of the volume" if purchase.is_volume else "all data on the instance"


def _is_kept(step: Step, steps: Iterable[Step]) -> bool:
    """Returns whether a replaced instance goes on running outside the stack."""
    return any(
        other.op == "delete-replaced" and other.old.get("id") == step.old.get("id") and other.old.get("retainOnDelete")
        for other in steps
    )


def _total(row: ResourceRow, is_unchanged: bool) -> Iterator[Total]:
    """The part of a row in the totals; none of a row without a price on either side, which would look like a saving or
    an increase of the other side. Both sides are of one cloud, and so in one currency."""
    before, after = (bought.hourly if bought else None for bought in (row.before, row.after))
    price = before or after
    if price is not None and not row.unpriced:
        nothing = HourlyPrice.zero(price.currency)
        yield Total(before or nothing, after or nothing, price if is_unchanged else nothing)


def _changes(steps: Iterable[Step]) -> bool:
    return any(step.op not in _NO_CHANGE for step in steps)


def _is_resource(step: Step) -> bool:
    """Returns whether a step is about something of a vendor: the stack itself and explicit providers are not."""
    return not step.resource_type.startswith("pulumi:")

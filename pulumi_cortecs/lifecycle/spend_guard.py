"""The guard of a spend limit: the hourly cost of an account, including the orders that this machine is sending.

A listing alone is not enough, because it may lack recent orders. So the ledger, which all processes of this machine
share, records every order before it is sent, in one transaction with the decision whether there is room for it. Without
the ledger this process sends one order at a time, each after the one before is listed, and does not know the orders of
other processes.

An order counts until a list has shown its instance: while its answer can still come, under no other id than its own. An
order that no list shows is dropped when two lists, further apart than the lag, and the answer by id all lack it; one
that a list has shown is dropped when both lack it. The vendor's clock measures the time between two lists, because a
program can move its provider's clock.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits import Spending
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.cloud import Arguments, Bills, OrderMatch, OrderSpec, token_of
from pulumi_cortecs.lifecycle.ledger import LedgerChanges, LedgerError, OrderEntry, SharedLedger
from pulumi_cortecs.lifecycle.matching import assign_in_turn
from pulumi_cortecs.lifecycle.poller import Poller, Snapshot
from pulumi_cortecs.lifecycle.purchases import MAX_ORDER_SECONDS, NotBoughtError, NotSentError

T = TypeVar("T")

_MIN_LAG: Final = 5.0
"""Seconds for which a list may be behind, whatever shorter lag a variable claims: a program can set it."""

_ABSENT_MAX_AGE: Final = 60.0
"""Seconds for which an answer "no such instance" counts."""

_PAUSE: Final = 0.25
_TURN_TIMEOUT: Final = MAX_ORDER_SECONDS * 2
"""Seconds for which an order waits for its turn while the ledger fails."""


@dataclass(eq=False)
class PendingCost:
    """One order of this process, while it is carried out. Its number is the order's in the journal, too."""

    entry: OrderEntry

    def set_instance(self, instance_id: str) -> None:
        """Records the id of the purchased instance."""
        self.entry = replace(self.entry, instance_id=instance_id)


@dataclass(frozen=True)
class _View(Generic[T]):
    """The vendor's view: the instances, by a list and by id; those `running`, which are billed; and the `absent` ids,
    by answers by id. By the vendor's clock the list is not older than `asked_at`, nor younger than `answered_at`.

    `entries_before` are the entries as they were before the list was requested, by number: times cannot order them,
    because each process has its own clock."""

    asked_at: float
    answered_at: float
    entries_before: Mapping[int, OrderEntry]
    instances: Mapping[str, T]
    running: Mapping[str, Money | None]
    absent: frozenset[str]


@dataclass(frozen=True)
class _Tally:
    """The entries that count in addition to the vendor's instances, and the changes of all entries."""

    counted: tuple[OrderEntry, ...]
    changes: LedgerChanges


class SpendGuard(Generic[T]):
    """All orders of this machine in one account. Threads may share it."""

    def __init__(
        self,
        cloud: Bills[T],
        poller: Poller[T],
        clock: Clock,
        ledger: SharedLedger,
        *,
        bought_ids: Callable[[], Iterable[str]] = tuple,
        on_ledger_error: Callable[[LedgerError], None] = lambda _: None,
    ) -> None:
        """`bought_ids` returns the ids that were bought in this account, as far as this machine has recorded them;
        `on_ledger_error` receives the error when the ledger cannot be used."""
        self._cloud = cloud
        self._poller = poller
        self._clock = clock
        self._ledger = ledger
        self._bought_ids = bought_ids
        self._on_ledger_error = on_ledger_error
        self._is_lag_plausible = cloud.list_lag >= _MIN_LAG
        self._settled_after = max(cloud.list_lag, _MIN_LAG)
        self._lock = threading.Lock()
        self._orders: dict[int, PendingCost] = {}
        self._gone_ids: set[str] = set()
        self._absent: dict[str, float] = {}

    def spending(self, hourly: Money | None, instance_id: str | None = None, *, max_age: float = 0.0) -> Spending:
        """The spending with one more instance at this price. `instance_id` names an existing one, which adds nothing if
        it is billed already. An instance that may belong to an order without an answer counts as that order; `reserve`
        waits for the answer. Raises CloudError and UnknownStatusError."""
        others = self._read_others()
        view = self._read_vendor(max_age, others)
        with self._lock:
            return _spending(view, self._tally(others, view, guessing=True), hourly, instance_id)

    @contextmanager
    def reserve(
        self,
        judge: Callable[[Spending], None],
        hourly: Money | None,
        arguments: Arguments = (),
        instance_id: str | None = None,
    ) -> Iterator[PendingCost]:
        """A block that orders. It is entered only if `judge` does not raise, and until its outcome shows in the
        account's list its cost counts for every other order of this machine.

        Raises the errors of `spending` and `judge`, and LedgerError if the ledger fails and the order before this one
        does not finish.
        """
        with self._record_when_done(self._wait_for_turn(judge, hourly, arguments, instance_id)) as order:
            yield order

    @contextmanager
    def hold(self, hourly: Money | None, instance_id: str) -> Iterator[PendingCost]:
        """A block that stops and starts an instance that is billed: its cost stays reserved, whatever the limit.

        Without the ledger the orders of other processes do not see it.
        """
        entry = OrderEntry(
            number=secrets.randbits(62),
            hourly=hourly,
            arguments=(),
            before=frozenset(),
            ordered_at=self._clock.now(),
            is_restart=True,
            instance_id=instance_id,
        )
        with self._lock:
            self._orders[entry.number] = order = PendingCost(entry)
            try:
                self._ledger.change(LedgerChanges(kept=(entry,)))
            except LedgerError as error:
                self._on_ledger_error(error)
        with self._record_when_done(order):
            yield order

    @contextmanager
    def _record_when_done(self, order: PendingCost) -> Iterator[PendingCost]:
        nothing_came = False
        try:
            yield order
        except Exception as error:
            nothing_came = self._has_no_effect(error)
            raise
        finally:
            self._record_outcome(order, nothing_came=nothing_came)

    def record_gone(self, instance_id: str) -> None:
        """Records that an instance is provably gone."""
        with self._lock:
            self._gone_ids.add(instance_id)
            for order in [pending for pending in self._orders.values() if pending.entry.instance_id == instance_id]:
                del self._orders[order.entry.number]
            with suppress(LedgerError):  # other processes then ask for it by id
                self._ledger.forget(instance_id)

    def _wait_for_turn(
        self, judge: Callable[[Spending], None], hourly: Money | None, arguments: Arguments, instance_id: str | None
    ) -> PendingCost:
        """Waits for the order's turn, and records it."""
        max_age, until, others = 0.0, self._clock.now() + _TURN_TIMEOUT, self._read_others()
        while True:
            view = self._read_vendor(max_age, others)
            entry = OrderEntry(
                number=secrets.randbits(62),
                hourly=hourly,
                arguments=arguments,
                before=frozenset(view.instances),
                ordered_at=self._clock.now(),
                is_restart=instance_id is not None,
                instance_id=instance_id,
            )
            is_last = self._clock.now() > until
            with self._lock:  # decide and record in one transaction
                if self._try_reserve(entry, view, judge, waits=not is_last):
                    order = self._orders[entry.number] = PendingCost(entry)
                    return order
            if is_last:
                raise LedgerError("the ledger cannot be used, and the order before this one is not listed yet")
            max_age, others = _PAUSE, self._read_others()
            self._clock.sleep(_PAUSE)

    def _try_reserve(
        self, entry: OrderEntry, view: _View[T], judge: Callable[[Spending], None], *, waits: bool
    ) -> bool:
        """Returns whether it is this order's turn: where there is a ledger always, unless it `waits` because all that
        is against it is an order whose answer may name what the list shows already. Raises what `judge` raises."""
        refused: Exception | None = None
        has_turn = True

        def refusal(tally: _Tally) -> Exception | None:
            try:
                judge(_spending(view, tally, entry.hourly, entry.instance_id))
            except Exception as error:
                return error
            return None

        def decide(others: list[OrderEntry]) -> LedgerChanges:
            nonlocal refused, has_turn
            tally = self._tally(others, view)
            refused = refusal(tally)
            if refused is None:
                return replace(tally.changes, kept=(*tally.changes.kept, entry))
            has_turn = not waits or refusal(self._tally(others, view, guessing=True)) is not None
            return tally.changes  # the list's evidence for other orders is recorded nevertheless

        try:
            self._ledger.decide(decide)
        except LedgerError as error:
            self._on_ledger_error(error)
            if self._tally([], view).counted:
                return False
            has_turn = True  # the decision may have been made, but not recorded
            decide([])
        if refused is not None and has_turn:
            raise refused
        return has_turn

    def _record_outcome(self, order: PendingCost, *, nothing_came: bool) -> None:
        """Records the outcome. Raises nothing, because it stands between a purchase and the return of its id."""
        with self._lock:
            order.entry = replace(order.entry, answered_at=self._clock.now())
            changes = LedgerChanges(kept=(order.entry,))
            if nothing_came:
                self._orders.pop(order.entry.number, None)
                changes = LedgerChanges(dropped=(order.entry.number,))
            with suppress(LedgerError):  # the ledger still counts it as pending
                self._ledger.change(changes)

    def _read_others(self) -> list[OrderEntry]:
        try:
            return self._ledger.others()
        except LedgerError:  # reported when an order is placed
            return []

    def _read_vendor(self, max_age: float, others: Iterable[OrderEntry]) -> _View[T]:
        """Reads the vendor's instances, outside of all locks. `others` were read before."""
        with self._lock:
            entries_before = {
                entry.number: entry for entry in (*(order.entry for order in self._orders.values()), *others)
            }
        bought_ids = set(
            self._bought_ids()
        )  # before the request: the list may lack instances that are bought meanwhile
        snapshot = self._poller.snapshot(max_age=max_age)
        answered_at = self._vendor_seconds()
        asked_at = answered_at - max(
            self._clock.now() - snapshot.taken_at, 0.0
        )  # a clock that runs too fast proves nothing
        instances, absent = dict(snapshot.instances), set()
        for instance_id in sorted(self._ids_to_confirm(bought_ids, snapshot, asked_at, entries_before.values())):
            instance = self._cloud.get_instance(instance_id)
            if instance is None or not self._cloud.is_billed(instance):
                absent.add(instance_id)
            else:
                instances[instance_id] = instance
        self._absent |= dict.fromkeys(absent, self._clock.now())
        running = {
            key: self._cloud.hourly_price(instance)
            for key, instance in instances.items()
            if self._cloud.is_billed(instance)
        }
        return _View(asked_at, answered_at, entries_before, instances, running, frozenset(absent))

    def _vendor_seconds(self) -> float:
        """The date of the vendor's last answer, which a program cannot move; this machine's calendar if the vendor
        sends none."""
        vendor_date = self._cloud.vendor_date()
        return self._clock.utc_now().timestamp() if vendor_date is None else vendor_date

    def _ids_to_confirm(
        self, bought_ids: set[str], snapshot: Snapshot[T], asked_at: float, entries: Iterable[OrderEntry]
    ) -> set[str]:
        """The ids of running or purchased instances that the list lacks. A recent order counts until the list must have
        it."""
        recently = self._clock.now() - _ABSENT_MAX_AGE
        bought_ids -= self._gone_ids | {key for key, at in list(self._absent.items()) if at > recently}
        by_id = [(entry.instance_id, entry) for entry in entries if entry.instance_id is not None]
        bought_ids -= {key for key, _ in by_id}
        bought_ids |= {key for key, entry in by_id if entry.seen_at is not None}
        bought_ids -= snapshot.instances.keys()
        return bought_ids | {key for key, entry in by_id if entry.seen_at is None and self._is_overdue(entry, asked_at)}

    def _is_overdue(self, entry: OrderEntry, asked_at: float) -> bool:
        """Returns whether an earlier list lacked it so long ago that this one must have it."""
        return entry.absent_since is not None and asked_at - entry.absent_since > self._settled_after

    def _tally(self, others: Iterable[OrderEntry], view: _View[T], *, guessing: bool = False) -> _Tally:
        """The entries that count in addition to the vendor's instances. An order that will get no answer counts as
        shown where an unclaimed instance may be its; with `guessing` one that may still get an answer as well."""
        entries = sorted(
            [*(order.entry for order in self._orders.values()), *others], key=lambda entry: entry.ordered_at
        )
        shown = self._match_listed(entries, view, guessing=guessing)
        counted, kept, dropped = [], [], []
        for entry in entries:
            after = self._update(entry, view, shown.get(entry.number))
            if after is None:
                dropped.append(entry.number)
                self._orders.pop(entry.number, None)
                continue
            if entry.number not in shown:
                counted.append(entry)
            if after.answered_at is not None and entry.seen_at is None:
                kept.append(after)
                if entry.number in self._orders:
                    self._orders[entry.number].entry = after
        return _Tally(tuple(counted), LedgerChanges(tuple(kept), tuple(dropped)))

    def _match_listed(self, entries: Sequence[OrderEntry], view: _View[T], *, guessing: bool) -> Mapping[int, str]:
        """The listed instance id of each order, by the order's number; orders that are not listed are left out."""
        named = {entry.number: entry.instance_id for entry in entries if entry.instance_id is not None}
        claimed = set(named.values())
        unclaimed = {key: instance for key, instance in view.instances.items() if key not in claimed}
        # a new instance may be another order's, until no answer can come any more
        unnamed = [
            entry for entry in entries if entry.number not in named and (guessing or entry.answered_at is not None)
        ]
        shown = {entry.number: key for entry, key in assign_in_turn(unclaimed, unnamed, self._may_have_bought)}
        for entry in entries:
            # an instance that is being started is listed all the time
            billed_or_new = entry.instance_id in view.running or not entry.is_restart or entry.seen_at is not None
            if entry.instance_id is not None and entry.instance_id in view.instances and billed_or_new:
                shown[entry.number] = entry.instance_id
        return shown

    def _may_have_bought(self, entry: OrderEntry, instance_id: str, instance: T) -> bool:
        if not entry.arguments:  # an instance was changed in place; nothing was bought
            return False
        ordered = OrderSpec(entry.arguments, token_of(entry.number))
        return instance_id not in entry.before and self._cloud.match(instance, ordered).counts_as(OrderMatch.MAYBE)

    def _update(self, entry: OrderEntry, view: _View[T], shown: str | None) -> OrderEntry | None:
        """The entry, updated by the vendor's data; None if it is no longer needed. One that had no answer when the list
        was requested stays as it is."""
        earlier = view.entries_before.get(entry.number)
        if earlier is None or earlier.answered_at is None:
            return entry
        if shown is not None:
            return entry if entry.seen_at is not None else replace(entry, instance_id=shown, seen_at=view.answered_at)
        is_absent = entry.instance_id is None or entry.instance_id in view.absent
        if entry.seen_at is not None:
            return None if is_absent and earlier.seen_at is not None else entry
        if entry.absent_since is None or entry.absent_since > view.answered_at:
            return replace(entry, absent_since=view.answered_at)
        return None if is_absent and self._is_overdue(entry, view.asked_at) else entry

    def _has_no_effect(self, error: Exception) -> bool:
        """Returns whether an order that failed was certainly not carried out."""
        if isinstance(error, CloudError):
            return not error.may_have_taken_effect
        # looked for it has been in lists as far apart as the lag that the variable claims
        return isinstance(error, NotSentError) or (isinstance(error, NotBoughtError) and self._is_lag_plausible)


def _spending(view: _View[T], tally: _Tally, hourly: Money | None, instance_id: str | None) -> Spending:
    if hourly is not None and instance_id in view.running:
        hourly = Money.zero(hourly.currency)
    return Spending(view.running, tuple(entry.hourly for entry in tally.counted), hourly)

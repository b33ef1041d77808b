"""What an account is committed to pay per hour, including what this machine is buying at this very moment.

A listing alone does not tell: what has been ordered a moment ago is not in it yet. So every order is written down
before it is sent, in one step with the decision whether there is room for it: in the ledger that all processes of this
machine share. Without the ledger the orders of this process go one at a time, each when the one before is listed, and
those of other processes are not known.

An order counts until a list has shown it. One that no list shows goes when it has been absent from two lists further
apart than the list may be behind, and from the answer by id; what a list has shown goes when both lack it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from pulumi_cortecs.clouds.errors import CloudError
from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits import Spending
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.ledger import Changes, Ledger, LedgerError, Note
from pulumi_cortecs.lifecycle.poller import Poller, Snapshot
from pulumi_cortecs.lifecycle.purchases import LONGEST_ORDER, Arguments, NotBoughtError, NotSentError

T = TypeVar("T")

_SHORTEST_LAG: Final = 5.0
"""Seconds for which a list may be behind, whatever shorter lag a variable claims: a program can set it."""

_ASKED_AGE: Final = 60.0
"""Seconds for which the answer that there is no such instance counts."""

_PAUSE: Final = 0.25
_LONGEST_TURN: Final = LONGEST_ORDER * 2
"""Seconds after which an order that has not had its turn, because there is no ledger, is given up."""


@dataclass(eq=False)
class Commitment:
    """One order of this process, while it is carried out."""

    note: Note

    def became(self, instance_id: str) -> None:
        """Notes which instance was bought."""
        self.note = replace(self.note, instance_id=instance_id)


@dataclass(frozen=True)
class _View(Generic[T]):
    """What the vendor shows: what there is, by a list that was asked for at `taken_at` and by id; what of it is billed;
    and of which ids the answer by id was that they are not."""

    taken_at: float
    instances: Mapping[str, T]
    running: Mapping[str, Money | None]
    absent: frozenset[str]


@dataclass(frozen=True)
class _Weighed:
    """Which notes count beside what the vendor shows, and what becomes of all."""

    counted: tuple[Note, ...]
    changes: Changes


class Commitments(Generic[T]):
    """All orders of this machine in one account. Threads may share it."""

    def __init__(
        self,
        poller: Poller[T],
        clock: Clock,
        lag: float,
        *,
        fits: Callable[[T, Arguments], bool],
        costs: Callable[[T], bool],
        hourly: Callable[[T], Money | None],
        by_id: Callable[[str], T | None],
        ledger: Ledger,
        known: Callable[[], Iterable[str]] = tuple,
        without: Callable[[LedgerError], None] = lambda _: None,
    ) -> None:
        """`fits` tells whether an instance may be what was ordered; `costs` whether it is billed now; `hourly` what an
        hour of it costs, None where that cannot be told; `known` names the ids that were bought in this account, as far
        as somebody here has written them down; `without` hears why the ledger cannot be used."""
        self._poller = poller
        self._clock = clock
        self._fits = fits
        self._costs = costs
        self._hourly = hourly
        self._by_id = by_id
        self._ledger = ledger
        self._known = known
        self._without = without
        self._is_lag_believed = lag >= _SHORTEST_LAG
        self._settled_after = max(lag, _SHORTEST_LAG)
        self._lock = threading.Lock()
        self._orders: dict[int, Commitment] = {}
        self._ended: set[str] = set()
        self._absent: dict[str, float] = {}

    def spending(self, hourly: Money | None, instance_id: str | None = None, *, max_age: float = 0.0) -> Spending:
        """What there is and would be, with one more at this price. `instance_id` is that of one that exists: nothing is
        added for it if it is billed already. Raises CloudError, and what `costs` and `hourly` raise."""
        others = self._others()
        view = self._view(max_age, others)
        with self._lock:
            return _spending(view, self._weighed(others, view), hourly, instance_id)

    @contextmanager
    def ordering(
        self,
        judge: Callable[[Spending], None],
        hourly: Money | None,
        arguments: Arguments = (),
        instance_id: str | None = None,
    ) -> Iterator[Commitment]:
        """A block that orders. It is entered only if `judge` does not raise, and until its outcome shows in the
        account's list nobody else on this machine is told that there is still room for what it costs.

        Raises what `spending` and `judge` raise, and LedgerError where there is no ledger and the order before this one
        does not come to an end.
        """
        order = self._entered(judge, hourly, arguments, instance_id)
        nothing_came = False
        try:
            yield order
        except Exception as error:
            nothing_came = self._leaves_nothing(error)
            raise
        finally:
            self._answered(order, nothing_came=nothing_came)

    def ended(self, instance_id: str) -> None:
        """Notes that an instance is provably gone."""
        with self._lock:
            self._ended.add(instance_id)
            for order in [each for each in self._orders.values() if each.note.instance_id == instance_id]:
                del self._orders[order.note.number]
            with suppress(LedgerError):  # it is asked for by id then
                self._ledger.ended(instance_id)

    def _entered(
        self, judge: Callable[[Spending], None], hourly: Money | None, arguments: Arguments, instance_id: str | None
    ) -> Commitment:
        """The order, noted, when it has its turn."""
        max_age, until = 0.0, self._clock.now() + _LONGEST_TURN
        while True:
            others = self._others()
            view = self._view(max_age, others)
            note = Note(
                number=secrets.randbits(62),
                hourly=hourly,
                arguments=arguments,
                before=frozenset(view.instances),
                ordered_at=self._clock.now(),
                starts=instance_id is not None,
                instance_id=instance_id,
            )
            with self._lock:  # to decide and to write down is one step
                if self._noted(note, view, judge, others):
                    order = self._orders[note.number] = Commitment(note)
                    return order
            if self._clock.now() > until:
                raise LedgerError("the ledger cannot be used, and the order before this one is not listed yet")
            max_age = _PAUSE
            self._clock.sleep(_PAUSE)

    def _noted(
        self, note: Note, view: _View[T], judge: Callable[[Spending], None], before_view: Iterable[Note]
    ) -> bool:
        """Whether it is this order's turn: always where there is a ledger. Raises what `judge` raises."""
        refused: Exception | None = None
        # of a process that had died before the list was asked for, the list tells everything
        dead = {each.number: each for each in before_view if each.seen_at is None and each.answered_at is not None}

        def decide(others: list[Note]) -> Changes:
            nonlocal refused
            weighed = self._weighed([_dated_by(dead.get(each.number), each) for each in others], view)
            try:
                judge(_spending(view, weighed, note.hourly, note.instance_id))
            except Exception as error:
                refused = error  # what the list has told of others is noted all the same
                return weighed.changes
            return replace(weighed.changes, kept=(*weighed.changes.kept, note))

        try:
            self._ledger.decide(decide)
        except LedgerError as error:
            self._without(error)
            if self._weighed([], view).counted:
                return False
            refused = None  # should it have been decided, and not written down
            decide([])
        if refused is not None:
            raise refused
        return True

    def _answered(self, order: Commitment, *, nothing_came: bool) -> None:
        """Notes the outcome. It raises nothing: it stands between a purchase and the return of its id."""
        with self._lock:
            order.note = replace(order.note, answered_at=self._clock.now())
            changes = Changes(kept=(order.note,))
            if nothing_came:
                self._orders.pop(order.note.number, None)
                changes = Changes(dropped=(order.note.number,))
            with suppress(LedgerError):  # it counts on there, as what is on its way
                self._ledger.change(changes)

    def _others(self) -> list[Note]:
        try:
            return self._ledger.others()
        except LedgerError:  # whoever orders is told
            return []

    def _view(self, max_age: float, others: Iterable[Note]) -> _View[T]:
        """What the vendor shows now, outside of all locks."""
        known = set(self._known())  # first: what is bought meanwhile need not be in the list
        seen = self._poller.snapshot(max_age=max_age)
        instances, absent = dict(seen.instances), set()
        for instance_id in sorted(self._to_be_asked(known, seen, others)):
            found = self._by_id(instance_id)
            if found is None or not self._costs(found):
                absent.add(instance_id)
            else:
                instances[instance_id] = found
        self._absent |= dict.fromkeys(absent, self._clock.now())
        running = {key: self._hourly(one) for key, one in instances.items() if self._costs(one)}
        return _View(seen.taken_at, instances, running, frozenset(absent))

    def _to_be_asked(self, known: set[str], seen: Snapshot[T], others: Iterable[Note]) -> set[str]:
        """The ids that somebody has seen running, or bought, and the list lacks. What was just ordered counts until the
        list must know."""
        with self._lock:
            notes = [*(order.note for order in self._orders.values()), *others]
        recently = self._clock.now() - _ASKED_AGE
        known -= self._ended | {key for key, at in list(self._absent.items()) if at > recently}
        known -= {note.instance_id for note in notes if note.instance_id is not None}
        known |= {note.instance_id for note in notes if note.instance_id is not None and note.seen_at is not None}
        known -= seen.instances.keys()
        return known | {note.instance_id for note in notes if note.instance_id is not None and self._is_due(note, seen)}

    def _is_due(self, note: Note, seen: Snapshot[T]) -> bool:
        """Whether it is absent from two lists that are so far apart that the second must know."""
        since = note.absent_since
        return note.seen_at is None and since is not None and seen.taken_at - since > self._settled_after

    def _weighed(self, others: Iterable[Note], view: _View[T]) -> _Weighed:
        """One that may be shown under an id that nobody has told us yet counts as shown, once."""
        notes = sorted([*(order.note for order in self._orders.values()), *others], key=lambda each: each.ordered_at)
        unclaimed = view.instances.keys() - {note.instance_id for note in notes}
        counted, kept, dropped = [], [], []
        for note in notes:
            shown = self._shown_as(note, view, unclaimed)
            after = self._after(note, view, shown)
            if after is None:
                dropped.append(note.number)
                self._orders.pop(note.number, None)
                continue
            if shown is None:
                counted.append(note)
            else:
                unclaimed -= {shown}
            if after.answered_at is not None and note.seen_at is None:
                kept.append(after)
                if note.number in self._orders:
                    self._orders[note.number].note = after
        return _Weighed(tuple(counted), Changes(tuple(kept), tuple(dropped)))

    def _shown_as(self, note: Note, view: _View[T], unclaimed: Set[str]) -> str | None:
        """Under which id the vendor shows what was ordered, None while it does not."""
        if note.instance_id is not None:
            # what is being started is there all the time
            billed_or_new = note.instance_id in view.running or not note.starts or note.seen_at is not None
            return note.instance_id if note.instance_id in view.instances and billed_or_new else None
        candidates = sorted(unclaimed - note.before)
        return next((key for key in candidates if self._fits(view.instances[key], note.arguments)), None)

    def _after(self, note: Note, view: _View[T], shown: str | None) -> Note | None:
        """The note after what the vendor shows, None when it is done with. One whose answer can still come stays as it
        is."""
        if note.answered_at is None or view.taken_at < note.answered_at:
            return note
        if shown is not None:
            return note if note.seen_at is not None else replace(note, instance_id=shown, seen_at=view.taken_at)
        is_absent = note.instance_id is None or note.instance_id in view.absent
        if note.seen_at is not None:
            return None if is_absent and note.seen_at <= view.taken_at else note
        since = note.absent_since
        if since is None or since > view.taken_at:
            return replace(note, absent_since=view.taken_at)
        return None if is_absent and view.taken_at - since > self._settled_after else note

    def _leaves_nothing(self, error: Exception) -> bool:
        """Whether an order that failed was certainly not carried out."""
        if isinstance(error, CloudError):
            return not error.may_have_taken_effect
        # looked for it has been in lists as far apart as the lag that the variable claims
        return isinstance(error, NotSentError) or (isinstance(error, NotBoughtError) and self._is_lag_believed)


def _dated_by(earlier: Note | None, note: Note) -> Note:
    return note if earlier is None else replace(note, answered_at=earlier.answered_at)


def _spending(view: _View[T], weighed: _Weighed, hourly: Money | None, instance_id: str | None) -> Spending:
    if hourly is not None and instance_id in view.running:
        hourly = Money.zero(hourly.currency)
    return Spending(view.running, tuple(note.hourly for note in weighed.counted), hourly)

"""What an earlier run has ordered for a resource and no state knows: found before anything is ordered again.

A process that dies between the vendor's answer and the engine's checkpoint leaves an instance that costs money and that
nobody would ever end. The journal has its order. Whoever creates the same resource next takes that instance over; where
it cannot be told which one it is, or whether there is one, nothing is bought and the candidates are named.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.journal import Journal, JournalError, Key, Order, Progress
from pulumi_cortecs.lifecycle.poller import NEVER, Poller
from pulumi_cortecs.lifecycle.purchases import LONGEST_ORDER, SETTLED, Arguments, Neighbour, UnclearPurchaseError

T = TypeVar("T")

_PAUSE = 0.25
_MORE_LISTS = 3
CLOCK_ERROR = 60.0
"""Seconds by which two clocks of a vendor may differ. Much costs little: what was there before is known by id."""

_SOON = 600.0
_WINDOW = 1800.0
"""Seconds by the vendor's clock, after an order was noted, in which what it has bought will have begun, and in which it
may have begun: what comes late is asked about, never taken."""


class ChangedSinceError(Exception):
    """An earlier run has bought something else for the same resource. The text says what, and how to go on."""


class StillBusyError(Exception):
    """Another process works on this very resource, and does not come to an end. Nothing was bought here."""


@dataclass(frozen=True)
class Cloud(Generic[T]):
    """What has to be known of a cloud: whether an instance may be what was ordered, when it began (seconds since 1970
    by the vendor's clock, None where that is not told), what its arguments are in words, how it is found by id, as it
    is at a time or later (None when it is certainly gone), and what the vendor's clock says now."""

    fits: Callable[[T, Arguments], bool]
    began: Callable[[T], float | None]
    in_words: Callable[[Arguments], str]
    find: Callable[[str, float], T | None]
    now: Callable[[], float | None]


@dataclass(frozen=True)
class Leftover:
    """What a run that was ended has bought, and no state may know. `instance_ids` are several where it cannot be told
    which one it is."""

    urn: str
    ordered: str
    instance_ids: tuple[str, ...]


class Intents(Generic[T]):
    """The open orders of this machine, as one account sees them. Threads may share it.

    A journal that cannot be used is warned of once, and ends nothing: a purchase is then made only when no instance of
    the account could be what an earlier run has bought.
    """

    def __init__(
        self,
        journal: Journal,
        account: str,
        poller: Poller[T],
        clock: Clock,
        lag: float,
        cloud: Cloud[T],
        without: Callable[[JournalError], None],
    ) -> None:
        """`without` is told when the journal cannot be used."""
        self._journal = journal
        self._account = account
        self._poller = poller
        self._clock = clock
        self._lag = lag
        self._cloud = cloud
        self._without = without
        self._lock = threading.Lock()
        self._sent: set[int] = set()
        self._numbers: dict[str, int] = {}
        self._bought: set[str] = set()
        self._alone = threading.Lock()
        self._strangers: Mapping[str, T] | None = None

    def earlier(self, key: Key, arguments: Arguments) -> T | None:
        """What an earlier run has bought for this resource with these arguments, and no state knows; None when there is
        certainly nothing.

        Raises UnclearPurchaseError, ChangedSinceError, StillBusyError and CloudError; nothing was bought then.
        """
        try:
            orders = self._journal.open_orders(key) if key.urn else []
        except JournalError as error:
            self._without(error)
            self._must_be_alone(arguments)
            return None
        try:
            found = (self._of(order, arguments) for order in orders)
            return next((instance for instance in found if instance is not None), None)
        except JournalError as error:
            # it can be read and not written: bought without it, what the order has bought would be forgotten
            self._without(error)
            raise UnclearPurchaseError(
                f"an earlier run has ordered this, and that cannot be settled: {error}",
                tuple(sorted(order.instance_id for order in orders if order.instance_id is not None)),
            ) from None

    def sent(self, key: Key, arguments: Arguments, before: frozenset[str]) -> int | None:
        """Notes an order that is about to leave; None where that cannot be done and it may leave all the same.

        Raises UnclearPurchaseError and CloudError where it must not.
        """
        try:
            number = self._journal.send(key, self._account, arguments, before, self._cloud.now())
        except JournalError as error:
            self._without(error)
            self._must_be_alone(arguments)
            return None
        with self._lock:
            self._sent.add(number)
        return number

    def lost(self, number: int | None) -> None:
        """Its answer will not come."""
        self._note(lambda journal, known: journal.advance(known, Progress.LOST), number)

    def bought(self, number: int | None, instance_id: str) -> bool:
        """Its instance; False when another order of this machine has it already."""
        try:
            if number is not None and not self._journal.bought(number, instance_id):
                return False
        except JournalError as error:
            self._without(error)
        with self._lock:
            self._bought.add(instance_id)
            if number is not None:
                self._numbers[instance_id] = number
        return True

    def dropped(self, number: int | None) -> None:
        """It has bought nothing."""
        self._note(lambda journal, known: journal.drop(known), number)

    def undoing(self, instance_id: str) -> bool:
        """This process is about to end what it has just bought. False when another run has taken that over: then it is
        not this one's to end."""
        number = self._numbers.get(instance_id)
        try:
            return number is None or self._journal.undo(number)
        except JournalError as error:
            self._without(error)
            return True

    def not_undone(self, instance_id: str) -> None:
        """It could not be ended, and is there for the next run to take over."""
        self._note(lambda journal, known: journal.advance(known, Progress.BOUGHT), self._numbers.get(instance_id))

    def gone(self, instance_id: str) -> None:
        """What this process has bought is certainly gone again."""
        self._note(lambda journal, known: journal.drop(known), self._numbers.get(instance_id))

    def adopted(self, key: Key, instance_id: str) -> None:
        """The program says itself which instance it is: open orders of this resource are about nothing else."""
        try:
            for order in self._journal.open_orders(key):
                if order.instance_id is None and self._idle(order) and self._journal.take(order):
                    self._journal.drop(order.number)
            self._journal.confirm(instance_id)
        except JournalError as error:
            self._without(error)

    def taken(self) -> frozenset[str]:
        """The instances that are known to be somebody's on this machine."""
        try:
            listed = self._journal.instances()
        except JournalError as error:
            self._without(error)
            listed = frozenset()
        with self._lock:
            return listed | self._journal.confirmed() | self._bought

    def neighbours(self) -> list[Neighbour[T]]:
        """The orders that this process has not sent and of which it is not known what they have bought."""
        try:
            return [
                Neighbour(
                    order.arguments,
                    partial(self._may_be, order),
                    on_its_way=order.progress is Progress.SENT and self._journal.lives(order),
                )
                for order in self._lost_ones()
                if order.number not in self._sent
            ]
        except JournalError as error:
            self._without(error)
            return []

    def left_behind(self, of: Callable[[Key], bool]) -> list[Leftover]:
        """What processes that are dead have bought for resources of which `of` is true, and what is there still.

        Raises CloudError.
        """
        try:
            orders = [order for order in self._journal.open_orders() if of(order.key) and self._is_left(order)]
            found = [(order, self._there(order)) for order in orders]
        except JournalError as error:
            self._without(error)
            return []
        return [Leftover(order.key.urn, self._cloud.in_words(order.arguments), ids) for order, ids in found if ids]

    def _is_left(self, order: Order) -> bool:
        return order.account == self._account and not self._journal.lives(order)

    def _there(self, order: Order) -> tuple[str, ...]:
        """The ids of what the order has or may have bought, as far as it is there."""
        if order.instance_id is not None:
            return () if self._cloud.find(order.instance_id, NEVER) is None else (order.instance_id,)
        taken = self.taken()
        listed = self._poller.snapshot(max_age=self._lag).instances
        return tuple(sorted(key for key, one in listed.items() if key not in taken and self._may_be(order, key, one)))

    def _of(self, order: Order, arguments: Arguments) -> T | None:
        at_rest = self._at_rest(order)
        if at_rest is None:
            return None
        instance_id, found = self._found(at_rest)
        if found is None:
            self._journal.drop(at_rest.number)
            return None
        if at_rest.arguments != arguments:
            raise ChangedSinceError(self._changed(at_rest, instance_id))
        with self._lock:
            self._numbers[instance_id] = at_rest.number
            self._bought.add(instance_id)
        return found

    def _at_rest(self, order: Order) -> Order | None:
        """The order when nobody works on it any more, and from then on this process's; None when it came to nothing.

        A provider whose engine was killed lives on until it has undone its purchase.
        """
        until = self._clock.now() + LONGEST_ORDER
        latest: Order | None = order
        while latest is not None:
            if self._idle(latest) and self._journal.take(latest):
                return latest
            if self._clock.now() > until:
                raise StillBusyError("another run is still buying, or undoing, this very resource")
            self._clock.sleep(_PAUSE)
            latest = self._journal.order(latest.number)
        return None

    def _idle(self, order: Order) -> bool:
        """An engine makes one resource once at a time, so what this process has sent for it has come to its end."""
        return order.progress is Progress.BOUGHT or self._journal.is_mine(order) or not self._journal.lives(order)

    def _found(self, order: Order) -> tuple[str, T | None]:
        """What an order has bought, None for it when that is certainly nothing or gone."""
        if order.instance_id is None:
            return self._looked_for(order)
        found = self._cloud.find(order.instance_id, self._clock.now())
        if found is None and not self._is_ours(order):
            raise UnclearPurchaseError(self._elsewhere(order), (order.instance_id,))
        return order.instance_id, found

    def _is_ours(self, order: Order) -> bool:
        """Whether it was ordered in this very account: a rotated key shows what was listed then."""
        if order.account == self._account:
            return True
        return not order.before.isdisjoint(self._poller.snapshot(max_age=self._lag).instances)

    def _looked_for(self, order: Order) -> tuple[str, T | None]:
        """What an order without an answer has bought; None when that is certainly nothing."""
        if not self._is_ours(order):
            raise UnclearPurchaseError(self._elsewhere(order))
        # until what it has bought would be listed: it may have left, or been carried out, long after it was noted
        self._clock.sleep(self._lag * SETTLED)
        while True:
            candidates = self._candidates(order)
            for _ in range(_MORE_LISTS):
                if not candidates:
                    self._clock.sleep(self._lag / 2)
                    candidates = self._candidates(order)  # one list may be wrong
            if not candidates:
                return "", None
            rivals = self._rivals(order, candidates)
            taken = self.taken()  # read after the rivals: one of them may have found its own in the meantime
            candidates = {key: one for key, one in candidates.items() if key not in taken}
            if not candidates:
                continue
            alike = all(rival.arguments == order.arguments for rival in rivals)
            soon = all(self._began_soon(order, one) for one in candidates.values())
            if not alike or not soon or len(candidates) > len(rivals) + 1:
                raise UnclearPurchaseError(
                    f"an earlier run has ordered {self._cloud.in_words(order.arguments)} for this resource and was "
                    "ended before the answer came, and it cannot be told which instance that was, if any",
                    tuple(sorted(candidates)),
                )
            # one that the fewest others may have bought: they must find theirs, too
            takers = {key: sum(self._may_be(rival, key, one) for rival in rivals) for key, one in candidates.items()}
            instance_id = min(candidates, key=lambda key: (takers[key], key))
            if self.bought(order.number, instance_id):
                return instance_id, candidates[instance_id]

    def _candidates(self, order: Order) -> dict[str, T]:
        listed = self._poller.snapshot(max_age=0.0).instances
        fitting = {key: one for key, one in listed.items() if self._may_be(order, key, one)}
        if fitting:  # what is listed was noted before: of some the answer may be on its way
            self._await_answers(order)
        taken = self.taken()
        return {key: one for key, one in fitting.items() if key not in taken}

    def _may_be(self, order: Order, instance_id: str, instance: T) -> bool:
        if instance_id in order.before or not self._cloud.fits(instance, order.arguments):
            return False
        after = self._after(order, instance)
        return after is None or -CLOCK_ERROR <= after <= _WINDOW

    def _began_soon(self, order: Order, instance: T) -> bool:
        after = self._after(order, instance)
        return after is None or after <= _SOON

    def _after(self, order: Order, instance: T) -> float | None:
        """How many seconds after the order an instance began, None where that is not told."""
        began = self._cloud.began(instance)
        return None if began is None or order.vendor_time is None else began - order.vendor_time

    def _rivals(self, order: Order, candidates: Mapping[str, T]) -> list[Order]:
        """The other orders that one of the candidates may belong to."""
        others = (other for other in self._lost_ones() if other.number != order.number)
        return [other for other in others if any(self._may_be(other, *one) for one in candidates.items())]

    def _lost_ones(self) -> list[Order]:
        """The open orders in this account of which it is not known what they have bought."""
        orders = self._journal.open_orders()
        return [order for order in orders if order.instance_id is None and order.account == self._account]

    def _await_answers(self, order: Order) -> None:
        """Waits for the answers that are on their way to anybody on this machine: they may be about a candidate."""
        until = self._clock.now() + LONGEST_ORDER
        waited_for = {other.number for other in self._on_their_way() if other.number != order.number}
        while waited_for:
            if self._clock.now() > until:
                raise StillBusyError("another purchase on this machine does not come to an end")
            self._clock.sleep(_PAUSE)
            waited_for &= {other.number for other in self._on_their_way()}

    def _on_their_way(self) -> list[Order]:
        return [
            order
            for order in self._journal.open_orders()
            if order.progress is Progress.SENT and order.account == self._account and self._journal.lives(order)
        ]

    def _must_be_alone(self, arguments: Arguments) -> None:
        """Raises UnclearPurchaseError if anything in the account might be what an earlier run has bought."""
        listed, taken = self._listed_at_first(), self.taken()
        alike = [key for key, one in listed.items() if key not in taken and self._cloud.fits(one, arguments)]
        if alike:
            raise UnclearPurchaseError(
                f"without {self._journal.file} it cannot be told whether an earlier run has bought this already",
                tuple(sorted(alike)),
            )

    def _listed_at_first(self) -> Mapping[str, T]:
        """What the account had when the journal turned out to be of no use. All wait for this listing, so none of this
        process's own purchases is in it unless it was under way by then."""
        with self._alone:
            if self._strangers is None:
                self._clock.sleep(self._lag * SETTLED)
                self._strangers = self._poller.snapshot(max_age=0.0).instances
            return self._strangers

    def _changed(self, order: Order, instance_id: str) -> str:
        return (
            f"an earlier run was ended after it had bought {instance_id} for this resource "
            f"({self._cloud.in_words(order.arguments)}): it is there, no state knows it, and the program asks for "
            f"something else now. `pulumi-cortecs orphans --all-stacks --delete {instance_id}` ends it, "
            f"adopt_id={instance_id!r} takes it over"
        )

    def _elsewhere(self, order: Order) -> str:
        return (
            f"an earlier run has ordered this with other credentials (account {order.account}), and these do not show "
            f"what came of it: use the credentials of that account. If that key is no more, see to it that nothing is "
            f"left there, and remove {self._journal.file}"
        )

    def _note(self, change: Callable[[Journal, int], object], number: int | None) -> None:
        if number is None:
            return
        try:
            change(self._journal, number)
        except JournalError as error:
            self._without(error)


def seconds_since_1970(timestamp: str | None) -> float | None:
    """A vendor's ISO 8601 time, None for what is none, or does not say in which zone."""
    try:
        at = datetime.fromisoformat((timestamp or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo else None

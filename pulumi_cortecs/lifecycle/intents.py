"""What an earlier run has ordered for a resource and no state knows: found before anything is ordered again.

A process that dies between the vendor's answer and the engine's checkpoint leaves an instance that costs money and that
nobody would ever end. The journal has its order. Whoever creates the same resource next takes that instance over; where
it cannot be told which one it is, or whether there is one, nothing is bought and the candidates are named.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from pulumi_cortecs.lifecycle.absence import find
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.cloud import Arguments, Cloud, Match
from pulumi_cortecs.lifecycle.creations import Creations, owners
from pulumi_cortecs.lifecycle.journal import Journal, JournalError, Key, Order, Progress
from pulumi_cortecs.lifecycle.matching import assign
from pulumi_cortecs.lifecycle.poller import NEVER, Poller
from pulumi_cortecs.lifecycle.purchases import (
    LONGEST_ORDER,
    SETTLED,
    Began,
    Bought,
    Neighbour,
    UnclearPurchaseError,
)
from pulumi_cortecs.lifecycle.stack_state import PendingCreation

T = TypeVar("T")

_PAUSE = 0.25
_MORE_LISTS = 3
_A_BIT_MORE = 1.1
CLOCK_ERROR = 60.0
"""Seconds by which two clocks of a vendor may differ. Much costs little: what was there before is known by id. Where
they differ by more, or nobody has seen by how much, no time excludes an instance."""

_SOON = 600.0
_WINDOW = 1800.0
"""Seconds by the vendor's clock, after an order was noted, in which what it has bought will have begun, and in which it
may have begun: what comes late is asked about, never taken."""


class ChangedSinceError(Exception):
    """An earlier run has bought something else for the same resource. The text says what, and how to go on."""


class StillBusyError(Exception):
    """Another process works on this very resource, and does not come to an end. Nothing was bought here."""


class NotForgottenError(Exception):
    """Something that was ordered earlier is there, no state knows it, and it has to be settled first. Nothing was
    bought here; the text says what there is, what it costs, and the ways on."""


@dataclass(frozen=True)
class Leftover:
    """What a run that was ended has bought, and no state may know. `instance_ids` are several where it cannot be told
    which one it is."""

    number: int
    name: str
    ordered: str
    instance_ids: tuple[str, ...]
    prices: tuple[str, ...]


class Intents(Generic[T]):
    """The open orders of this machine, as one account sees them. Threads may share it.

    A journal that cannot be used is warned of once, and ends nothing: a purchase is then made only when no instance of
    the account could be what an earlier run has bought.
    """

    def __init__(
        self,
        cloud: Cloud[T],
        journal: Journal,
        poller: Poller[T],
        clock: Clock,
        without: Callable[[JournalError], None],
        *,
        creations: Creations,
        exclusive: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        """`without` is told when the journal cannot be used. `exclusive` says whether nobody else buys in the account;
        `say` hears what the user should know."""
        self._cloud = cloud
        self._journal = journal
        self._account = cloud.fingerprint
        self._lag = cloud.list_lag
        self._poller = poller
        self._clock = clock
        self._without = without
        self._creations = creations
        self._exclusive = exclusive
        self._say = say
        self._lock = threading.Lock()
        self._settled_at: dict[int, float] = {}
        self._looked_from: float | None = None
        self._difference: float | None = None
        self._said: set[str] = set()
        self._sent: set[int] = set()
        self._numbers: dict[str, int] = {}
        self._bought: set[str] = set()
        self._alone = threading.Lock()
        self._strangers: Mapping[str, T] | None = None

    def earlier(self, key: Key, arguments: Arguments, began_at: float) -> Bought[T] | None:
        """What an earlier run has bought for this resource with these arguments, and no state knows; None when there is
        nothing. `began_at` is when this creation began.

        Asked of the journal, which knows what this machine has ordered, and of the state backend, which knows what the
        engine has begun on any machine. Raises UnclearPurchaseError, ChangedSinceError, NotForgottenError,
        StillBusyError and CloudError; nothing was bought then.
        """
        found = self._ordered_here(key, arguments)
        if found is None and key.urn:
            found = self._begun_anywhere(key, arguments, began_at)
        return found

    def _ordered_here(self, key: Key, arguments: Arguments) -> Bought[T] | None:
        try:
            orders = self._journal.open_orders(key) if key.urn else []
            others = self._of_other_keys(key, arguments) if key.urn else []
        except JournalError as error:
            self._without(error)
            self._must_be_alone(arguments)
            return None
        try:
            if orders or others:
                self._close_what_is_owned(key)
            if key.urn:  # at first: what is taken over now would hide it
                self._must_not_be_forgotten(key)
            for order in orders:
                if (instance := self._of(order, arguments, key)) is not None:
                    return instance
            for order in others:
                if (instance := self._of_another_key(order, arguments, key)) is not None:
                    return instance
            return None
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
            number = self._journal.send(key, self._account, arguments, before, self._cloud.vendor_time())
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

    def refused(self, number: int | None) -> None:
        """The vendor has answered with an error. The note stays: the next creation of the same resource looks first."""
        self._note(lambda journal, known: journal.advance(known, Progress.REFUSED), number)

    def answered(self, instance: T) -> None:
        """The vendor has answered an order well. By how much its two clocks differ shows here, and is noted once."""
        began, now = self._cloud.started_at(instance), self._cloud.vendor_time()
        if began is None or now is None:
            return
        difference = began - now
        known = self._clock_difference()
        if known is None or abs(difference) > max(abs(known), CLOCK_ERROR):
            self._difference = difference
            try:
                self._journal.note_clock(self._account, difference)
            except JournalError as error:
                self._without(error)

    def since(self) -> Callable[[T], Began]:
        """What tells of an instance whether it began after this moment, by the vendor's clock."""
        sent_at = self._cloud.vendor_time()

        def began(instance: T) -> Began:
            at = self._cloud.started_at(instance)
            if at is None or sent_at is None or at >= sent_at - CLOCK_ERROR:
                return Began.AFTER
            return Began.BEFORE if self._clocks_agree() else Began.DOUBTFUL

        return began

    def bought(self, number: int | None, instance_id: str, *, inferred: bool = False, is_new: bool = False) -> bool:
        """Its instance; False when another order of this machine has it already. `inferred`: it was found in a list;
        `is_new`: no instance of that id was listed before the order."""
        try:
            if number is not None and not self._journal.bought(number, instance_id, inferred=inferred, is_new=is_new):
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
        """An instance is certainly gone."""
        try:
            self._journal.forget(instance_id)
        except JournalError as error:
            self._without(error)

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

    def left_behind(self, key: Key) -> list[Leftover]:
        """What processes that are dead have bought for resources of the stack that the key's URN names, and what is
        there still. What a row of its state has is closed instead.

        Raises CloudError.
        """
        stack = "::".join(key.urn.split("::")[:2])
        try:
            orders = [each for each in self._journal.open_orders() if self._is_left(each, key, stack)]
            if not orders:
                return []
            rows = self._creations.rows(key.urn)
            if rows is None:  # they may all be in it
                return []
            for order in orders:
                if order.instance_id is not None and order.instance_id in rows:
                    self._journal.confirm(order.instance_id)
            found = [(each, self._there(each)) for each in orders if each.instance_id not in rows]
        except JournalError as error:
            self._without(error)
            return []
        return [
            Leftover(
                each.number,
                each.key.name,
                self._cloud.describe_order(each.arguments),
                *_apart(there, self._cloud.price_text),
            )
            for each, there in found
            if there
        ]

    def _is_left(self, order: Order, key: Key, stack: str) -> bool:
        of_this_stack = order.key.is_near(key) and order.key.urn.startswith(f"{stack}::")
        return of_this_stack and order.account == self._account and not self._journal.lives(order)

    def _there(self, order: Order) -> dict[str, T]:
        """What the order has or may have bought, as far as it is there, by id."""
        if order.instance_id is not None:
            found = self._find(order.instance_id)
            return {} if found is None else {order.instance_id: found}
        taken = self.taken()
        listed = self._poller.snapshot(max_age=self._lag).instances
        return {key: one for key, one in listed.items() if key not in taken and self._may_be(order, key, one)}

    def _of(self, order: Order, arguments: Arguments, key: Key) -> Bought[T] | None:
        at_rest = self._at_rest(order, key)
        if at_rest is None:
            return None
        instance_id, found, inferred = self._found(at_rest, key)
        if found is None:
            self._journal.drop(at_rest.number)
            return None
        if self._is_owned(key, instance_id, found):
            return None
        if at_rest.arguments != arguments:
            raise ChangedSinceError(self._changed(at_rest, instance_id))
        with self._lock:
            self._numbers[instance_id] = at_rest.number
            self._bought.add(instance_id)
        return Bought(found, inferred)

    def _close_what_is_owned(self, key: Key) -> None:
        """Closes the orders whose instance a row of the resource's stack has: nobody is to take that over."""
        unowned = {order.instance_id for order in self._journal.open_orders() if order.instance_id is not None}
        for instance_id in sorted(unowned & (self._creations.rows(key.urn) or {}).keys()):
            self._journal.confirm(instance_id)

    def _is_owned(self, key: Key, instance_id: str, instance: T) -> bool:
        """Whether a row of some stack has an instance, whatever the journal says: that is a file, and no proof. Its
        order is closed then."""
        owner = (self._creations.owners(key.urn) or {}).get(instance_id)
        if owner is None:
            return False
        self._journal.confirm(instance_id)
        self._say(
            f"the journal says that {instance_id} ({self._cloud.price_text(instance)}) was bought for {key.name} by a "
            f"run that was ended, and {owner.name} has it: it is not taken over"
        )
        return True

    def _of_other_keys(self, key: Key, arguments: Arguments) -> list[Order]:
        """The orders for the same that processes which are dead have left open under other keys: the resource, its
        stack, its project or the backend may have had another name."""
        return [
            order
            for order in self._journal.open_orders()
            if order.account == self._account
            and order.arguments == arguments
            and (order.key.urn != key.urn or not order.key.is_near(key))
            and not self._journal.is_mine(order)
            and not self._journal.lives(order)
        ]

    def _of_another_key(self, order: Order, arguments: Arguments, key: Key) -> Bought[T] | None:
        """What an order for the same under another key has bought: alike orders of one project in one backend are
        interchangeable. Raises NotForgottenError where another project or backend ordered it, and it is there."""
        now = self._journal.order(order.number)  # a neighbour may have settled it while another was looked at
        if now is None or now.process != order.process:
            return None
        if order.key.is_near(key):
            return self._of(now, arguments, key)
        self._clock.sleep(self._rest(order))
        there = self._there(order)
        for _ in range(_MORE_LISTS if order.instance_id is None else 0):
            if not there:
                self._clock.sleep(self._lag / 2)
                there = self._there(order)  # one list may be wrong
        if not there and order.instance_id is None:
            there = self._came_instead(order, key)
        owned = self._creations.owners(key.urn) or {} if there else {}
        there = {instance_id: one for instance_id, one in there.items() if instance_id not in owned}
        if there:
            raise NotForgottenError(
                f"an earlier run was ended while it bought {self._cloud.describe_order(order.arguments)} for "
                f"{order.key.name} of another project or backend ({order.key.urn}), and no state is known to have it: "
                f"{self._shown(there)}. {_ways_on(there)}"
            )
        return None

    def _must_not_be_forgotten(self, key: Key) -> None:
        """Raises NotForgottenError where an order for the resource was closed, its instance is there, and neither this
        run nor a state has it: what an engine had in its memory was never saved, or the row was taken out."""
        bought = {order.instance_id for order in self._journal.closed_orders(key) if order.instance_id is not None}
        unnamed = bought - self._journal.confirmed()
        rows = self._creations.rows(key.urn) if unnamed else None
        if rows is None or not unnamed - rows.keys():
            return
        found = {one: self._find(one, self._clock.now()) for one in unnamed - rows.keys()}
        for one in (one for one, instance in found.items() if instance is None):
            self._journal.forget(one)
        owned = self._creations.owners(key.urn) or {}
        left = {one: instance for one, instance in found.items() if instance is not None and one not in owned}
        if left:
            raise NotForgottenError(
                "an earlier run has bought this resource, it is still there, and no state has it: "
                f"{self._shown(left)}. {_ways_on(left)}"
            )

    def _begun_anywhere(self, key: Key, arguments: Arguments, began_at: float) -> Bought[T] | None:
        """What a creation of this resource has bought that another run, on whatever machine, has begun and not ended.

        Raises UnclearPurchaseError, NotForgottenError and CloudError.
        """
        if self._looked_from is None:
            self._looked_from = self._clock.now()
        begun = self._creations.earlier(key.urn, began_at)
        orders = [self._cloud.arguments_of(each.inputs) for each in begun or ()]
        wanted = [each for each in orders if each is not None]
        if not wanted:
            return None
        while True:
            candidates = self._unowned(key, wanted)
            if not candidates:
                self._say_once(
                    "pending",
                    "the state has creations that an earlier run has begun and not ended, and nothing that they can "
                    f"have bought is there{self._nearly(key, wanted)}. `pulumi refresh --clear-pending-creates` takes "
                    "them out of the state",
                )
                return None
            found = self._only_one(key, arguments, wanted, candidates) if self._exclusive() else None
            if found is None:
                if self._unowned(key, wanted).keys() != candidates.keys():
                    continue  # another creation of this run has just taken one
                raise NotForgottenError(self._may_have_been_bought(candidates))
            number = self.sent(key, arguments, frozenset())
            if self.bought(number, found, inferred=True):
                return Bought(candidates[found], True)
            self.dropped(number)  # another creation was quicker

    def _nearly(self, key: Key, wanted: list[Arguments]) -> str:
        """What may have come instead and nobody is known to have, in words. No proof, so it is only said."""
        nearly = self._fitting(wanted, Match.NEARLY)
        owned = self._creations.owners(key.urn) or {} if nearly else {}
        left = {one: instance for one, instance in nearly.items() if one not in owned}
        return f"; what is in no state and nearly what they ordered: {self._shown(left)}" if left else ""

    def _unowned(self, key: Key, wanted: list[Arguments]) -> dict[str, T]:
        """What fits, and is in no row of the backend and in no order of the journal, by lists further apart than the
        lag, the last of them late enough to have what was ordered before this process began."""
        found = self._fitting(wanted)
        settled_at = (self._looked_from or 0.0) + self._lag * SETTLED
        pauses = [
            max(settled_at - self._clock.now(), self._lag * _A_BIT_MORE / 2),
            self._lag * _A_BIT_MORE / 2,
        ]
        for pause in pauses:
            if not found:
                self._clock.sleep(pause)
                found = self._fitting(wanted)
        if found:
            self._clock.sleep(max(settled_at - self._clock.now(), 0.0))
            found = {**found, **self._fitting(wanted)}  # of what is being bought now, a state tells in the meantime
            owned = self._creations.owners(key.urn) or {}
            found = {one: instance for one, instance in found.items() if one not in owned}
            taken = self.taken()
            found = {one: instance for one, instance in found.items() if one not in taken}
        return found

    def _fitting(self, wanted: list[Arguments], how: Match = Match.MAYBE) -> dict[str, T]:
        listed = self._poller.snapshot(max_age=0.0).instances
        fitting = {
            one: instance for one, instance in listed.items() if any(self._is(instance, each, how) for each in wanted)
        }
        if fitting:
            self._await_answers(None)
        taken = self.taken()
        return {one: instance for one, instance in fitting.items() if one not in taken}

    def _only_one(
        self, key: Key, arguments: Arguments, wanted: list[Arguments], candidates: Mapping[str, T]
    ) -> str | None:
        """The candidate that is this resource's, in an account in which nobody else buys: there are no more of them
        than creations that were begun, and none is older than what a row of this resource has. None where it cannot
        be told."""
        every = self._creations.every(key.urn)
        if every is None or arguments not in wanted:
            return None
        others = [each for state in every[1:] for each in state.pending]
        begun = assign(candidates, [*self._creations.all_earlier(key.urn), *others], self._may_have_begun)
        rows = [row.instance_id for state in every for row in state.rows if row.urn == key.urn and not row.external]
        listed = self._poller.snapshot(max_age=self._lag).instances
        later = [self._cloud.started_at(listed[one]) for one in rows if one in listed]
        mine = {one: instance for one, instance in candidates.items() if self._is(instance, arguments)}
        if not mine or begun.is_crowded or owners(every).keys() & candidates.keys():
            return None
        oldest = [self._cloud.started_at(instance) for instance in mine.values()]
        if any(each is None for each in (*later, *oldest)):
            return None
        if later and min(each for each in oldest if each is not None) <= max(
            each for each in later if each is not None
        ):
            return None
        return min(mine)

    def _may_have_begun(self, creation: PendingCreation, _: str, instance: T) -> bool:
        ordered = self._cloud.arguments_of(creation.inputs)
        return ordered is not None and self._is(instance, ordered)

    def _may_have_been_bought(self, candidates: Mapping[str, T]) -> str:
        return (
            "an earlier run, perhaps on another machine, has begun to create this resource and was ended, and what it "
            f"may have bought is there and in no state of this backend: {self._shown(candidates)}. "
            f"{_ways_on(candidates)} If it has nothing to do with this resource, `pulumi refresh "
            "--clear-pending-creates` takes that creation out of the state"
        )

    def _shown(self, instances: Mapping[str, T]) -> str:
        return ", ".join(f"{one} ({self._cloud.price_text(instances[one])})" for one in sorted(instances))

    def _say_once(self, what: str, text: str) -> None:
        with self._lock:
            new = what not in self._said
            self._said.add(what)
        if new:
            self._say(text)

    def _at_rest(self, order: Order, key: Key) -> Order | None:
        """The order when nobody works on it any more, and from then on this process's; None when it came to nothing.

        A provider whose engine was killed lives on until it has undone its purchase.
        """
        until = self._clock.now() + LONGEST_ORDER
        latest: Order | None = order
        while latest is not None:
            if self._idle(latest) and self._journal.take(latest, key):
                return latest
            if self._clock.now() > until:
                raise StillBusyError("another run is still buying, or undoing, this very resource")
            self._clock.sleep(_PAUSE)
            latest = self._journal.order(latest.number)
        return None

    def _idle(self, order: Order) -> bool:
        """An engine makes one resource once at a time, so what this process has sent for it has come to its end."""
        answered = order.progress in (Progress.BOUGHT, Progress.REFUSED)
        return answered or self._journal.is_mine(order) or not self._journal.lives(order)

    def _found(self, order: Order, key: Key) -> tuple[str, T | None, bool]:
        """What an order has bought, None for it when that is certainly nothing or gone; and whether it was inferred."""
        if order.instance_id is None:
            return (*self._looked_for(order, key), True)
        found = self._find(order.instance_id, self._clock.now())
        if found is None and not self._is_ours(order):
            raise UnclearPurchaseError(self._elsewhere(order), (order.instance_id,))
        return order.instance_id, found, order.inferred

    def _rest(self, order: Order) -> float:
        """Seconds until what an order has bought is listed. The order may have left, or been carried out, long after it
        was noted; one that was answered was not."""
        now = self._clock.now()
        if order.progress is Progress.REFUSED and order.answered_at is not None:
            passed = self._journal.now() - order.answered_at
            # a calendar that was set back tells nothing
            return max(self._lag * SETTLED - max(passed, 0.0), 0.0)
        with self._lock:
            until = self._settled_at.setdefault(order.number, now + self._lag * SETTLED)
        return max(until - now, 0.0)

    def _is_ours(self, order: Order) -> bool:
        """Whether it was ordered in this very account: a rotated key shows what was listed then."""
        if order.account == self._account:
            return True
        return not order.before.isdisjoint(self._poller.snapshot(max_age=self._lag).instances)

    def _looked_for(self, order: Order, key: Key) -> tuple[str, T | None]:
        """What an order without an answer has bought; None when that is certainly nothing."""
        if not self._is_ours(order):
            raise UnclearPurchaseError(self._elsewhere(order))
        self._clock.sleep(self._rest(order))
        while True:
            candidates = self._candidates(order, key)
            for _ in range(_MORE_LISTS):
                if not candidates:
                    self._clock.sleep(self._lag / 2)
                    candidates = self._candidates(order, key)  # one list may be wrong
            if not candidates:
                self._must_not_have_come_instead(order, key)
                return "", None
            assigned = assign(candidates, [order, *self._rivals(order)], self._may_be)
            taken = self.taken()  # read after the rivals: one of them may have found its own in the meantime
            assigned = assigned.without(taken)
            candidates = {one: instance for one, instance in candidates.items() if one not in taken}
            if not candidates:
                continue
            alike = all(each.arguments == order.arguments for each in assigned.orders)
            soon = all(self._began_soon(order, one) for one in candidates.values())
            if not alike or not soon or assigned.is_crowded:
                if self._close_owned(candidates, key):
                    continue  # another machine has saved its own by now
                raise UnclearPurchaseError(
                    f"an earlier run has ordered {self._cloud.describe_order(order.arguments)} for this resource and "
                    "was ended before the answer came, and it cannot be told which instance that was, if any",
                    tuple(sorted(candidates)),
                )
            instance_id = assigned.least_wanted
            if self.bought(order.number, instance_id, inferred=True):
                return instance_id, candidates[instance_id]

    def _must_not_have_come_instead(self, order: Order, key: Key) -> None:
        """Raises UnclearPurchaseError where what is new is nearly what was ordered, and nobody's."""
        instead = self._came_instead(order, key)
        if instead:
            raise UnclearPurchaseError(
                f"an earlier run has ordered {self._cloud.describe_order(order.arguments)} for this resource and was "
                "ended before the answer came, nothing of that kind is there, and what is new may have come instead",
                tuple(sorted(instead)),
            )

    def _came_instead(self, order: Order, key: Key) -> dict[str, T]:
        """What the order may have bought where nothing fits, and no other order has."""
        instead = self._candidates(order, key, Match.NEARLY)
        rivals = self._rivals(order)
        taken = self.taken()  # read after the rivals: one of them may have found its own in the meantime
        instead = {one: instance for one, instance in instead.items() if one not in taken}
        unexplained = assign(instead, rivals, self._may_be).unexplained
        return {one: instance for one, instance in instead.items() if one in unexplained}

    def _candidates(self, order: Order, key: Key, how: Match = Match.MAYBE) -> dict[str, T]:
        """What the order may have bought, and nobody has."""
        listed = self._poller.snapshot(max_age=0.0).instances
        fitting = {one: instance for one, instance in listed.items() if self._may_be(order, one, instance, how)}
        if fitting:  # what is listed was noted before: of some the answer may be on its way
            self._await_answers(order)
        taken = self.taken()
        unknown = {one: instance for one, instance in fitting.items() if one not in taken}
        owned = self._close_owned(unknown, key)
        return {one: instance for one, instance in unknown.items() if one not in owned}

    def _close_owned(self, instances: Mapping[str, T], key: Key) -> frozenset[str]:
        """Those that some state has, perhaps another machine's: nobody is to take them over."""
        owners = self._creations.owners(key.urn) or {} if instances else {}
        owned = frozenset(owners.keys() & instances.keys())
        for one in owned:
            self._journal.confirm(one)
        return owned

    def _may_be(self, order: Order, instance_id: str, instance: T, how: Match = Match.MAYBE) -> bool:
        if instance_id in order.before or not self._is(instance, order.arguments, how):
            return False
        after = self._after(order, instance)
        return after is None or -CLOCK_ERROR <= after <= _WINDOW or not self._clocks_agree()

    def _is(self, instance: T, ordered: Arguments, how: Match = Match.MAYBE) -> bool:
        return self._cloud.match(instance, ordered) is how

    def _find(self, instance_id: str, not_before: float = NEVER) -> T | None:
        return find(instance_id, self._cloud, self._poller, not_before)

    def _began_soon(self, order: Order, instance: T) -> bool:
        after = self._after(order, instance)
        return after is None or -CLOCK_ERROR <= after <= _SOON

    def _clocks_agree(self) -> bool:
        """Whether the vendor's two clocks, that of its answers and that of its instances, are known to agree."""
        difference = self._clock_difference()
        return difference is not None and abs(difference) <= CLOCK_ERROR

    def _clock_difference(self) -> float | None:
        if self._difference is None:
            try:
                self._difference = self._journal.clock_difference(self._account)
            except JournalError as error:
                self._without(error)
        return self._difference

    def _after(self, order: Order, instance: T) -> float | None:
        """How many seconds after the order an instance began, None where that is not told."""
        began = self._cloud.started_at(instance)
        return None if began is None or order.vendor_time is None else began - order.vendor_time

    def _rivals(self, order: Order) -> list[Order]:
        """The other orders of which it is not known what they have bought."""
        return [other for other in self._lost_ones() if other.number != order.number]

    def _lost_ones(self) -> list[Order]:
        """The open orders in this account of which it is not known what they have bought."""
        orders = self._journal.open_orders()
        return [order for order in orders if order.instance_id is None and order.account == self._account]

    def _await_answers(self, order: Order | None) -> None:
        """Waits for the answers that are on their way to anybody on this machine: they may be about a candidate."""
        until = self._clock.now() + LONGEST_ORDER
        own = None if order is None else order.number
        waited_for = {other.number for other in self._on_their_way() if other.number != own}
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
        alike = [key for key, one in listed.items() if key not in taken and self._is(one, arguments)]
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
            f"({self._cloud.describe_order(order.arguments)}): it is there, no state knows it, and the program asks "
            f"for something else now. `pulumi-cortecs orphans --all-stacks --delete {instance_id}` ends it, "
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


def _apart(instances: Mapping[str, T], price: Callable[[T], str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ids, and what each costs."""
    ids = tuple(sorted(instances))
    return ids, tuple(price(instances[each]) for each in ids)


def _ways_on(instance_ids: Iterable[str]) -> str:
    """What a person can do about instances that nobody owns."""
    ids = " ".join(sorted(instance_ids))
    return (
        f"Before you run `pulumi up` again: adopt_id='ID' in the program takes one over (`pulumi-cortecs orphans "
        f"--all-stacks --adopt {ids}` prints the lines), `pulumi-cortecs orphans --all-stacks --delete {ids}` ends "
        f"them, `pulumi-cortecs orphans --keep {ids}` leaves them as they are."
    )

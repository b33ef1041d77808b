"""Purchases of exactly one instance, whatever happens to the answer.

A start request is never sent twice without checking first. When its answer is lost, the account's list is compared with
the one before: an instance with the same arguments that is new and that no other order of this machine has bought is
the one. If that is ambiguous, nothing more is bought, and the candidates are named.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pulumi_cortecs.http.errors import AnswerLostError, CloudError, CredentialsRefusedError, RefusedError
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.cloud import (
    Arguments,
    Cloud,
    NamesInstances,
    OrderAnswer,
    OrderMatch,
    OrderRef,
    OrderSpec,
    ProvesOrders,
    token_of,
)
from pulumi_cortecs.lifecycle.journal import ResourceKey, new_order_number
from pulumi_cortecs.lifecycle.labels import NO_LABELS, Labels
from pulumi_cortecs.lifecycle.matching import assign
from pulumi_cortecs.lifecycle.poller import NEVER, Poller, Snapshot

T = TypeVar("T")

_BASELINE_AGE = 0.5
"""Seconds that the listing before an order may be old, so that orders that begin together share one. The older it is,
the more of what others buy meanwhile may be taken for the instance of a lost answer."""
_PAUSE = 0.25
_MIN_LISTINGS = 4
"""Number of listings, spread over more than the lag, that must not show the instance before the order counts as not
executed: one of them may be wrong."""

SETTLE_LAGS = 3.0
"""Number of lags after a lost answer by which the instance is listed: one for the vendor's work, one for its list, one
to spare."""

_UNAUTHORIZED = 401
_LISTING_TIMEOUT = 60.0
"""Seconds for which an account that cannot be listed is asked again."""
MAX_ORDER_SECONDS = 300.0
"""Seconds after which no order can still be on its way: its time limits and repeated connections are far below."""


class AmbiguousPurchaseError(Exception):
    """It is not known whether an instance was bought. `candidates` are the ids of instances that may be it."""

    def __init__(self, text: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.candidates = candidates


class RefusedOrderError(Exception):
    """The vendor answered an order with an error, and no new instance is listed so far. It may still have been carried
    out: the order stays recorded, and the next creation of the resource checks first. `code` is the vendor's word for
    the error, "" for none."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class NameRefusedError(CloudError):
    """The vendor refused an order whose name the program gave. What has that name need not be of this order: neither an
    answer nor a search proves whether the order was carried out."""


class NotSentError(Exception):
    """An order was not sent, so nothing was bought."""


class NotBoughtError(Exception):
    """The vendor did not carry out the order: a search has found no instance of it."""


class RelativeStart(Enum):
    """The start of an instance relative to an order, by the vendor's clock. DOUBTFUL: before the order by that clock,
    which may be wrong."""

    AFTER = "after"
    BEFORE = "before"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True)
class PurchasedInstance(Generic[T]):
    """A purchased instance. `instance` is None where the vendor's answer has the id only. `inferred`: no answer named
    it, and it bears no tag; it was identified by the account's list."""

    instance_id: str
    instance: T | None = None
    inferred: bool = False


@dataclass(frozen=True)
class RecoveredInstance(PurchasedInstance[T]):
    """An instance that an earlier run has bought, with the vendor's present data."""

    instance: T


@dataclass(frozen=True)
class ConcurrentOrder(Generic[T]):
    """An order of another process. `may_have_bought` decides for an id and its instance; `is_awaiting_answer`: its
    answer may still arrive there."""

    refused: ClassVar[bool] = False
    arguments: Arguments
    may_have_bought: Callable[[str, T], bool]
    is_awaiting_answer: bool
    number: int


class OrderRecorder(Protocol[T]):
    """Records orders before they are sent, and finds those of other processes.

    A number is None if an order could not be recorded and may be sent nevertheless.
    """

    def record_sent(
        self, key: ResourceKey, arguments: Arguments, before: frozenset[str], number: int, labels: Labels
    ) -> int | None: ...

    def record_lost(self, number: int | None) -> None: ...

    def record_refused(self, number: int | None) -> None: ...

    def record_answer(self, instance: T) -> None: ...

    def record_gone(self, instance_id: str) -> None: ...

    def start_classifier(self) -> Callable[[T], RelativeStart]: ...

    def record_bought(
        self, number: int | None, instance_id: str, *, inferred: bool = False, is_new: bool = False
    ) -> bool: ...

    def discard(self, number: int | None) -> None: ...

    def claimed_ids(self) -> frozenset[str]: ...

    def concurrent_orders(self) -> list[ConcurrentOrder[T]]: ...


class _TokenRefusedError(Exception):
    """The order was refused for its token, and a check has found no instance of it: it may be sent again."""


@dataclass(eq=False)
class _UnresolvedOrder:
    """An order whose answer was lost, or was an error.

    `was_there` returns whether an instance was listed before it was sent, and `classify_start` decides whether one may
    have started after that; its instance was started before `started_by`. A `refused` order leaves new instances to
    orders whose answer was lost; one that `is_repeatable` is sent again if it has bought nothing. `owns_name`: see
    `buy`. `listings` have shown no instance of it since `listed_first`. `rivals` are the numbers of the orders, this
    one among them, that may have bought its candidates; they have changed at `rivals_since`.
    """

    number: int | None
    ordered: OrderSpec
    was_there: Callable[[str, Any], bool]
    classify_start: Callable[[Any], RelativeStart]
    error: CloudError
    lost_at: float
    started_by: float
    refused: bool = False
    is_repeatable: bool = False
    owns_name: bool = True
    listings: int = 0
    listed_first: float = 0.0
    listed_last: float = 0.0
    rivals: frozenset[int] = frozenset()
    rivals_since: float = NEVER

    @property
    def arguments(self) -> Arguments:
        """The arguments of the order."""
        return self.ordered.arguments

    def record_rivals(self, rivals: frozenset[int], now: float) -> None:
        """Records the orders that may have bought its candidates."""
        alone = frozenset({self.number or id(self)})
        if rivals != (self.rivals or alone):
            self.rivals_since = now
        self.rivals = rivals

    def record_absent(self, at: float) -> None:
        """Records that another listing, requested at that time, has shown no instance of the order."""
        if self.listings == 0:
            self.listed_first = at
        self.listings += self.listings == 0 or at > self.listed_last
        self.listed_last = at


class Purchases(Generic[T]):
    """All purchases of this process in one account. Threads may share it."""

    def __init__(self, cloud: Cloud[T], poller: Poller[T], clock: Clock, log: OrderRecorder[T]) -> None:
        self._cloud = cloud
        self._proves_orders = isinstance(cloud, ProvesOrders)
        self._proves_without_time = self._proves_orders and not isinstance(cloud, NamesInstances)
        self._lag = cloud.list_lag
        self._poller = poller
        self._clock = clock
        self._log = log
        self._lock = threading.Lock()
        self._in_flight: set[int] = set()
        self._unresolved: list[_UnresolvedOrder] = []
        self._owned_ids: set[str] = set()
        self._reported_ids: set[str] = set()

    def buy(
        self,
        key: ResourceKey,
        arguments: Arguments,
        inputs: Mapping[str, Any],
        is_awaited: Callable[[], bool] | None = None,
        number: int | None = None,
        labels: Labels = NO_LABELS,
        *,
        owns_name: bool = True,
    ) -> PurchasedInstance[T]:
        """Orders one instance with these `inputs` for the resource `key`, exactly once, and returns it. `is_awaited`,
        called at the last moment, returns whether the caller still waits; None for a caller that cannot go away.
        `number` is the order's if it has one already; `labels` are recorded with it, and for a cloud that has labels
        they are among the inputs. `owns_name`: no other order can give an instance the same name (NamesInstances).

        An order that was refused for its token (401) is sent once more, after a check that has found nothing. Raises
        CloudError when the vendor could not be asked (NameRefusedError when it refused a name that is not owned),
        RefusedOrderError when it answered with an error, NotSentError when the caller has gone, NotBoughtError when the
        answer was lost and nothing was bought, and AmbiguousPurchaseError when that is not known.
        """
        carry_out = partial(self._create, {**inputs, "labels": labels.merged}, owns_name)
        send = partial(self._send, key, arguments, carry_out, is_awaited, labels, owns_name)
        try:
            return send(new_order_number() if number is None else number, last_try=False)
        except _TokenRefusedError:
            return send(new_order_number(), last_try=True)

    def _send(
        self,
        key: ResourceKey,
        arguments: Arguments,
        carry_out: Callable[[OrderRef], OrderAnswer[T]],
        is_awaited: Callable[[], bool] | None,
        labels: Labels,
        owns_name: bool,
        number: int,
        *,
        last_try: bool,
    ) -> PurchasedInstance[T]:
        listed = self._poller.snapshot(max_age=_BASELINE_AGE).instances
        before, was_there = frozenset(listed), partial(self._was_listed, listed)
        classify_start = self._log.start_classifier()
        order_number = self._log.record_sent(key, arguments, before, number, labels)
        ordered = OrderSpec(arguments, token_of(number))
        with self._lock:
            self._in_flight.add(number)
            if isinstance(self._cloud, NamesInstances):  # what had the name is gone
                self._owned_ids.difference_update(map(str, arguments))
        unresolved: _UnresolvedOrder | None = None
        refused: RefusedError | None = None
        try:
            if is_awaited is not None and not is_awaited():
                raise NotSentError("the engine was gone before anything was ordered")
            accepted = carry_out(OrderRef(ordered.token, key.digest))
        except BaseException as error:
            with self._lock:
                self._in_flight.remove(number)
                if isinstance(error, CloudError) and (error.may_have_taken_effect or _is_an_answer(error)):
                    refused = error if isinstance(error, RefusedError) and not error.may_have_taken_effect else None
                    now = self._clock.now()
                    unresolved = _UnresolvedOrder(
                        *(order_number, ordered, was_there, classify_start, error, now, now),
                        refused=refused is not None,
                        owns_name=owns_name,
                    )
                    self._unresolved.append(unresolved)
            if unresolved is None:
                if isinstance(error, (CloudError, NotSentError)):
                    self._log.discard(order_number)
                elif isinstance(error, Exception):
                    self._log.record_lost(order_number)  # an unexpected error does not prove that nothing was bought
                raise
        else:
            instance_id = accepted.instance_id
            is_new = instance_id not in before
            if isinstance(self._cloud, NamesInstances):
                is_new = True  # no two have one name: a list was behind, and an earlier order's is gone
                self._log.record_gone(instance_id)
            mine = is_new and self._log.record_bought(order_number, instance_id, is_new=True)
            with self._lock:
                self._in_flight.remove(number)
                if mine:
                    self._owned_ids.add(instance_id)
                else:
                    now = self._clock.now()
                    reason = "another order for the same has taken it" if is_new else "it was there before"
                    taken_error = AnswerLostError(f"the answer names {instance_id}, and {reason}")
                    unresolved = _UnresolvedOrder(
                        *(order_number, ordered, was_there, classify_start, taken_error, now, now), owns_name=owns_name
                    )
                    self._unresolved.append(unresolved)
            if unresolved is None:
                if accepted.instance is not None:
                    self._log.record_answer(accepted.instance)
                return PurchasedInstance(instance_id, accepted.instance)
        try:
            if refused is not None:
                self._log.record_refused(order_number)
                return self._check_despite(refused, unresolved, last_try=last_try)
            self._log.record_lost(order_number)
            # if it finds nothing, the record stays: the vendor may be very late, so the next run checks again
            return self._reconcile(unresolved)
        finally:
            self._discard(unresolved)

    def _create(self, inputs: Mapping[str, Any], owns_name: bool, order: OrderRef) -> OrderAnswer[T]:
        try:
            return self._cloud.create(inputs, order)
        except RefusedError as error:
            cloud = self._cloud
            if owns_name or not isinstance(cloud, NamesInstances) or error.status not in cloud.name_taken_statuses:
                raise
            raise NameRefusedError(str(error)) from None

    def _check_despite(
        self, refused: RefusedError, unresolved: _UnresolvedOrder, *, last_try: bool
    ) -> PurchasedInstance[T]:
        """Checks whether a refused order bought something nevertheless. Raises RefusedOrderError when nothing new is
        listed."""
        again = unresolved.is_repeatable = refused.status == _UNAUTHORIZED and not last_try
        try:
            snapshot = self._poller.snapshot(max_age=0.0, not_before=unresolved.lost_at)
            if again or self._candidates(unresolved, snapshot, self._log.claimed_ids()):
                return self._reconcile(unresolved)
        except NotBoughtError:
            if again:
                self._log.discard(unresolved.number)
                raise _TokenRefusedError from None
        except CloudError as error:
            raise RefusedOrderError(
                f"{refused}; it is not known whether an instance was started nevertheless: {error}", refused.code
            ) from None
        raise RefusedOrderError(f"{refused}; nothing new is listed so far", refused.code)

    def _reconcile(self, unresolved: _UnresolvedOrder) -> PurchasedInstance[T]:
        """Finds the instance of an order without an answer in later listings."""
        listed_at = unresolved.lost_at
        while True:
            try:
                snapshot = self._poller.snapshot(max_age=_PAUSE, not_before=unresolved.lost_at)
            except CloudError as error:
                if not error.transient or self._clock.now() - listed_at > _LISTING_TIMEOUT:
                    text = (
                        f"{unresolved.error}, and the account cannot be listed to see whether it was started: {error}"
                    )
                    raise AmbiguousPurchaseError(text) from None
                self._clock.sleep(_PAUSE)
                continue
            bought = self._match_listed(unresolved, snapshot)
            if bought is not None:
                return bought
            listed_at = self._clock.now()
            self._clock.sleep(max(_PAUSE, self._lag / 4))

    def _match_listed(self, unresolved: _UnresolvedOrder, snapshot: Snapshot[T]) -> PurchasedInstance[T] | None:
        """Takes one of the instances that appeared, or None.

        Equal orders are interchangeable: any instance will do, as long as each is taken once. So it takes the one that
        the fewest other orders may have bought; if it was another order's, that order takes this one's. An instance
        with the order's tag is this order's. Raises NotBoughtError and AmbiguousPurchaseError.
        """
        with self._lock:
            earlier = frozenset(self._in_flight) if self._candidates(unresolved, snapshot, frozenset()) else frozenset()
        # an answer that is still on its way may name this instance
        settled = self._proves_orders or (
            self._wait_for_answers(earlier) and self._wait_for_other_processes(unresolved, snapshot)
        )
        taken_ids = self._log.claimed_ids()
        neighbours = self._log.concurrent_orders()
        with self._lock:
            candidates = self._candidates(unresolved, snapshot, taken_ids)
            orders: list[_UnresolvedOrder | ConcurrentOrder[T]] = [*self._unresolved, *neighbours]
            assigned = assign(candidates, orders, self._may_have_bought)
            if unresolved.refused and len(candidates) <= sum(not order.refused for order in assigned.orders):
                candidates = {}
            if not candidates:
                unresolved.record_absent(snapshot.taken_at)
                settled_at = max(unresolved.started_by + self._lag * SETTLE_LAGS, unresolved.listed_first + self._lag)
                instead = self._substitutes(unresolved, snapshot, taken_ids, neighbours)
                if (
                    snapshot.taken_at <= settled_at
                    or unresolved.listings < _MIN_LISTINGS
                    or (instead and self._in_flight)
                ):
                    return None
                self._unresolved.remove(unresolved)
                if instead and (unresolved.is_repeatable or not unresolved.refused):
                    text = (
                        f"{unresolved.error}. No instance matches the order, and the new ones may have been delivered "
                        "instead"
                    )
                    raise AmbiguousPurchaseError(text, tuple(sorted(instead)))
                raise NotBoughtError(f"{unresolved.error}; the account's list shows that nothing was started")
            alike = all(order.arguments == unresolved.arguments for order in assigned.orders)
            dated = self._proves_orders or all(
                unresolved.classify_start(instance) is RelativeStart.AFTER for instance in candidates.values()
            )
            rivals = frozenset(order.number or id(order) for order in assigned.orders)
            unresolved.record_rivals(rivals, self._clock.now())
            if (
                settled
                and not self._proves_orders
                and snapshot.taken_at <= max(unresolved.lost_at, unresolved.rivals_since) + self._lag
            ):
                return None  # an earlier list may lack what these orders have bought, and show what others have
            is_crowded = assigned.is_crowded or (
                len(candidates) > 1 and self._is_crowded_before(assigned.orders, snapshot, taken_ids)
            )
            if not settled or not alike or not dated or is_crowded or self._reported_ids & candidates.keys():
                self._unresolved.remove(unresolved)
                self._reported_ids |= candidates.keys()
                text = f"{unresolved.error}, and it is not known which instance it started, if any"
                raise AmbiguousPurchaseError(text, tuple(sorted(candidates)))
            instance_id = assigned.least_wanted
            inferred = not (self._proves_orders and unresolved.owns_name)  # another machine may give the same name now
            if not self._log.record_bought(
                unresolved.number, instance_id, inferred=inferred, is_new=self._proves_orders
            ):
                return None  # another process was quicker
            self._unresolved.remove(unresolved)
            for other in assigned.takers[instance_id]:
                if isinstance(other, _UnresolvedOrder):
                    other.started_by = max(other.started_by, unresolved.started_by)
            self._owned_ids.add(instance_id)
            return PurchasedInstance(instance_id, candidates[instance_id], inferred)

    def _discard(self, unresolved: _UnresolvedOrder) -> None:
        with self._lock:
            if unresolved in self._unresolved:
                self._unresolved.remove(unresolved)

    def _wait_for_answers(self, orders: frozenset[int]) -> bool:
        """Waits for the answers to these orders, and returns whether all have come. Later orders do not matter."""
        until = self._clock.now() + MAX_ORDER_SECONDS
        while True:
            with self._lock:
                if not orders & self._in_flight:
                    return True
            if self._clock.now() > until:
                return False
            self._clock.sleep(_PAUSE)

    def _wait_for_other_processes(self, unresolved: _UnresolvedOrder, snapshot: Snapshot[T]) -> bool:
        """Waits for answers to other processes that may name one of the instances."""
        until = self._clock.now() + MAX_ORDER_SECONDS
        while True:
            with self._lock:
                candidates = self._candidates(unresolved, snapshot, frozenset())
            awaited = (
                [neighbour for neighbour in self._log.concurrent_orders() if neighbour.is_awaiting_answer]
                if candidates
                else []
            )
            if not any(
                neighbour.may_have_bought(*candidate) for candidate in candidates.items() for neighbour in awaited
            ):
                return True
            if self._clock.now() > until:
                return False
            self._clock.sleep(_PAUSE)

    def _candidates(
        self,
        unresolved: _UnresolvedOrder,
        snapshot: Snapshot[T],
        taken_ids: frozenset[str],
        how: OrderMatch = OrderMatch.MAYBE,
    ) -> dict[str, T]:
        unknown = ((key, instance) for key, instance in snapshot.instances.items() if key not in taken_ids)
        return {key: instance for key, instance in unknown if self._is_candidate(key, instance, unresolved, how)}

    def _substitutes(
        self,
        unresolved: _UnresolvedOrder,
        snapshot: Snapshot[T],
        taken_ids: frozenset[str],
        neighbours: list[ConcurrentOrder[T]],
    ) -> frozenset[str]:
        """Instances that may have been delivered instead of what was ordered, and that no other order explains."""
        instead = self._candidates(unresolved, snapshot, taken_ids, OrderMatch.NEARLY)
        others: list[_UnresolvedOrder | ConcurrentOrder[T]] = [
            *(other for other in self._unresolved if other is not unresolved),
            *neighbours,
        ]
        return assign(instead, others, self._may_have_bought).unexplained

    def _is_crowded_before(
        self,
        orders: Sequence[_UnresolvedOrder | ConcurrentOrder[T]],
        snapshot: Snapshot[T],
        taken_ids: frozenset[str],
    ) -> bool:
        """Returns whether there are more instances without an owner than orders that may have bought them: an order of
        an earlier run explains no new instance if one of before is left that may be its own."""
        unowned = {key: instance for key, instance in snapshot.instances.items() if key not in taken_ids}
        assigned = assign(unowned, orders, self._may_have_bought)
        return sum(bool(takers) for takers in assigned.takers.values()) > len(orders)

    def _may_have_bought(self, order: _UnresolvedOrder | ConcurrentOrder[T], instance_id: str, instance: T) -> bool:
        if isinstance(order, _UnresolvedOrder):
            return self._is_candidate(instance_id, instance, order)
        return order.may_have_bought(instance_id, instance)

    def _was_listed(self, listed: Mapping[str, T], instance_id: str, instance: T) -> bool:
        """Returns whether an instance was in that list: of two that have one name, one after the other, by its
        start."""
        if instance_id not in listed or not isinstance(self._cloud, NamesInstances):
            return instance_id in listed
        return self._cloud.started_at(instance) == self._cloud.started_at(listed[instance_id])

    def _is_candidate(
        self, instance_id: str, instance: T, unresolved: _UnresolvedOrder, how: OrderMatch = OrderMatch.MAYBE
    ) -> bool:
        unknown = not unresolved.was_there(instance_id, instance) and instance_id not in self._owned_ids
        began = unknown and (
            self._proves_without_time or unresolved.classify_start(instance) is not RelativeStart.BEFORE
        )
        return began and self._cloud.match(instance, unresolved.ordered).counts_as(how)


def _is_an_answer(error: CloudError) -> bool:
    """Returns whether the vendor has answered the order itself, and not only the request for a token."""
    return isinstance(error, RefusedError) and not isinstance(error, CredentialsRefusedError)

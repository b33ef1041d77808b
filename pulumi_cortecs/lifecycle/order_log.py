"""The record of orders, kept before they are sent and when they are answered, and its conclusions for an instance: the
order that owns it, and those that may."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, TypeVar

from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.cloud import (
    Arguments,
    Cloud,
    NamesInstances,
    OrderMatch,
    OrderSpec,
    ProvesOrders,
    TagsOrders,
    token_of,
)
from pulumi_cortecs.lifecycle.journal import Journal, JournalError, OrderRecord, Progress, ResourceKey
from pulumi_cortecs.lifecycle.labels import NO_LABELS, Labels
from pulumi_cortecs.lifecycle.poller import NEVER, Poller
from pulumi_cortecs.lifecycle.presence import find_or_confirm_gone
from pulumi_cortecs.lifecycle.purchases import (
    MAX_ORDER_SECONDS,
    SETTLE_LAGS,
    AmbiguousPurchaseError,
    ConcurrentOrder,
    RelativeStart,
)

T = TypeVar("T")

_PAUSE = 0.25
CLOCK_ERROR = 60.0
"""Seconds by which two clocks of a vendor may differ. A high value costs little, because older instances are known by
id. If they differ by more, or the difference was never measured, no time excludes an instance."""

_CERTAIN_WITHIN = 600.0
_POSSIBLE_WITHIN = 1800.0
"""Seconds by the vendor's clock, after an order was recorded, in which its instance will have started, and in which it
may have started: a late one is reported to the user, never taken."""


class OrderInProgressError(Exception):
    """Another process works on the same resource, and does not finish. This process bought nothing."""


class OrderLog(Generic[T]):
    """The records of this machine's orders in one account. Threads may share it.

    An unusable journal causes one warning: this process then buys only if no instance of the account could be the
    purchase of an earlier run.
    """

    def __init__(
        self,
        cloud: Cloud[T],
        journal: Journal,
        poller: Poller[T],
        clock: Clock,
        on_journal_error: Callable[[JournalError], None],
    ) -> None:
        """`on_journal_error` receives the error when the journal cannot be used."""
        self.cloud = cloud
        self.proves_orders = isinstance(cloud, ProvesOrders)
        self.journal = journal
        self.poller = poller
        self.clock = clock
        self.on_journal_error = on_journal_error
        self.account = cloud.journal_account
        self.lag = cloud.list_lag
        self._lock = threading.Lock()
        self._largest_difference: float | None = None
        self._sent_numbers: set[int] = set()
        self._numbers: dict[str, int] = {}
        self._owned_ids: set[str] = set()
        self._baseline_lock = threading.Lock()
        self._baseline: Mapping[str, T] | None = None

    def record_sent(
        self,
        key: ResourceKey,
        arguments: Arguments,
        before: frozenset[str],
        number: int | None = None,
        labels: Labels = NO_LABELS,
    ) -> int | None:
        """Records an order before it is sent, under that number or a new one; None if the journal fails and the order
        may be sent nevertheless.

        Raises AmbiguousPurchaseError and CloudError if it must not be sent.
        """
        try:
            vendor_time = self.cloud.vendor_time()
            number = self.journal.record(key, self.account, arguments, before, vendor_time, number, labels)
        except JournalError as error:
            self.on_journal_error(error)
            self.require_no_candidates(key, arguments)
            return None
        with self._lock:
            self._sent_numbers.add(number)
        return number

    def record_lost(self, number: int | None) -> None:
        """Records that the answer to an order will not come."""
        self._record(lambda journal, order_number: journal.advance(order_number, Progress.LOST), number)

    def record_refused(self, number: int | None) -> None:
        """Records that the vendor answered with an error. The order stays: the next creation of the resource checks
        first."""
        self._record(lambda journal, order_number: journal.advance(order_number, Progress.REFUSED), number)

    def record_answer(self, instance: T) -> None:
        """Records a vendor's successful answer, and the difference of the vendor's two clocks that it shows."""
        started_at, now = self.cloud.started_at(instance), self.cloud.vendor_time()
        if started_at is None or now is None:
            return
        difference = started_at - now
        largest = self._clock_difference()
        if largest is None or abs(difference) > max(abs(largest), CLOCK_ERROR):
            self._largest_difference = difference
            try:
                self.journal.record_clock_difference(self.account, difference)
            except JournalError as error:
                self.on_journal_error(error)

    def start_classifier(self) -> Callable[[T], RelativeStart]:
        """A function that classifies an instance as started before or after this moment, by the vendor's clock."""
        sent_at = self.cloud.vendor_time()

        def classify(instance: T) -> RelativeStart:
            at = self.cloud.started_at(instance)
            if at is None or sent_at is None or at >= sent_at - CLOCK_ERROR:
                return RelativeStart.AFTER
            return RelativeStart.BEFORE if self._is_clock_reliable() else RelativeStart.DOUBTFUL

        return classify

    def record_bought(
        self, number: int | None, instance_id: str, *, inferred: bool = False, is_new: bool = False
    ) -> bool:
        """Records an order's instance; False when another order of this machine has it already. `inferred`: it was
        found in a list; `is_new`: no instance of that id was listed before the order."""
        try:
            if number is not None and not self.journal.record_bought(
                number, instance_id, inferred=inferred, is_new=is_new
            ):
                return False
        except JournalError as error:
            self.on_journal_error(error)
        self.record_owned(number, instance_id)
        return True

    def record_owned(self, number: int | None, instance_id: str) -> None:
        """Records that this process owns an order's instance."""
        with self._lock:
            self._owned_ids.add(instance_id)
            if number is not None:
                self._numbers[instance_id] = number

    def discard(self, number: int | None) -> None:
        """Deletes an order that has bought nothing."""
        self._record(lambda journal, order_number: journal.delete(order_number), number)

    def begin_undo(self, instance_id: str) -> bool:
        """Marks an order as being undone, before its instance is deleted. Returns False if another run has taken it
        over: then this process must not delete it."""
        number = self._numbers.get(instance_id)
        try:
            return number is None or self.journal.mark_undoing(number)
        except JournalError as error:
            self.on_journal_error(error)
            return True

    def record_undo_failed(self, instance_id: str) -> None:
        """Marks the instance as bought again: its deletion failed, so the next run may take it over."""
        self._record(
            lambda journal, order_number: journal.advance(order_number, Progress.BOUGHT), self._numbers.get(instance_id)
        )

    def record_gone(self, instance_id: str) -> None:
        """Forgets an instance that is certainly gone."""
        with self._lock:
            self._owned_ids.discard(instance_id)
        try:
            self.journal.forget(self.account, instance_id)
        except JournalError as error:
            self.on_journal_error(error)

    def record_labels(self, instance_id: str, own: Mapping[str, str]) -> None:
        """Replaces the program's labels of an instance, if the journal has it."""
        try:
            self.journal.record_labels(self.account, instance_id, own)
        except JournalError as error:
            self.on_journal_error(error)

    def labels_of(self, instance_id: str) -> Labels:
        """The labels of an instance, none if the journal does not have it."""
        try:
            return self.journal.labels(self.account).get(instance_id, NO_LABELS)
        except JournalError as error:
            self.on_journal_error(error)
            return NO_LABELS

    def record_adopted(self, key: ResourceKey, instance_id: str) -> None:
        """Records an adoption: the program names the instance itself, so open orders of this resource are closed."""
        try:
            for order in self.journal.open_orders(key):
                if order.instance_id is None and self.is_idle(order) and self.journal.take_over(order):
                    self.journal.delete(order.number)
            self.journal.confirm(self.account, instance_id)
        except JournalError as error:
            self.on_journal_error(error)

    def claimed_ids(self) -> frozenset[str]:
        """The ids of the account's instances that some order or resource of this machine owns."""
        try:
            listed = self.journal.instance_ids(self.account)
        except JournalError as error:
            self.on_journal_error(error)
            listed = frozenset()
        with self._lock:
            return listed | self.journal.confirmed_ids(self.account) | self._owned_ids

    def concurrent_orders(self) -> list[ConcurrentOrder[T]]:
        """The unresolved orders of other processes."""
        try:
            return [
                ConcurrentOrder(
                    order.arguments,
                    partial(self.may_have_bought, order),
                    is_awaiting_answer=order.progress is Progress.SENT and self.journal.is_sender_alive(order),
                    number=order.number,
                )
                for order in self.unresolved()
                if order.number not in self._sent_numbers
            ]
        except JournalError as error:
            self.on_journal_error(error)
            return []

    def existing_instances(self, order: OrderRecord) -> dict[str, T]:
        """The existing instances that the order has or may have bought, by id."""
        if order.instance_id is not None:
            instance = self.find(order.instance_id)
            return {} if instance is None else {order.instance_id: instance}
        taken_ids = self.claimed_ids()
        listed = self.poller.snapshot(max_age=self.lag).instances
        return {
            key: instance
            for key, instance in listed.items()
            if key not in taken_ids and self.may_have_bought(order, key, instance)
        }

    def find(self, instance_id: str, not_before: float = NEVER) -> T | None:
        """The instance, None when it is certainly gone; see lifecycle/presence.py. Raises CloudError."""
        return find_or_confirm_gone(instance_id, self.cloud, self.poller, not_before)

    def may_belong_to(
        self, instance: T, key: ResourceKey, arguments: Arguments, how: OrderMatch = OrderMatch.MAYBE
    ) -> bool:
        """Returns whether an order of this resource, with these arguments, may have bought the instance, by that kind
        of match."""
        if isinstance(self.cloud, TagsOrders):
            ref = self.cloud.order_ref(instance)
            return how is OrderMatch.MAYBE and ref is not None and ref.key in key.digests
        return self.cloud.match(instance, OrderSpec(arguments)).counts_as(how)

    def may_have_bought(
        self, order: OrderRecord, instance_id: str, instance: T, how: OrderMatch = OrderMatch.MAYBE
    ) -> bool:
        """Returns whether the order may have bought the instance: by its arguments and its start, or by its tag."""
        ordered = OrderSpec(order.arguments, token_of(order.number))
        if instance_id in order.before or not self.cloud.match(instance, ordered).counts_as(how):
            return False
        after = self._seconds_after(order, instance)
        is_plausible = after is None or -CLOCK_ERROR <= after <= _POSSIBLE_WITHIN
        is_proven = self.proves_orders and not isinstance(self.cloud, NamesInstances)
        return is_proven or is_plausible or not self._is_clock_reliable()

    def is_started_soon(self, order: OrderRecord, instance: T) -> bool:
        """Returns whether the instance began so soon after the order that the user need not be asked."""
        after = self._seconds_after(order, instance)
        return after is None or -CLOCK_ERROR <= after <= _CERTAIN_WITHIN

    def unresolved(self) -> list[OrderRecord]:
        """The open orders in this account whose instance is unknown."""
        orders = self.journal.open_orders()
        return [order for order in orders if order.instance_id is None and order.account == self.account]

    def is_idle(self, order: OrderRecord) -> bool:
        """Returns whether no process works on the order. An engine creates a resource once at a time, so an order that
        this process has sent for it has ended."""
        answered = order.progress in (Progress.BOUGHT, Progress.REFUSED)
        return answered or self.journal.is_mine(order) or not self.journal.is_sender_alive(order)

    def await_answers(self, order: OrderRecord | None) -> None:
        """Waits for the answers that any process of this machine still expects: they may name a candidate."""
        until = self.clock.now() + MAX_ORDER_SECONDS
        own = None if order is None else order.number
        waited_for = {other.number for other in self._unanswered_orders() if other.number != own}
        while waited_for:
            if self.clock.now() > until:
                raise OrderInProgressError(
                    "another purchase on this machine does not finish; run `pulumi up` again when it has"
                )
            self.clock.sleep(_PAUSE)
            waited_for &= {other.number for other in self._unanswered_orders()}

    def require_no_candidates(self, key: ResourceKey, arguments: Arguments) -> None:
        """Raises AmbiguousPurchaseError if any instance of the account may be the purchase of an earlier run."""
        listed, taken_ids = self._read_baseline(), self.claimed_ids()
        alike = [
            instance_id
            for instance_id, instance in listed.items()
            if instance_id not in taken_ids and self.may_belong_to(instance, key, arguments)
        ]
        if alike:
            raise AmbiguousPurchaseError(
                f"without {self.journal.file} it is not known whether an earlier run has bought this resource already",
                tuple(sorted(alike)),
            )

    def _read_baseline(self) -> Mapping[str, T]:
        """The account's instances when the journal first failed. All wait for this listing, so none of this
        process's own purchases is in it unless it was under way by then."""
        with self._baseline_lock:
            if self._baseline is None:
                self.clock.sleep(self.lag * SETTLE_LAGS)
                self._baseline = self.poller.snapshot(max_age=0.0).instances
            return self._baseline

    def _is_clock_reliable(self) -> bool:
        """Returns whether the vendor's two clocks, that of its answers and that of its instances, are known to
        agree."""
        difference = self._clock_difference()
        return difference is not None and abs(difference) <= CLOCK_ERROR

    def _clock_difference(self) -> float | None:
        if self._largest_difference is None:
            try:
                self._largest_difference = self.journal.clock_difference(self.account)
            except JournalError as error:
                self.on_journal_error(error)
        return self._largest_difference

    def _seconds_after(self, order: OrderRecord, instance: T) -> float | None:
        """The seconds from the order to the instance's start, None where either is unknown."""
        started_at = self.cloud.started_at(instance)
        return None if started_at is None or order.vendor_time is None else started_at - order.vendor_time

    def _unanswered_orders(self) -> list[OrderRecord]:
        return [
            order
            for order in self.journal.open_orders()
            if order.progress is Progress.SENT and order.account == self.account and self.journal.is_sender_alive(order)
        ]

    def _record(self, change: Callable[[Journal, int], object], number: int | None) -> None:
        if number is None:
            return
        try:
            change(self.journal, number)
        except JournalError as error:
            self.on_journal_error(error)

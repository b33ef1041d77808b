"""Recovery of earlier orders for a resource that no state has, before anything is ordered again.

A process that dies between the vendor's answer and the engine's checkpoint leaves an instance that costs money and that
no run would ever delete. The journal has its order. The next creation of the same resource takes that instance over; if
the instance is ambiguous, or its existence unknown, nothing is bought and the error names the candidates.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from pulumi_cortecs.http.credentials import are_apart
from pulumi_cortecs.lifecycle.cloud import Arguments, OrderMatch
from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.interrupted_creations import InterruptedCreations
from pulumi_cortecs.lifecycle.journal import JournalError, OrderRecord, Progress, ResourceKey
from pulumi_cortecs.lifecycle.matching import assign
from pulumi_cortecs.lifecycle.order_log import OrderInProgressError, OrderLog
from pulumi_cortecs.lifecycle.purchases import MAX_ORDER_SECONDS, SETTLE_LAGS, AmbiguousPurchaseError, RecoveredInstance
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError, priced_ids_text

T = TypeVar("T")

_PAUSE = 0.25
_EXTRA_LISTINGS = 3
_SAVED_WITHIN = 5.0
"""Seconds after an answer by which an engine has written it to its state, many times over."""


class ArgumentsChangedError(Exception):
    """An earlier run has bought the instance `instance_id` with other arguments for the same resource. The text names
    it and the next steps."""

    def __init__(self, text: str, instance_id: str = "") -> None:
        super().__init__(text)
        self.instance_id = instance_id


class OrderRecovery(Generic[T]):
    """The orders of earlier runs in one account. Threads may share it."""

    def __init__(
        self,
        log: OrderLog[T],
        *,
        creations: Creations,
        is_exclusive: Callable[[], bool],
        warn: Callable[[str], None],
    ) -> None:
        """`is_exclusive` returns whether this run is the only buyer in the account; `warn` receives warnings for the
        user."""
        self._log = log
        self._cloud = log.cloud
        self._journal = log.journal
        self._account = log.account
        self._poller = log.poller
        self._clock = log.clock
        self._lag = log.lag
        self._on_journal_error = log.on_journal_error
        self.creations = creations
        self._warn = warn
        self._interrupted = InterruptedCreations(log, creations, is_exclusive, warn)
        self._lock = threading.Lock()
        self._settled_at: dict[int, float] = {}

    def recover(self, key: ResourceKey, arguments: Arguments, began_at: float) -> RecoveredInstance[T] | None:
        """Finds the instance that an earlier run has bought for this resource with these arguments and that no state
        has, or None. `began_at`: the time at which this creation began.

        It searches the journal, which has this machine's orders, and the state backend, which has the creations of any
        machine. Raises AmbiguousPurchaseError, ArgumentsChangedError, UnclaimedPurchaseError, OrderInProgressError and
        CloudError; nothing was bought then.
        """
        earlier = self._recover_from_journal(key, arguments)
        if earlier is None and key.urn:
            earlier = self._interrupted.recover(key, arguments, began_at)
        return earlier

    def _recover_from_journal(self, key: ResourceKey, arguments: Arguments) -> RecoveredInstance[T] | None:
        try:
            orders = self._journal.open_orders(key) if key.urn else []
            others = self._abandoned_orders(key, arguments) if key.urn else []
        except JournalError as error:
            self._on_journal_error(error)
            self._log.require_no_candidates(key, arguments)
            return None
        try:
            if orders or others:
                self._close_owned_orders(key)
            if key.urn:  # before a take-over, which would hide it
                self._require_nothing_unclaimed(key)
            for order in orders:
                if (instance := self._recover_order(order, arguments, key)) is not None:
                    return instance
            for order in others:
                if (instance := self._recover_abandoned_order(order, arguments, key)) is not None:
                    return instance
            return None
        except JournalError as error:
            # the journal is read-only: a purchase without it would forget the instance of the order
            self._on_journal_error(error)
            raise AmbiguousPurchaseError(
                f"an earlier run has ordered this resource, and that order cannot be resolved: {error}",
                tuple(sorted(order.instance_id for order in orders if order.instance_id is not None)),
            ) from None

    def _recover_order(self, order: OrderRecord, arguments: Arguments, key: ResourceKey) -> RecoveredInstance[T] | None:
        at_rest = self._take_when_idle(order, key)
        if at_rest is None:
            return None
        instance_id, instance, inferred = self._resolve(at_rest, key)
        if instance is None:
            self._journal.delete(at_rest.number)
            return None
        if self._is_owned(at_rest, key, instance_id, instance):
            return None
        if at_rest.arguments != arguments:
            raise ArgumentsChangedError(self._arguments_changed_text(at_rest, instance_id), instance_id)
        if at_rest.account != self._account:  # of a rotated key, which no later call of an engine names
            self._journal.record_account(at_rest.number, self._account, instance_id)
        self._log.record_owned(at_rest.number, instance_id)
        return RecoveredInstance(instance_id, instance, inferred)

    def _close_owned_orders(self, key: ResourceKey) -> None:
        """Closes the orders whose instance a row of the resource's stack has, because it must not be taken over."""
        rows = self.creations.rows(key.urn) or {}
        for order in self._journal.open_orders():
            if order.instance_id is not None and order.instance_id in rows:
                self._journal.confirm(order.account, order.instance_id)

    def _is_owned(self, order: OrderRecord, key: ResourceKey, instance_id: str, instance: T) -> bool:
        """Returns whether a row of any stack has an instance, whatever the journal says, because a file proves nothing.
        Its order is then closed."""
        owner = (self.creations.find_owners(key.urn) or {}).get(instance_id)
        if owner is None:
            return False
        self._journal.confirm(order.account, instance_id)
        self._warn(
            f"the journal says that {instance_id} ({self._cloud.price_text(instance)}) was bought for {key.name} by a "
            f"killed run, but {owner.name} has it: it is not taken over"
        )
        return True

    def _abandoned_orders(self, key: ResourceKey, arguments: Arguments) -> list[OrderRecord]:
        """The open orders of dead processes for the same arguments under other keys: the resource, its stack, its
        project or the backend may have had another name."""
        return [
            order
            for order in self._journal.open_orders()
            if order.account == self._account
            and order.arguments == arguments
            and (order.key.urn != key.urn or not order.key.is_near(key))
            and not self._journal.is_mine(order)
            and not self._journal.is_sender_alive(order)
        ]

    def _recover_abandoned_order(
        self, order: OrderRecord, arguments: Arguments, key: ResourceKey
    ) -> RecoveredInstance[T] | None:
        """Finds the instance of an abandoned order under another key: equal orders of one project in one backend are
        interchangeable. Raises UnclaimedPurchaseError if another project or backend ordered it, and it exists."""
        now = self._journal.order(order.number)  # another process may have resolved it meanwhile
        if now is None or now.process != order.process:
            return None
        if order.key.is_near(key):
            self._clock.sleep(self._seconds_until_saved(now))
            return self._recover_order(now, arguments, key)
        self._clock.sleep(self._seconds_until_listed(order))
        instances = self._log.existing_instances(order)
        for _ in range(_EXTRA_LISTINGS if order.instance_id is None else 0):
            if not instances:
                self._clock.sleep(self._lag / 2)
                instances = self._log.existing_instances(order)  # one list may be wrong
        if not instances and order.instance_id is None:
            instances = self._substitutes(order, key)
        owned = self.creations.find_owners(key.urn) or {} if instances else {}
        instances = {instance_id: instance for instance_id, instance in instances.items() if instance_id not in owned}
        if instances:
            raise UnclaimedPurchaseError(
                f"an earlier run was killed while it bought {self._cloud.describe_order(order.arguments)} for "
                f"{order.key.name} of another project or backend ({order.key.urn}), and no known state has it: "
                f"{priced_ids_text(self._cloud, instances)}. {self._cloud.next_steps(instances)}"
            )
        return None

    def _require_nothing_unclaimed(self, key: ResourceKey) -> None:
        """Raises UnclaimedPurchaseError if an order for the resource was closed and its instance exists, but neither
        this run nor a state has it: the engine did not save the state, or the row was removed from it."""
        accounts = {order.instance_id: order.account for order in self._journal.closed_orders(key)}
        unnamed = {
            instance_id
            for instance_id, account in accounts.items()
            if instance_id is not None
            and not are_apart(account, self._account)
            and instance_id not in self._journal.confirmed_ids(account)
        }
        rows = self.creations.rows(key.urn) if unnamed else None
        if rows is None or not unnamed - rows.keys():
            return
        instances = {
            instance_id: self._log.find(instance_id, self._clock.now()) for instance_id in unnamed - rows.keys()
        }
        for instance_id in (instance_id for instance_id, instance in instances.items() if instance is None):
            self._journal.forget(accounts[instance_id], instance_id)
        owned = self.creations.find_owners(key.urn) or {}
        unowned = {
            instance_id: instance
            for instance_id, instance in instances.items()
            if instance is not None and instance_id not in owned
        }
        if unowned:
            raise UnclaimedPurchaseError(
                "an earlier run has bought this resource; the instance still exists, and no state has it: "
                f"{priced_ids_text(self._cloud, unowned)}. {self._cloud.next_steps(unowned)}"
            )

    def _take_when_idle(self, order: OrderRecord, key: ResourceKey) -> OrderRecord | None:
        """Waits until no process works on the order, and makes it this process's; None if it has been closed.

        A provider whose engine was killed stays alive until it has undone its purchase.
        """
        until = self._clock.now() + MAX_ORDER_SECONDS
        latest: OrderRecord | None = order
        while latest is not None:
            if self._log.is_idle(latest) and self._journal.take_over(latest, key):
                return latest
            if self._clock.now() > until:
                raise OrderInProgressError(
                    "another run is still buying, or undoing, this resource; run `pulumi up` again when it has finished"
                )
            self._clock.sleep(_PAUSE)
            latest = self._journal.order(latest.number)
        return None

    def _resolve(self, order: OrderRecord, key: ResourceKey) -> tuple[str, T | None, bool]:
        """An order's instance id, the instance (None if there is certainly none), and whether it was inferred."""
        if are_apart(order.account, self._account):  # which may have another instance of that name
            recorded_ids = () if order.instance_id is None else (order.instance_id,)
            raise AmbiguousPurchaseError(self._other_account_text(order), recorded_ids)
        if order.instance_id is None:
            return (*self._search(order, key), not self._log.proves_orders)
        instance = self._log.find(order.instance_id, self._clock.now())
        if instance is None and not self._is_of_this_account(order):
            raise AmbiguousPurchaseError(self._other_account_text(order), (order.instance_id,))
        return order.instance_id, instance, order.inferred

    def _seconds_until_listed(self, order: OrderRecord) -> float:
        """Seconds until the instance of an order is listed. An order without an answer may have been sent, or carried
        out, long after it was recorded."""
        now = self._clock.now()
        if order.progress is Progress.REFUSED and order.answered_at is not None:
            passed = self._journal.now() - order.answered_at
            # a calendar that was set back does not count
            return max(self._lag * SETTLE_LAGS - max(passed, 0.0), 0.0)
        with self._lock:
            until = self._settled_at.setdefault(order.number, now + self._lag * SETTLE_LAGS)
        return max(until - now, 0.0)

    def _seconds_until_saved(self, order: OrderRecord) -> float:
        """Seconds until the engine of another run has its instance in the state, if it got the answer: it may live on
        after the process that sent the order."""
        if order.instance_id is None or order.answered_at is None:
            return 0.0
        passed = self._journal.now() - order.answered_at
        return _SAVED_WITHIN - passed if 0.0 <= passed < _SAVED_WITHIN else 0.0

    def _is_of_this_account(self, order: OrderRecord) -> bool:
        """Returns whether it was ordered in this account: a rotated key shows the instances that were listed then."""
        if order.account == self._account:
            return True
        return not order.before.isdisjoint(self._poller.snapshot(max_age=self._lag).instances)

    def _search(self, order: OrderRecord, key: ResourceKey) -> tuple[str, T | None]:
        """Finds the instance of an order without an answer; None when there is certainly none."""
        if not (self._log.proves_orders and self._candidates(order, key)):
            if not self._is_of_this_account(order):
                raise AmbiguousPurchaseError(self._other_account_text(order))
            self._clock.sleep(self._seconds_until_listed(order))
        while True:
            candidates = self._candidates(order, key)
            for _ in range(_EXTRA_LISTINGS):
                if not candidates:
                    self._clock.sleep(self._lag / 2)
                    candidates = self._candidates(order, key)  # one list may be wrong
            if not candidates:
                self._require_no_substitutes(order, key)
                return "", None
            assigned = assign(candidates, [order, *self._rivals(order)], self._log.may_have_bought)
            taken_ids = (
                self._log.claimed_ids()
            )  # read after the rivals: one of them may have found its own in the meantime
            assigned = assigned.without(taken_ids)
            candidates = {
                instance_id: instance for instance_id, instance in candidates.items() if instance_id not in taken_ids
            }
            if not candidates:
                continue
            alike = all(other.arguments == order.arguments for other in assigned.orders)
            soon = self._log.proves_orders or all(
                self._log.is_started_soon(order, instance) for instance in candidates.values()
            )
            if not alike or not soon or assigned.is_crowded:
                # another machine may have saved its own meanwhile, and another creation may have taken one
                if self._confirm_owned(candidates, key) or not candidates.keys().isdisjoint(self._log.claimed_ids()):
                    continue
                raise AmbiguousPurchaseError(
                    f"an earlier run has ordered {self._cloud.describe_order(order.arguments)} for this resource and "
                    "was killed before the answer came, and it is not known which instance that was, if any",
                    tuple(sorted(candidates)),
                )
            instance_id = assigned.least_wanted
            if self._log.record_bought(order.number, instance_id, inferred=not self._log.proves_orders):
                return instance_id, candidates[instance_id]

    def _require_no_substitutes(self, order: OrderRecord, key: ResourceKey) -> None:
        """Raises AmbiguousPurchaseError if an unowned new instance nearly matches the order."""
        instead = self._substitutes(order, key)
        if instead:
            raise AmbiguousPurchaseError(
                f"an earlier run has ordered {self._cloud.describe_order(order.arguments)} for this resource and was "
                "killed before the answer came. No instance matches, and the new ones may have been delivered instead",
                tuple(sorted(instead)),
            )

    def _substitutes(self, order: OrderRecord, key: ResourceKey) -> dict[str, T]:
        """Instances that may have been delivered instead of the ordered one, and that no other order explains."""
        instead = self._candidates(order, key, OrderMatch.NEARLY)
        rivals = self._rivals(order)
        taken_ids = self._log.claimed_ids()  # read after the rivals: one of them may have found its own in the meantime
        instead = {instance_id: instance for instance_id, instance in instead.items() if instance_id not in taken_ids}
        unexplained = assign(instead, rivals, self._log.may_have_bought).unexplained
        return {instance_id: instance for instance_id, instance in instead.items() if instance_id in unexplained}

    def _candidates(self, order: OrderRecord, key: ResourceKey, how: OrderMatch = OrderMatch.MAYBE) -> dict[str, T]:
        """The unowned instances that the order may have bought."""
        listed = self._poller.snapshot(max_age=0.0).instances
        fitting = {
            instance_id: instance
            for instance_id, instance in listed.items()
            if self._log.may_have_bought(order, instance_id, instance, how)
        }
        if (
            fitting and not self._log.proves_orders
        ):  # each listed instance has a record: an answer may still be on its way
            self._log.await_answers(order)
        taken_ids = self._log.claimed_ids()
        unknown = {instance_id: instance for instance_id, instance in fitting.items() if instance_id not in taken_ids}
        owned = self._confirm_owned(unknown, key)
        return {instance_id: instance for instance_id, instance in unknown.items() if instance_id not in owned}

    def _confirm_owned(self, instances: Mapping[str, T], key: ResourceKey) -> frozenset[str]:
        """Closes the orders of the instances that a state has, perhaps another machine's, and returns their ids."""
        owners = self.creations.find_owners(key.urn) or {} if instances else {}
        owned = frozenset(owners.keys() & instances.keys())
        for instance_id in owned:
            self._journal.confirm(self._account, instance_id)
        return owned

    def _rivals(self, order: OrderRecord) -> list[OrderRecord]:
        """The other orders whose instance is unknown."""
        return [other for other in self._log.unresolved() if other.number != order.number]

    def _arguments_changed_text(self, order: OrderRecord, instance_id: str) -> str:
        return (
            f"an earlier run was killed after it had bought {instance_id} for this resource "
            f"({self._cloud.describe_order(order.arguments)}): it exists, no state has it, and the program now has "
            f"other arguments. `pulumi-cortecs orphans --all-stacks --delete {instance_id}` deletes it, "
            f"adopt_id={instance_id!r} takes it over"
        )

    def _other_account_text(self, order: OrderRecord) -> str:
        return (
            f"an earlier run has ordered this resource with other credentials (account {order.account}), and the "
            "present ones do not show the result: use the credentials of that account. If that key was revoked, make "
            f"sure that no instance is left there, and remove {self._journal.file}"
        )

"""Recovery of the purchases of interrupted creations, whichever machine began them, by the state backend."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from pulumi_cortecs.lifecycle.cloud import Arguments, NamesInstances, OrderMatch, TagsOrders
from pulumi_cortecs.lifecycle.creations import Creations, owners_by_instance
from pulumi_cortecs.lifecycle.journal import ResourceKey
from pulumi_cortecs.lifecycle.matching import assign
from pulumi_cortecs.lifecycle.order_log import OrderLog
from pulumi_cortecs.lifecycle.purchases import SETTLE_LAGS, RecoveredInstance
from pulumi_cortecs.lifecycle.stack_state import PendingCreation
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError, priced_ids_text

T = TypeVar("T")

_A_BIT_MORE = 1.1


class InterruptedCreations(Generic[T]):
    """The pending creations of one backend, checked for one account. Threads may share it."""

    def __init__(
        self, log: OrderLog[T], creations: Creations, is_exclusive: Callable[[], bool], warn: Callable[[str], None]
    ) -> None:
        """`is_exclusive` returns whether this run is the only buyer in the account; `warn` receives warnings for the
        user."""
        self._log = log
        self._cloud = log.cloud
        self._poller = log.poller
        self._clock = log.clock
        self._lag = log.lag
        self._creations = creations
        self._is_exclusive = is_exclusive
        self._warn = warn
        self._lock = threading.Lock()
        self._looked_from: float | None = None
        self._warned: set[str] = set()

    def recover(self, key: ResourceKey, arguments: Arguments, began_at: float) -> RecoveredInstance[T] | None:
        """Finds the purchase of a creation of this resource that another run, on any machine, began and did not end.

        Raises AmbiguousPurchaseError, UnclaimedPurchaseError and CloudError.
        """
        if self._looked_from is None:
            self._looked_from = self._clock.now()
        interrupted = self._creations.interrupted(key.urn, began_at)
        orders = [self._cloud.arguments_of(creation.inputs) for creation in interrupted or ()]
        wanted = [order for order in orders if order is not None]
        if not wanted:
            return None
        while True:
            candidates = self._find_unowned(key, wanted)
            if not candidates:
                substitutes = self._substitutes_text(key, wanted)
                self._warn_once(
                    "pending",
                    "the state has creations that an earlier run has begun and not ended, but the account has no "
                    f"instance that they can have bought{substitutes}. `pulumi refresh --clear-pending-creates` "
                    "removes them from the state",
                )
                return None
            instance_id = self._choose_by_tag(key, arguments, wanted, candidates) if self._is_proven_by_tag else None
            if instance_id is None and self._is_exclusive():
                instance_id = self._choose_if_exclusive(key, arguments, wanted, candidates)
            if instance_id is None:
                if self._find_unowned(key, wanted).keys() != candidates.keys():
                    continue  # another creation of this run has just taken one
                raise UnclaimedPurchaseError(self._unclaimed_text(candidates))
            number = self._log.record_sent(key, arguments, frozenset())
            if self._log.record_bought(number, instance_id, inferred=not self._log.proves_orders):
                return RecoveredInstance(instance_id, candidates[instance_id], not self._log.proves_orders)
            self._log.discard(number)  # another creation was quicker

    @property
    def _is_proven_by_tag(self) -> bool:
        """Returns whether what an instance bears proves whose it is; anybody may choose a name."""
        cloud = self._cloud
        return self._log.proves_orders and (not isinstance(cloud, NamesInstances) or cloud.is_taken_by_name)

    def _substitutes_text(self, key: ResourceKey, wanted: list[Arguments]) -> str:
        """The unowned instances that may have been delivered instead, for a message; they prove nothing."""
        nearly = self._candidates(key, wanted, OrderMatch.NEARLY)
        owned = self._creations.find_owners(key.urn) or {} if nearly else {}
        others = {instance_id: instance for instance_id, instance in nearly.items() if instance_id not in owned}
        return f"; instances in no state that nearly match: {priced_ids_text(self._cloud, others)}" if others else ""

    def _find_unowned(self, key: ResourceKey, wanted: list[Arguments]) -> dict[str, T]:
        """The matching instances that no row of the backend and no order of the journal has, by lists further apart
        than the lag, the last of them late enough to show all orders from before this process began."""
        unowned = self._candidates(key, wanted)
        settled_at = (self._looked_from or 0.0) + self._lag * SETTLE_LAGS
        pauses = [max(settled_at - self._clock.now(), self._lag * _A_BIT_MORE / 2), self._lag * _A_BIT_MORE / 2]
        for pause in pauses:
            if not unowned:
                self._clock.sleep(pause)
                unowned = self._candidates(key, wanted)
        if unowned:
            self._clock.sleep(max(settled_at - self._clock.now(), 0.0))
            # a purchase of another run may be in its state by now
            unowned = {**unowned, **self._candidates(key, wanted)}
            owned = self._creations.find_owners(key.urn) or {}
            unowned = {instance_id: instance for instance_id, instance in unowned.items() if instance_id not in owned}
            taken_ids = self._log.claimed_ids()
            unowned = {
                instance_id: instance for instance_id, instance in unowned.items() if instance_id not in taken_ids
            }
        return unowned

    def _candidates(
        self, key: ResourceKey, wanted: list[Arguments], how: OrderMatch = OrderMatch.MAYBE
    ) -> dict[str, T]:
        listed = self._poller.snapshot(max_age=0.0).instances
        fitting = {
            instance_id: instance
            for instance_id, instance in listed.items()
            if any(self._log.may_belong_to(instance, key, ordered, how) for ordered in wanted)
        }
        if how is OrderMatch.MAYBE and isinstance(self._cloud, TagsOrders):
            fitting |= self._tagged_with_unknown_name(self._cloud, key, wanted, listed)
        if fitting and not self._log.proves_orders:
            self._log.await_answers(None)
        taken_ids = self._log.claimed_ids()
        return {instance_id: instance for instance_id, instance in fitting.items() if instance_id not in taken_ids}

    def _tagged_with_unknown_name(
        self, cloud: TagsOrders[T], key: ResourceKey, wanted: list[Arguments], listed: Mapping[str, T]
    ) -> dict[str, T]:
        """Instances with the arguments of a pending creation and the tag of a resource that no state of the backend
        has: the resource, its stack or its project may have had that name."""
        alike = {
            instance_id: (instance, ref.key)
            for instance_id, instance in listed.items()
            if (ref := cloud.order_ref(instance)) is not None
            and any(self._is_like(instance, ordered) for ordered in wanted)
        }
        states = (self._creations.all_stacks(key.urn) or ()) if alike else ()
        urns = {row.urn for state in states for row in state.rows} | {
            creation.urn for state in states for creation in state.pending
        }
        known_digests = {
            digest for urn in urns for digest in ResourceKey(key.backend, urn, key.former_backends).digests
        }
        return {
            instance_id: instance for instance_id, (instance, digest) in alike.items() if digest not in known_digests
        }

    def _choose_by_tag(
        self, key: ResourceKey, arguments: Arguments, wanted: list[Arguments], candidates: Mapping[str, T]
    ) -> str | None:
        """The candidate, if it is the only one with the resource's tag, no row of any stack has it, and all pending
        creations have these arguments: former instances of the resource bear the same tag."""
        owned = self._creations.find_owners(key.urn)
        its_own = all(self._log.may_belong_to(instance, key, arguments) for instance in candidates.values())
        alone = len(candidates) == 1 and its_own and set(wanted) == {arguments}
        return min(candidates) if alone and owned is not None and not candidates.keys() & owned.keys() else None

    def _choose_if_exclusive(
        self, key: ResourceKey, arguments: Arguments, wanted: list[Arguments], candidates: Mapping[str, T]
    ) -> str | None:
        """The candidate that is this resource's, in an account with no other buyer: there are at most as many
        candidates as pending creations, and none is older than the instance of a row of this resource. None if it is
        ambiguous."""
        states = self._creations.all_stacks(key.urn)
        if states is None or arguments not in wanted:
            return None
        others = [creation for state in states[1:] for creation in state.pending]
        interrupted = assign(candidates, [*self._creations.all_interrupted(key.urn), *others], self._may_have_bought)
        rows = [row.instance_id for state in states for row in state.rows if row.urn == key.urn and not row.external]
        listed = self._poller.snapshot(max_age=self._lag).instances
        later = [self._cloud.started_at(listed[instance_id]) for instance_id in rows if instance_id in listed]
        mine = {
            instance_id: instance for instance_id, instance in candidates.items() if self._is_like(instance, arguments)
        }
        if not mine or interrupted.is_crowded or owners_by_instance(states, key.urn).keys() & candidates.keys():
            return None
        oldest = [self._cloud.started_at(instance) for instance in mine.values()]
        if any(moment is None for moment in (*later, *oldest)):
            return None
        if later and min(moment for moment in oldest if moment is not None) <= max(
            moment for moment in later if moment is not None
        ):
            return None
        return min(mine)

    def _may_have_bought(self, creation: PendingCreation, _: str, instance: T) -> bool:
        ordered = self._cloud.arguments_of(creation.inputs)
        return ordered is not None and self._is_like(instance, ordered)

    def _is_like(self, instance: T, ordered: Arguments) -> bool:
        """Returns whether it may match by its arguments, whatever its tag."""
        if self._log.proves_orders:
            return self._cloud.arguments_of(self._cloud.reported_inputs(instance)) == ordered
        return self._log.may_belong_to(instance, ResourceKey("", ""), ordered)

    def _unclaimed_text(self, candidates: Mapping[str, T]) -> str:
        return (
            "an earlier run, perhaps on another machine, has begun to create this resource and was killed. These "
            "instances, which it may have bought, exist and are in no state of this backend: "
            f"{priced_ids_text(self._cloud, candidates)}. "
            f"{self._cloud.next_steps(candidates)} If they have nothing to do with this resource, `pulumi refresh "
            "--clear-pending-creates` removes that creation from the state"
        )

    def _warn_once(self, what: str, text: str) -> None:
        with self._lock:
            new = what not in self._warned
            self._warned.add(what)
        if new:
            self._warn(text)

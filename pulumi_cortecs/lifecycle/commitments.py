"""What an account is committed to pay per hour, including what this process is buying at this very moment.

A listing alone does not tell: what has been ordered a moment ago is not in it yet. So every order of this process is
written down before it is sent, in one step with the decision whether there is room for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pulumi_cortecs.clouds.errors import CloudError
from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.limits import Spending
from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.poller import Poller, Snapshot
from pulumi_cortecs.lifecycle.purchases import Arguments, UnclearPurchaseError

T = TypeVar("T")


@dataclass(eq=False)
class Commitment:
    """One order. `before` are the ids that were listed before it; `settled_at` is when its outcome was known."""

    hourly: Money | None
    arguments: Arguments
    before: frozenset[str]
    instance_id: str | None
    settled_at: float | None = None

    def became(self, instance_id: str) -> None:
        """Notes which instance was bought."""
        self.instance_id = instance_id


class Commitments(Generic[T]):
    """All orders of this process in one account. Threads may share it."""

    def __init__(
        self,
        poller: Poller[T],
        clock: Clock,
        lag: float,
        *,
        fits: Callable[[T, Arguments], bool],
        costs: Callable[[T], bool],
        hourly: Callable[[T], Money | None],
    ) -> None:
        """`fits` tells whether an instance may be what was ordered; `costs` whether it is billed now; `hourly` what an
        hour of it costs, None where that cannot be told."""
        self._poller = poller
        self._clock = clock
        self._lag = lag
        self._fits = fits
        self._costs = costs
        self._hourly = hourly
        self._lock = threading.Lock()
        self._orders: list[Commitment] = []

    def spending(self, hourly: Money | None, instance_id: str | None = None, *, max_age: float = 0.0) -> Spending:
        """What there is and would be, with one more at this price. `instance_id` is that of one that exists: nothing is
        added for it if it is billed already. Raises CloudError, and what `costs` and `hourly` raise."""
        seen, running = self._listed(max_age)
        with self._lock:
            return self._counted(seen, running, hourly, instance_id)

    @contextmanager
    def ordering(
        self,
        judge: Callable[[Spending], None],
        hourly: Money | None,
        arguments: Arguments = (),
        instance_id: str | None = None,
    ) -> Iterator[Commitment]:
        """A block that orders. It is entered only if `judge` does not raise, and until its outcome shows in the
        account's list nobody else is told that there is still room for what it costs.

        Raises what `spending` and `judge` raise.
        """
        seen, running = self._listed(0.0)
        with self._lock:  # to decide and to write down is one step
            judge(self._counted(seen, running, hourly, instance_id))
            order = Commitment(hourly, arguments, frozenset(seen.instances), instance_id)
            self._orders.append(order)
        try:
            yield order
        except Exception as error:
            if not _may_cost(error):
                with self._lock:
                    self._orders.remove(order)
            raise
        finally:
            order.settled_at = self._clock.now()

    def _listed(self, max_age: float) -> tuple[Snapshot[T], dict[str, Money | None]]:
        seen = self._poller.snapshot(max_age=max_age)
        return seen, {key: self._hourly(one) for key, one in seen.instances.items() if self._costs(one)}

    def _counted(
        self, seen: Snapshot[T], running: Mapping[str, Money | None], hourly: Money | None, instance_id: str | None
    ) -> Spending:
        on_its_way = tuple(order.hourly for order in self._unlisted(seen, running))
        if hourly is not None and instance_id in running:
            hourly = Money.zero(hourly.currency)
        return Spending(running, on_its_way, hourly)

    def _unlisted(self, seen: Snapshot[T], running: Mapping[str, Money | None]) -> Iterator[Commitment]:
        """The orders whose price is not in the listing. One that may be in it under an id that nobody has told us yet
        counts as listed, once."""
        unclaimed = seen.instances.keys() - {order.instance_id for order in self._orders}
        for order in self._orders:
            if order.settled_at is not None and seen.taken_at > order.settled_at + self._lag:
                continue  # whatever came of it, the list knows
            if order.instance_id is None:
                mine = (
                    key for key in sorted(unclaimed - order.before) if self._fits(seen.instances[key], order.arguments)
                )
                found = next(mine, None)
                if found is not None:
                    unclaimed = unclaimed - {found}
                    continue
            elif order.instance_id in running:
                continue
            yield order


def _may_cost(error: Exception) -> bool:
    """Whether an order that failed may have been carried out all the same."""
    return isinstance(error, UnclearPurchaseError) or (isinstance(error, CloudError) and error.may_have_taken_effect)

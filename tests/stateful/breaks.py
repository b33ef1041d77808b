"""Switches one protection of the provider off, from outside: a round has to notice. The package has no such switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock

from pulumi_cortecs.cortecs.client import ApiInstance
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle import order_log
from pulumi_cortecs.lifecycle.labels import Labels
from pulumi_cortecs.lifecycle.order_log import OrderLog
from pulumi_cortecs.lifecycle.order_recovery import OrderRecovery
from pulumi_cortecs.lifecycle.purchases import PurchasedInstance
from pulumi_cortecs.lifecycle.shared_rows import DeletionPlan
from pulumi_cortecs.provider import accounts, instance
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.kind import InstanceKind
from tests.stateful.rounds import Odds

_PATIENCE = 30.0


@contextmanager
def _id_before_wait() -> Iterator[None]:
    """Create waits for the boot before it returns the id, as most providers do."""
    buy = instance._buy

    def bought_and_waited_for(
        kind: InstanceKind, account: Account, inputs: Mapping[str, Any], quote: Any, began_at: float
    ) -> tuple[PurchasedInstance[ApiInstance], Labels]:
        bought, labels = buy(kind, account, inputs, quote, began_at)
        instance_id = bought.instance_id
        account.poller.mark_started(instance_id)
        started_at = account.clock.now()
        account.wait().until_ready(instance_id, started_at=started_at, timeout=_PATIENCE, report=lambda words: None)
        return bought, labels

    with mock.patch.object(instance, "_buy", bought_and_waited_for):
        yield


@contextmanager
def _intent() -> Iterator[None]:
    """Orders are sent without a record in the journal."""
    with mock.patch.object(OrderLog, "record_sent", return_value=None):
        yield


@contextmanager
def _gone() -> Iterator[None]:
    """One look decides, and an error is as good as an answer."""

    def find(instance_id: str, _cloud: Any, poller: Any, *_: object, **__: object) -> Any:
        try:
            return poller.snapshot(max_age=15.0).instances.get(instance_id)
        except CloudError:
            return None

    with (
        mock.patch.object(accounts, "find_or_confirm_gone", find),
        mock.patch.object(order_log, "find_or_confirm_gone", find),
    ):
        yield


_LIFECYCLE = "pulumi_cortecs.lifecycle"
_PROVIDER = "pulumi_cortecs.provider"


@contextmanager
def _refused_note() -> Iterator[None]:
    """A refusal is believed: its order is forgotten, as nothing was bought."""

    def refused(self: OrderLog[Any], number: int | None) -> None:
        self.discard(number)

    with mock.patch.object(OrderLog, "record_refused", refused):
        yield


@contextmanager
def _state() -> Iterator[None]:
    """The pending creations of a state are not looked at."""
    with mock.patch(f"{_LIFECYCLE}.creations.Creations.interrupted", return_value=[]):
        yield


@contextmanager
def _without_review() -> Iterator[None]:
    """The reported arguments of an instance are not compared with the reviewed ones."""
    with mock.patch(f"{_PROVIDER}.adoption.require_reviewed", return_value=None):
        yield


@contextmanager
def _clock() -> Iterator[None]:
    """The vendor's clock excludes an instance, whatever is known of it."""
    with mock.patch.object(OrderLog, "_is_clock_reliable", return_value=True):
        yield


@contextmanager
def _closed() -> Iterator[None]:
    """Closed orders are not asked about."""
    with mock.patch.object(OrderRecovery, "_require_nothing_unclaimed", return_value=None):
        yield


@contextmanager
def _release() -> Iterator[None]:
    """A deletion ends an instance that another row of the stack keeps."""
    with mock.patch(
        f"{_PROVIDER}.ownership.announce_deletion", side_effect=lambda instance_id: nullcontext(DeletionPlan())
    ):
        yield


@contextmanager
def _volume() -> Iterator[None]:
    """A volume is not looked for before one is created, neither in the journal nor by its name."""
    with mock.patch(f"{_PROVIDER}.crud_create.recover_by_name", return_value=None):
        yield


NEEDED: Mapping[str, Odds] = {
    "refused-note": Odds(refused=1.0),
    "state": Odds(lost_journal=1.0),
    "judged": Odds(forged=1.0),
    "clock": Odds(two_clocks=1.0),
    "closed": Odds(old_state=1.0),
    "release": Odds(adopts_own=1.0),
    "volume": Odds(volume=1.0),
}
"""With which odds a protection is needed in a hundred rounds, where those of every day are too low for that."""
BREAKS: Mapping[str, Callable[[], Any]] = {
    "id-before-wait": _id_before_wait,
    "intent": _intent,
    "gone": _gone,
    "refused-note": _refused_note,
    "state": _state,
    "judged": _without_review,
    "clock": _clock,
    "closed": _closed,
    "release": _release,
    "volume": _volume,
}

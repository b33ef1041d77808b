"""Switches one protection of the provider off, from outside: a round has to notice. The package has no such switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from pulumi_cortecs.clouds.cortecs import Instance
from pulumi_cortecs.clouds.errors import CloudError
from pulumi_cortecs.lifecycle.intents import Intents
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.cortecs import instance

_PATIENCE = 30.0


@contextmanager
def _id_before_wait() -> Iterator[None]:
    """Create waits for the boot before it returns the id, as most providers do."""
    buy = instance._buy

    def bought_and_waited_for(account: Account, inputs: Mapping[str, Any]) -> Instance:
        bought = buy(account, inputs)
        instance_id = bought.instance_id
        account.poller.began(instance_id)
        started_at = account.clock.now()
        account.wait().until_ready(instance_id, started_at=started_at, timeout=_PATIENCE, report=lambda words: None)
        return bought

    with mock.patch.object(instance, "_buy", bought_and_waited_for):
        yield


@contextmanager
def _intent() -> Iterator[None]:
    """Nothing is noted before it is ordered."""
    with mock.patch.object(Intents, "sent", return_value=None):
        yield


@contextmanager
def _gone() -> Iterator[None]:
    """One look decides, and an error is as good as an answer."""

    def find(instance_id: str, poller: Any, *_: object, **__: object) -> Any:
        try:
            return poller.snapshot(max_age=15.0).instances.get(instance_id)
        except CloudError:
            return None

    with mock.patch.object(accounts, "find", find):
        yield


BREAKS: Mapping[str, Callable[[], Any]] = {"id-before-wait": _id_before_wait, "intent": _intent, "gone": _gone}

"""The wait before an order for what it attaches: the instance that it replaces may hold that until it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.cloud import HasAttachments
from pulumi_cortecs.provider import host, session
from pulumi_cortecs.provider.accounts import Account

_TIMEOUT: Final = 300.0
_PAUSE: Final = 2.0


def wait_until_free(account: Account, inputs: Mapping[str, Any]) -> None:
    """Waits as long as an instance that is being deleted holds what the order attaches, for at most five minutes: after
    that the vendor decides.

    Raises CloudError and InterruptedWaitError.
    """
    if not isinstance(account.cloud, HasAttachments):
        return
    clock = session.current().waiting_clock
    until = clock.now() + _TIMEOUT
    while (reason := account.cloud.reason_to_wait(inputs)) and clock.now() < until:
        host.current_call().report_progress(f"waiting until it can be bought: {reason}")
        clock.sleep(_PAUSE)

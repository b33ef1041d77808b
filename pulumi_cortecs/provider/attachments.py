"""What the vendor knows before an order that would prevent it: what it attaches may be held by the instance that it
replaces, until that is gone, and quota or capacity may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.cloud import ChecksOrders, HasAttachments
from pulumi_cortecs.provider import host, session
from pulumi_cortecs.provider.accounts import Account

_TIMEOUT: Final = 300.0
_PAUSE: Final = 2.0


class NotOrderableError(Exception):
    """The vendor could not carry out the order or change now, so it was not sent. The text names the reasons."""


def require_orderable(account: Account, inputs: Mapping[str, Any], current: Mapping[str, Any] | None = None) -> None:
    """Raises NotOrderableError if the vendor could not carry out the order, or the change of a running instance's
    `current` inputs; and CloudError."""
    if isinstance(account.cloud, ChecksOrders) and (problems := account.cloud.order_problems(inputs, current)):
        raise NotOrderableError("; ".join(f"{problem.argument}: {problem.reason}" for problem in problems))


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

"""Stopping and starting an instance in place, where an answer may have got lost on the way."""

from __future__ import annotations

from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.phases import Phase
from pulumi_cortecs.provider.accounts import Account


def stop(account: Account, instance_id: str) -> None:
    """Stops an instance. A refusal because it has stopped already is as good: a lost answer is asked for again.

    Raises CloudError.
    """
    try:
        account.cloud.stop(instance_id)
    except CloudError:
        live = account.cloud.get_instance(instance_id)
        if live is None or account.cloud.phase(live) is not Phase.STOPPED:
            raise
    finally:
        account.poller.changed(instance_id)


def start(account: Account, instance_id: str) -> None:
    """Starts a stopped instance. The vendor refuses that for one that runs, which is as good. Raises CloudError."""
    try:
        account.cloud.start(instance_id)
    except CloudError:
        live = account.cloud.get_instance(instance_id)
        if live is None or account.cloud.phase(live) is Phase.STOPPED:
            raise
    finally:
        account.poller.changed(instance_id)
        account.poller.began(instance_id)

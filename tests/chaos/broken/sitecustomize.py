"""Switches one protection of the provider off, from outside: the suite has to notice.

Python imports this at its start in every process that has this folder on its PYTHONPATH. Only a dynamic provider's
process is meddled with, and only as CHAOS_BREAK says. The shipped package has no such switch.
"""

import os
import sys


def _id_before_wait() -> None:
    """Create waits for the boot before it returns the id, as most providers do."""
    from pulumi_cortecs.provider import instance

    buy = instance._buy

    def bought_and_waited_for(kind, account, inputs, quote, began_at):  # type: ignore[no-untyped-def]
        bought, labels = buy(kind, account, inputs, quote, began_at)
        instance_id = bought.instance_id
        account.poller.mark_started(instance_id)
        now = account.clock.now()
        account.wait().until_ready(instance_id, started_at=now, timeout=8, report=lambda words: None)
        return bought, labels

    instance._buy = bought_and_waited_for


def _gone() -> None:
    """One look decides, and an error is as good as an answer."""
    from pulumi_cortecs.http.errors import CloudError
    from pulumi_cortecs.provider.accounts import Account

    def find(self, instance_id, **_):  # type: ignore[no-untyped-def]
        try:
            return self.poller.snapshot(max_age=15.0).instances.get(instance_id)
        except CloudError:
            return None

    Account.find = find  # type: ignore[method-assign]


def _intent() -> None:
    """Orders of earlier runs are not looked for."""
    from pulumi_cortecs.lifecycle.order_recovery import OrderRecovery

    OrderRecovery.recover = lambda self, key, arguments, began_at: None  # type: ignore[method-assign]


def _name() -> None:
    """Each check makes a plain resource a new name, and nothing is looked for by the former one."""
    import secrets

    from pulumi_cortecs.provider import crud_create, named_resources

    named_resources.generated_name = lambda key, *_: f"{key.name}-{secrets.token_hex(3)}"  # type: ignore[assignment]
    crud_create.recover_by_name = lambda *arguments: None  # type: ignore[assignment]


_BREAKS = {"id-before-wait": _id_before_wait, "gone": _gone, "intent": _intent, "name": _name}

if "pulumi.dynamic" in sys.orig_argv and (name := os.environ.get("CHAOS_BREAK")):
    _BREAKS[name]()

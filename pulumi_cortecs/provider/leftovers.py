"""What earlier runs of this stack have bought and no state knows, told at the first call of a later process: a program
that has the resource no more would never come to it."""

from __future__ import annotations

from contextlib import suppress

from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.left_behind import left_behind
from pulumi_cortecs.provider import accounts, host, session
from pulumi_cortecs.provider.kind import InstanceKind


def report_unclaimed(kind: InstanceKind) -> None:
    """Says, once in this process and once for each order, what is left behind. It keeps nobody from anything."""
    call = host.current_call()
    stack = "::".join(call.urn.split("::")[:2])
    if not stack or not session.current().is_first(f"what is left behind of {stack} at {kind.cloud}"):
        return
    with suppress(CloudError):
        account = accounts.account(kind)
        for each in left_behind(account.log, account.intents.creations, accounts.order_key(call.urn)):
            priced = [f"{one}, {price}" for one, price in zip(each.instance_ids, each.prices, strict=True)]
            ids = " ".join(each.instance_ids)
            call.warn(
                f"an earlier run was ended while it bought {each.ordered} for {each.name} ({' or '.join(priced)}). It "
                f"is taken over when this run creates {each.name}; if the program has it no more: `pulumi-cortecs "
                f"orphans --all-stacks --delete {ids}` ends it"
            )

"""The date at which an instance ends by its ttl: of the vendor where it ends instances itself, else of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_cortecs.lifecycle.cloud import EndsInstances
from pulumi_cortecs.lifecycle.times import parse_timestamp, timestamp_after
from pulumi_cortecs.provider import host, power
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.properties import equal_values


def end_at_vendor(account: Account, olds: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, str]:
    """`expires_at`, for a cloud that deletes the instance itself then; nothing for others. Raises CloudError."""
    if not isinstance(account.cloud, EndsInstances):
        return {}
    if equal_values(olds.get("ttl", ""), inputs["ttl"]):
        return {"expires_at": str(olds.get("expires_at", ""))}
    if account.cloud.vendor_time() is None:
        account.poller.snapshot(max_age=0.0)  # the date is one of the vendor's clock, which an answer shows
    return {"expires_at": expires_at(account, inputs)}


def end_as_found(account: Account, instance: Any, recorded: str) -> str:
    """The end of its ttl, or that with which it was adopted, as its vendor has it, in the recorded spelling if it is
    the same."""
    if not isinstance(account.cloud, EndsInstances):
        return recorded
    ends_at = account.cloud.ends_at(instance)
    return recorded if parse_timestamp(ends_at) == parse_timestamp(recorded) else ends_at


def adopted_end(
    kind: InstanceKind, account: Account, instance_id: str, inputs: Mapping[str, Any], changed: frozenset[str]
) -> str:
    """Changes the arguments `changed` of an adopted instance. Returns its end: that of the program's ttl or, with a
    warning, the one that it has at its vendor. Raises CloudError."""
    cloud = account.cloud
    if not isinstance(cloud, EndsInstances):
        return expires_at(account, inputs)
    if inputs["ttl"]:
        vendor_end = end_at_vendor(account, {}, inputs)
        power.update(account, instance_id, {**inputs, **vendor_end}, changed | {"ttl"})
        return vendor_end["expires_at"]

    def end_now() -> str:
        live = cloud.get_instance(instance_id)
        return "" if live is None else cloud.ends_at(live)

    ends_at = end_now()
    if changed:
        power.update(account, instance_id, {**inputs, "expires_at": ends_at}, changed)
        ends_at = end_now()
    if ends_at:
        host.current_call().warn(
            f"{instance_id} is adopted with its end: {kind.vendor} deletes it at {ends_at}. A ttl sets another date"
        )
    return ends_at


def report_end(account: Account, instance_id: str, recorded: str) -> None:
    """Says of an instance that is gone that its vendor has deleted it at the end of its ttl, if that has come."""
    end = parse_timestamp(recorded)
    if isinstance(account.cloud, EndsInstances) and end is not None and account.vendor_now().timestamp() >= end:
        host.current_call().inform(f"{instance_id} ended by its ttl at {recorded}")


def expires_at(account: Account, inputs: Mapping[str, Any]) -> str:
    """The end of its ttl by the vendor's clock, counted from now; "" without a ttl."""
    return timestamp_after(inputs["ttl"], account.vendor_now())

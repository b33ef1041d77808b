"""The take-over of an instance that an earlier run has bought for a resource, and that no state has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_cortecs.cost.limits_file import LimitsFileError
from pulumi_cortecs.lifecycle.cloud import CanUpdate, HasDetail, HasLabels, NamesInstances, Phase, TagsOrders
from pulumi_cortecs.lifecycle.labels import NO_LABELS, Labels
from pulumi_cortecs.lifecycle.purchases import PurchasedInstance, RecoveredInstance
from pulumi_cortecs.provider import accounts, adoption, host, machine_limits, power, quote_records
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.arguments import LABELS, updatable_by_vendor
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.properties import equal_values


class TakeOverError(Exception):
    """The instance exists and is not taken over. The text says why, and how to go on."""


def take_over(
    kind: InstanceKind,
    account: Account,
    inputs: Mapping[str, Any],
    earlier: RecoveredInstance[Any],
    shown: Mapping[str, Any],
) -> tuple[PurchasedInstance[Any], Labels]:
    """Makes an instance that an earlier run has bought this resource's, changes what the program has changed in place
    since, and starts it if it is stopped. Returns it, and its labels, those of its purchase as the journal has them.
    `shown` are the inputs with the quote of the check: a change of the price is bought like any other.

    Raises CloudError, UnknownStatusError and TakeOverError.
    """
    live, call = earlier.instance, host.current_call()
    instance_id, reported = earlier.instance_id, account.cloud.reported_like(live, inputs)
    unreported = ", ".join(adoption.unreported_arguments(kind, reported))
    in_place = _changeable(kind, account, live)
    reviewed = {key: value for key, value in reported.items() if key not in in_place}
    try:
        if manager := account.cloud.manager_of(live):
            raise adoption.ReviewMismatchError(f"{manager} manages it")
        adoption.require_reviewed(kind, instance_id, reviewed, inputs)
        if isinstance(account.cloud, TagsOrders) and not account.cloud.may_be_of(live, inputs):
            raise adoption.ReviewMismatchError("it was ordered with other arguments")
        changed = changed_in_place(account, live, inputs, in_place)
        wanted = {**reported, **{key: inputs[key] for key in changed}}
        if costs := not changed.isdisjoint(kind.arguments.priced):
            quote_records.require_shown(kind, call.urn, shown, inputs["quote"])
        # what runs is counted already, at its former price
        former_inputs = reported if costs and account.cloud.phase(live) is not Phase.STOPPED else None
        with machine_limits.enforce(kind, account, wanted, instance_id, changes=former_inputs):
            if changes := changed | ({"ttl"} if "expires_at" in inputs else set()):  # its ttl counts from now
                power.update(account, instance_id, inputs, changes)
            if account.cloud.phase(live) is Phase.STOPPED:
                if unreported:  # a journal may name any stopped instance, and a start would make it cost
                    raise adoption.ReviewMismatchError(
                        f"it is stopped, and {kind.vendor} does not report its {unreported}"
                    )
                if inputs["max_price"]:
                    quote_records.require_max_price(inputs, quote_records.quoted_now(kind, inputs)["quote"])
                power.start(account, instance_id)
    except (
        LimitsFileError,
        quote_records.NoQuoteError,
        machine_limits.LimitExceededError,
        adoption.ReviewMismatchError,
    ) as error:
        raise TakeOverError(
            f"{instance_id}, which an earlier run bought before it was killed, exists and is not taken over: {error}. "
            f"`pulumi-cortecs orphans --all-stacks --delete {instance_id}` deletes it"
        ) from None
    former = account.log.labels_of(instance_id)
    if former == NO_LABELS and isinstance(account.cloud, HasLabels):  # the journal of another machine has them
        former = Labels.from_vendor(account.cloud.labels_of(live))
    labels = power.update_labels(account, instance_id, former, inputs[LABELS])
    # `up --replace` calls no diff: the engine may delete as the old one the instance that was taken over as the new one
    if (owner := adoption.claim(kind, instance_id, call.urn)) is not None:
        raise TakeOverError(f"{instance_id} has just been adopted by {owner}; two resources cannot own one instance")
    note = (
        f"; no answer named it, and it is the only one in {kind.possessive} list that fits" if earlier.inferred else ""
    )
    if unreported and not isinstance(account.cloud, TagsOrders):  # a tag says that they are those of the order
        note += f"; {kind.vendor} does not report its {unreported}, so that cannot be checked"
    call.warn(
        f"{instance_id} is taken over: an earlier run bought it, and was killed before it was recorded in the state, "
        f"or its row was removed{note}"
    )
    # this reading is from before the change
    return PurchasedInstance(instance_id, None if changed else live, earlier.inferred), labels


def _changeable(kind: InstanceKind, account: Account, live: Any) -> frozenset[str]:
    """The arguments of an instance of an earlier run that may differ from the program, because they can be changed in
    place. None unless its tag or its name proves that it is this resource's."""
    cloud, key = account.cloud, accounts.order_key(host.current_call().urn)
    if not isinstance(cloud, CanUpdate):
        return frozenset()
    ref = cloud.order_ref(live) if isinstance(cloud, TagsOrders) else None
    is_its_own = isinstance(cloud, NamesInstances) or (ref is not None and ref.key in key.digests)
    return frozenset(updatable_by_vendor(kind.arguments)) if is_its_own else frozenset()


def changed_in_place(
    account: Account, live: Any, inputs: Mapping[str, Any], in_place: frozenset[str]
) -> frozenset[str]:
    """Those of the arguments `in_place` that differ from the program. Raises CloudError."""
    cloud, reported = account.cloud, account.cloud.reported_like(live, inputs)
    if in_place and isinstance(cloud, HasDetail) and (detail := account.find_detail(cloud.id_of(live))) is not None:
        reported = {**reported, **cloud.detailed_inputs(detail, inputs)}
    return frozenset(key for key in in_place if key in reported and not equal_values(reported[key], inputs[key]))

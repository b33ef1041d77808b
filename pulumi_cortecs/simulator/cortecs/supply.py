"""What an order really gets where the vendor supplies something else: other arguments, or an id that was given out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.simulator.cortecs.instances import InstanceArgs
from pulumi_cortecs.simulator.cortecs.market import Market
from pulumi_cortecs.simulator.cortecs.orders import WORKERS
from pulumi_cortecs.simulator.faults import Fault, FaultKind
from pulumi_cortecs.simulator.refusal import Refused
from pulumi_cortecs.simulator.supplied import Reused


class Argument(str, Enum):
    """What of an order may not be heeded."""

    HARDWARE = "hardware_type_id"
    MODEL = "model_id"
    WORKERS = "num_workers"
    CONTEXT = "context_length"
    INTERVAL = "billing_interval"


ARGUMENTS: Mapping[str, type] = {
    Argument.HARDWARE.value: str,
    Argument.MODEL.value: str,
    Argument.WORKERS.value: int,
    Argument.CONTEXT.value: int,
    Argument.INTERVAL.value: BillingInterval,
}
"""Of which type each argument is."""


@dataclass(frozen=True)
class Supply:
    """What is made of an order.

    `instance_id` is an earlier one's, None for a new one; `answered_id` is what the answer says instead of the true id,
    if it lies; `made` is false where nothing is made at all.
    """

    args: InstanceArgs
    instance_id: str | None = None
    answered_id: str | None = None
    made: bool = True


def supplied(
    args: InstanceArgs, faults: Iterable[Fault], market: Market, reusable: Callable[[str], Sequence[str]]
) -> Supply:
    """The supply under these faults; `reusable` has the ids of each kind of `Reused`, the latest last.

    Raises Refused (500) for a fault that asks for what the market does not have.
    """
    supply = Supply(args)
    for fault in faults:
        if fault.kind is FaultKind.OTHER_ARGUMENT:
            supply = replace(supply, args=_other(supply.args, fault, market))
        elif fault.kind is FaultKind.REUSED_ID:
            supply = _reused(supply, fault, reusable)
    return supply


def _reused(supply: Supply, fault: Fault, reusable: Callable[[str], Sequence[str]]) -> Supply:
    of = Reused(fault.parameter("of"))
    latest = reusable(of.value)[-1]
    if of is Reused.DELETED:
        return replace(supply, instance_id=latest)
    return replace(supply, answered_id=latest, made=bool(fault.parameter("makes")))


def _other(args: InstanceArgs, fault: Fault, market: Market) -> InstanceArgs:
    argument, given = Argument(fault.parameter("argument")), fault.parameter("value")
    value: Any = _another(args, argument, market) if given == "" else given
    if argument is Argument.HARDWARE and value not in market.offers:
        raise Refused(500, f"{fault.fault_id}: the market has no hardware_type_id {value!r} that could be supplied.")
    if argument is Argument.INTERVAL:
        value = BillingInterval(value)
    changed: dict[str, Any] = {argument.value: value}
    return replace(args, **changed)


def _another(args: InstanceArgs, argument: Argument, market: Market) -> Any:
    """Some value other than the one that was ordered, always the same one."""
    if argument is Argument.WORKERS:
        return args.num_workers + 1 if args.num_workers < WORKERS[-1] else WORKERS[0]
    if argument is Argument.CONTEXT:
        return max(1, args.context_length // 2)
    if argument is Argument.INTERVAL:
        return next(each.value for each in BillingInterval if each is not args.billing_interval)
    if argument is Argument.MODEL:
        return next((each for each in market.models if each != args.model_id), args.model_id)
    fits = market.models[args.model_id].max_context if args.model_id in market.models else {}
    others = [each for each in market.offers if each != args.hardware_type_id]
    return next((each for each in others if each in fits), next(iter(others), args.hardware_type_id))

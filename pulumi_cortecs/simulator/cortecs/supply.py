"""The supply for an order under faults: with other arguments, or with a reused id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.cortecs.instances import PurchasedArgs
from pulumi_cortecs.simulator.cortecs.market import SimulatedMarket
from pulumi_cortecs.simulator.cortecs.orders import WORKERS
from pulumi_cortecs.simulator.faults import Fault, FaultKind, ReusedId


class OrderArgument(str, Enum):
    """The arguments of an order that the vendor may ignore."""

    HARDWARE = "hardware_type_id"
    MODEL = "model_id"
    WORKERS = "num_workers"
    CONTEXT = "context_length"
    INTERVAL = "billing_interval"


ARGUMENTS: Mapping[str, type] = {
    OrderArgument.HARDWARE.value: str,
    OrderArgument.MODEL.value: str,
    OrderArgument.WORKERS.value: int,
    OrderArgument.CONTEXT.value: int,
    OrderArgument.INTERVAL.value: BillingInterval,
}
"""The type of each argument."""


@dataclass(frozen=True)
class Supply:
    """The supply for an order.

    `instance_id` is that of an earlier instance, None for a new id; `answered_id` is a wrong id in the answer; `made`
    is false if no instance is made.
    """

    args: PurchasedArgs
    instance_id: str | None = None
    answered_id: str | None = None
    made: bool = True


def plan_supply(
    args: PurchasedArgs, faults: Iterable[Fault], market: SimulatedMarket, reusable: Callable[[str], Sequence[str]]
) -> Supply:
    """The supply under these faults; `reusable` has the ids of each kind of `Reused`, the latest last.

    Raises ApiError (500) for a fault whose value the market does not have.
    """
    supply = Supply(args)
    for fault in faults:
        if fault.kind is FaultKind.OTHER_ARGUMENT:
            supply = replace(supply, args=_with_other_argument(supply.args, fault, market))
        elif fault.kind is FaultKind.REUSED_ID:
            supply = _with_reused_id(supply, fault, reusable)
    return supply


def _with_reused_id(supply: Supply, fault: Fault, reusable: Callable[[str], Sequence[str]]) -> Supply:
    of = ReusedId(fault.parameter("of"))
    latest = reusable(of.value)[-1]
    if of is ReusedId.DELETED:
        return replace(supply, instance_id=latest)
    return replace(supply, answered_id=latest, made=bool(fault.parameter("makes")))


def _with_other_argument(args: PurchasedArgs, fault: Fault, market: SimulatedMarket) -> PurchasedArgs:
    argument, raw = OrderArgument(fault.parameter("argument")), fault.parameter("value")
    value: Any = _other_value(args, argument, market) if raw == "" else raw
    if argument is OrderArgument.HARDWARE and value not in market.offers:
        raise ApiError(500, f"{fault.fault_id}: the market has no hardware_type_id {value!r} that could be supplied.")
    if argument is OrderArgument.INTERVAL:
        value = BillingInterval(value)
    changed: dict[str, Any] = {argument.value: value}
    return replace(args, **changed)


def _other_value(args: PurchasedArgs, argument: OrderArgument, market: SimulatedMarket) -> Any:
    """A value other than the ordered one, always the same one."""
    if argument is OrderArgument.WORKERS:
        return args.num_workers + 1 if args.num_workers < WORKERS[-1] else WORKERS[0]
    if argument is OrderArgument.CONTEXT:
        return max(1, args.context_length // 2)
    if argument is OrderArgument.INTERVAL:
        return next(interval.value for interval in BillingInterval if interval is not args.billing_interval)
    if argument is OrderArgument.MODEL:
        return next((model for model in market.models if model != args.model_id), args.model_id)
    fits = market.models[args.model_id].max_context if args.model_id in market.models else {}
    others = [offer for offer in market.offers if offer != args.hardware_type_id]
    return next((other for other in others if other in fits), next(iter(others), args.hardware_type_id))

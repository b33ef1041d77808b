"""The validation of a start request, and the arguments that it buys (docs/apis/cortecs.md#arguments)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.cortecs.instances import PurchasedArgs
from pulumi_cortecs.simulator.cortecs.market import ModelOffer, SimulatedMarket
from pulumi_cortecs.simulator.cortecs.settings import CortecsSettings

DEFAULT_CONTEXT = 32000
DEFAULT_INTERVAL = BillingInterval.PER_MINUTE
WORKERS = range(1, 9)


@dataclass(frozen=True)
class StartOrder:
    """The arguments of a start request; None is what clients send for "not set"."""

    model_id: str
    hardware_type_id: str | None = None
    context_length: int | None = None
    billing_interval: str | None = None
    num_workers: int | None = None


def validate_order(order: StartOrder, market: SimulatedMarket, settings: CortecsSettings) -> PurchasedArgs:
    """Complete the arguments. Raises ApiError with a message that names the value and the allowed ones."""
    model = _model(order.model_id, market, settings)
    hardware_type_id = model.recommended_config if order.hardware_type_id is None else order.hardware_type_id
    longest = model.max_context.get(hardware_type_id)
    if longest is None:
        allowed = _any_of(model.max_context)
        raise ApiError(400, f"hardware_type_id {hardware_type_id!r}: {model.model_id} runs on {allowed}.")
    require_stock(hardware_type_id, market)
    context = min(DEFAULT_CONTEXT, longest) if order.context_length is None else order.context_length
    if not 1 <= context <= longest:
        raise ApiError(400, f"context_length {context}: on {hardware_type_id} expected 1 to {longest}.")
    workers = 1 if order.num_workers is None else order.num_workers
    if workers not in WORKERS:
        raise ApiError(400, f"num_workers {workers}: expected {WORKERS[0]} to {WORKERS[-1]}.")
    return PurchasedArgs(model.model_id, hardware_type_id, context, _interval(order.billing_interval), workers)


def require_stock(hardware_type_id: str, market: SimulatedMarket) -> None:
    """Raise ApiError unless the hardware is available."""
    offer = market.offers.get(hardware_type_id)
    if offer is None:
        raise ApiError(400, f"hardware_type_id {hardware_type_id!r} is not offered any more.")
    if not offer.available:
        raise out_of_stock_error(hardware_type_id)


def out_of_stock_error(hardware_type_id: str, status: int = 400) -> ApiError:
    """The refusal of an order for hardware that is out of stock; the status is an inference."""
    return ApiError(status, f"hardware_type_id {hardware_type_id!r} is not available at the moment.")


def _model(model_id: str, market: SimulatedMarket, settings: CortecsSettings) -> ModelOffer:
    model = market.models.get(model_id)
    if model is not None:
        return model
    internal = model_id.replace("/", "--")
    hint = f" Write it as {internal!r}." if internal in market.models else f" There are {_any_of(market.models)}."
    status = 400 if internal in market.models else settings.unknown_model_status
    raise ApiError(status, f"model_id {model_id!r} does not exist.{hint}")


def _interval(text: str | None) -> BillingInterval:
    if text is None:
        return DEFAULT_INTERVAL
    try:
        return BillingInterval(text)
    except ValueError:
        raise ApiError(400, f"billing_interval {text!r}: expected {_any_of(BillingInterval)}.") from None


def _any_of(values: Iterable[str]) -> str:
    names = sorted(value.value if isinstance(value, BillingInterval) else value for value in values)
    return " or ".join(names) or "none"

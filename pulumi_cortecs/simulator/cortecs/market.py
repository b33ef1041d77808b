"""The hardware types and models for rent, with prices: read from `market.yaml`, and changeable while running."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pulumi_cortecs.cost import Money, PricedHardware
from pulumi_cortecs.simulator.market_file import market_file

MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class HardwareOffer:
    """A hardware type with its price; `available`: a new worker is in stock."""

    hardware: PricedHardware
    provenance: str
    available: bool = True


@dataclass(frozen=True)
class ModelOffer:
    """A model that can be served; `max_context` is the longest context, in tokens, per hardware type id."""

    model_id: str
    screen_name: str | None
    creator: dict[str, str] | None
    description: str | None
    size: int | None
    instant_provisioned: bool
    recommended_config: str
    max_context: dict[str, int]
    provenance: str

    @property
    def hf_name(self) -> str:
        """The name on Hugging Face."""
        return hf_name(self.model_id)


def hf_name(model_id: str) -> str:
    """The vendor's rule: every "--" is a "/" (docs/apis/cortecs.md#traps)."""
    return model_id.replace("--", "/")


class SimulatedMarket:
    """The current offers and models by their ids: those of a kept state, else those of `market.yaml`."""

    def __init__(
        self,
        offers: MutableMapping[str, HardwareOffer] | None = None,
        models: MutableMapping[str, ModelOffer] | None = None,
    ) -> None:
        self.offers: MutableMapping[str, HardwareOffer] = {} if offers is None else offers
        self.models: MutableMapping[str, ModelOffer] = {} if models is None else models
        if offers is None or models is None:
            self.restock()

    def restock(self) -> None:
        """Restore the original market."""
        offers, models = _rows()
        self.offers.clear()
        self.offers.update({offer.hardware.hardware_type_id: offer for offer in offers})
        self.models.clear()
        self.models.update({model.model_id: model for model in models})

    def reprice(self, hardware_type_id: str, per_minute: Money) -> None:
        """Sets a new price per worker for later runs."""
        offer = self.offers[hardware_type_id]
        hardware = replace(offer.hardware, price_per_minute=per_minute, price_per_hour=per_minute * MINUTES_PER_HOUR)
        self.offers[hardware_type_id] = replace(offer, hardware=hardware, provenance="invented: set while running")

    def set_available(self, hardware_type_id: str, available: bool) -> None:
        """Sets whether new workers are available; a type that is out of stock stays listed."""
        self.offers[hardware_type_id] = replace(self.offers[hardware_type_id], available=available)

    def withdraw_hardware(self, hardware_type_id: str) -> None:
        """Removes a hardware type from every list and every model; its running instances continue."""
        del self.offers[hardware_type_id]
        for model in list(self.models.values()):
            remaining = {
                hardware: tokens for hardware, tokens in model.max_context.items() if hardware != hardware_type_id
            }
            recommended = model.recommended_config
            if recommended == hardware_type_id and remaining:
                recommended = min(remaining)
            self.models[model.model_id] = replace(model, max_context=remaining, recommended_config=recommended)

    def withdraw_model(self, model_id: str) -> None:
        """Removes a model from every list; its running instances continue."""
        del self.models[model_id]

    def recommend(self, model_id: str, hardware_type_id: str) -> None:
        """Changes a model's recommendation. Raises KeyError unless the model runs on that hardware."""
        model = self.models[model_id]
        if hardware_type_id not in model.max_context:
            raise KeyError(hardware_type_id)
        self.models[model_id] = replace(model, recommended_config=hardware_type_id)


@lru_cache(maxsize=1)
def _rows() -> tuple[tuple[HardwareOffer, ...], tuple[ModelOffer, ...]]:
    data = market_file("pulumi_cortecs.simulator.cortecs")
    offers = tuple(_offer(row, data["currency"]) for row in data["hardware_types"])
    return offers, tuple(_model(row) for row in data["models"])


def _offer(row: dict[str, Any], currency: str) -> HardwareOffer:
    per_minute = Money.of(row["price_per_minute"], currency)
    hardware = PricedHardware(
        hardware_type_id=row["hardware_type_id"],
        price_per_hour=per_minute * MINUTES_PER_HOUR,
        price_per_minute=per_minute,
        gpu_type=row["gpu_type"],
        num_gpus=row["num_gpus"],
        gpu_ram_gb=Decimal(row["gpu_ram_gb"]),
        cloud="cortecs",
    )
    return HardwareOffer(hardware, row["provenance"])


def _model(row: dict[str, Any]) -> ModelOffer:
    fields = {name: value for name, value in row.items() if name != "hardware_configs"}
    return ModelOffer(**fields, max_context=dict(row["hardware_configs"]))

"""Cortecs' public market as one price list, to be pinned. It takes a call per model, and no credentials."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pulumi_cortecs.cortecs.client import CLOUD, CortecsMarket, Model
from pulumi_cortecs.cost import HardwareType, RamMeaning
from pulumi_cortecs.cost.pricelist import ModelPreview, PriceList


def price_list(market: CortecsMarket, as_of: datetime, source: str = "") -> PriceList:
    """What the market rents out at this moment. `source` is the market's URL unless it is given.

    A model's hardware that is not on the price list is left out, for it cannot be bought. Raises CloudError, and
    CatalogueError for a list that cannot be true.
    """
    hardware_types = {key: _stated(row) for key, row in market.hardware_types().items()}
    models = (market.model(model_id) for model_id in market.model_ids())
    currencies = sorted({row.currency for row in hardware_types.values()})
    return PriceList(
        cloud=CLOUD,
        currency=currencies[0] if currencies else "",
        source=source or market.base_url,
        as_of=as_of.replace(microsecond=0),
        hardware_types=tuple(hardware_types[key] for key in sorted(hardware_types)),
        models=tuple(_preview(model, hardware_types) for model in sorted(models, key=lambda model: model.model_id)),
    )


def _stated(row: HardwareType) -> HardwareType:
    """With one GPU both meanings are the same; with more the vendor leaves it open (docs/apis/cortecs.md#hardware)."""
    return replace(row, gpu_ram_is=RamMeaning.TOTAL) if row.num_gpus == 1 else row


def _preview(model: Model, hardware_types: dict[str, HardwareType]) -> ModelPreview:
    contexts = {key: model.longest_context(key) for key in sorted(model.hardware_configs) if key in hardware_types}
    recommended = model.recommended_config if model.recommended_config in contexts else None
    return ModelPreview(model.model_id, recommended, contexts)

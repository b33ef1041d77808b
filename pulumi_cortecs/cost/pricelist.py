"""The hardware and models of one cloud with their prices at one moment, and the invariants of such a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final

from pulumi_cortecs.cost.hardware import PricedHardware

LOCK_FILE: Final = "catalogue.lock.yaml"
"""The default name of a catalogue file."""


class CatalogueError(ValueError):
    """The catalogue cannot be read, was edited or cut, or is inconsistent."""


@dataclass(frozen=True)
class CatalogueModel:
    """A model and its hardware (docs/apis/*.md#models).

    `hardware_configs` has the longest context, in tokens, per hardware type id; None where the vendor names no limit.
    """

    model_id: str
    recommended_config: str | None = None
    hardware_configs: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def hf_name(self) -> str:
        """The name on Hugging Face."""
        return self.model_id.replace("--", "/")


@dataclass(frozen=True)
class PriceList:
    """One cloud's part of a catalogue. `source`: the URL or name of its source; `as_of`: its time, in UTC to the
    second; `lacks_volumes`: True if there was no key for the prices of volumes, which is not known of a file.

    Raises CatalogueError for two rows of one id, a price in another currency, a row of another cloud, a model that runs
    on hardware without a row, and a time that is not UTC.
    """

    cloud: str
    currency: str
    source: str
    as_of: datetime
    hardware_types: tuple[PricedHardware, ...]
    models: tuple[CatalogueModel, ...] = ()
    lacks_volumes: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if self.as_of.utcoffset() != timedelta(0) or self.as_of.microsecond:
            raise CatalogueError(f"{self.cloud}: as_of is a time in UTC to the second, not {self.as_of.isoformat()}")
        if not self.hardware_types:
            raise CatalogueError(f"{self.cloud}: has no hardware type")
        _require_unique(self.cloud, "hardware type", (row.hardware_type_id for row in self.hardware_types))
        _require_unique(self.cloud, "model", (model.model_id for model in self.models))
        for row in self.hardware_types:
            if row.cloud != self.cloud:
                raise CatalogueError(f"{self.cloud}: {row.hardware_type_id} is a row of {row.cloud}")
            if row.currency != self.currency:
                raise CatalogueError(
                    f"{self.cloud}: {row.hardware_type_id} is priced in {row.currency}, the rest in {self.currency}"
                )
        for model in self.models:
            self._check_model(model)

    @cached_property
    def by_id(self) -> Mapping[str, PricedHardware]:
        """The hardware types by their ids."""
        return {row.hardware_type_id: row for row in self.hardware_types}

    @cached_property
    def fitting(self) -> Mapping[str, tuple[PricedHardware, ...]]:
        """The hardware of each model id, the cheapest per hour first."""
        return {
            model.model_id: tuple(sorted((self.by_id[key] for key in model.hardware_configs), key=by_price))
            for model in self.models
        }

    def _check_model(self, model: CatalogueModel) -> None:
        for key in model.hardware_configs:
            if key not in self.by_id:
                raise CatalogueError(f"{self.cloud}: {model.model_id} runs on {key}, which has no row")
        if model.recommended_config is not None and model.recommended_config not in model.hardware_configs:
            raise CatalogueError(
                f"{self.cloud}: {model.model_id} is recommended on {model.recommended_config}, where it does not run"
            )


def by_price(row: PricedHardware) -> tuple[Decimal, str]:
    """The key that sorts hardware by its price per hour, the cheapest first."""
    return row.price_per_hour.amount, row.hardware_type_id


def _require_unique(cloud: str, what: str, ids: Iterable[str]) -> None:
    unique: set[str] = set()
    for row_id in ids:
        if row_id in unique:
            raise CatalogueError(f"{cloud}: duplicate {what} {row_id}")
        unique.add(row_id)

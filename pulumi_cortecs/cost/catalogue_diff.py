"""The differences between two catalogues, and the notes of the older one that the newer one keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from enum import Enum
from typing import Any, Final, TypeVar

from pulumi_cortecs.cost.catalogue import Catalogue
from pulumi_cortecs.cost.hardware import PricedHardware
from pulumi_cortecs.cost.money import Money
from pulumi_cortecs.cost.pricelist import CatalogueModel, PriceList

T = TypeVar("T")

_FIELDS: Final = ("region", "gpu_type", "num_gpus", "gpu_ram_gb", "gpu_ram_is", "billing")
_PRICES: Final = ("price_per_hour", "price_per_minute")


class Kind(str, Enum):
    """The kind of a difference."""

    MOVED = "moved"
    NEW = "new"
    WITHDRAWN = "withdrawn"
    CHANGED = "changed"


@dataclass(frozen=True)
class Difference:
    """One difference. `what` is hardware_type, model or cloud; `field` is "" for an added or removed row; `percent` is
    the change of a price, None for every other difference."""

    cloud: str
    what: str
    id: str
    kind: Kind
    field: str = ""
    before: str = ""
    after: str = ""
    percent: Decimal | None = None

    def above(self, tolerance: Decimal) -> bool:
        """Returns whether the difference is more than a change of a price by up to `tolerance` percent."""
        return self.percent is None or abs(self.percent) > tolerance


def differences(before: Catalogue, after: Catalogue) -> tuple[Difference, ...]:
    """All differences, sorted by cloud, hardware types before models. Source, time and provenance do not count, nor do
    volumes whose prices were not asked for."""
    return tuple(_clouds(before.price_lists, after.price_lists))


def carry_over_notes(old: PriceList, new: PriceList) -> PriceList:
    """`new` with the notes of `old` on values that have not changed.

    `gpu_ram_is` goes with the memory and the number of GPUs, `provenance` with the prices; `billing` stays.
    """
    return replace(
        new, hardware_types=tuple(_with_notes(row, old.by_id.get(row.hardware_type_id)) for row in new.hardware_types)
    )


def _clouds(before: Mapping[str, PriceList], after: Mapping[str, PriceList]) -> Iterator[Difference]:
    for cloud, old, new in _pairs(before, after):
        if old is None or new is None:
            yield _added_or_removed(cloud, "cloud", cloud, old)
            continue
        for row_id, old_row, new_row in _pairs(old.by_id, new.by_id):
            if new_row is None and new.lacks_volumes and old.by_id[row_id].is_volume:
                continue
            if old_row is None or new_row is None:
                yield _added_or_removed(cloud, "hardware_type", row_id, old_row)
            else:
                yield from _row(old_row, new_row)
        old_models, new_models = ({model.model_id: model for model in prices.models} for prices in (old, new))
        for model_id, old_model, new_model in _pairs(old_models, new_models):
            if old_model is None or new_model is None:
                yield _added_or_removed(cloud, "model", model_id, old_model)
            else:
                yield from _model(cloud, old_model, new_model)


def _row(old: PricedHardware, new: PricedHardware) -> Iterator[Difference]:
    derived = old.is_minute_derived and new.is_minute_derived
    for name in _PRICES[:1] if derived else _PRICES:
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            percent = _percent(was, now)
            kind = Kind.CHANGED if percent is None else Kind.MOVED
            yield Difference(new.cloud, "hardware_type", new.hardware_type_id, kind, name, str(was), str(now), percent)
    for name in _FIELDS:
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield _changed(new.cloud, "hardware_type", new.hardware_type_id, name, was, now)


def _model(cloud: str, old: CatalogueModel, new: CatalogueModel) -> Iterator[Difference]:
    if old.recommended_config != new.recommended_config:
        names = ("recommended_config", old.recommended_config, new.recommended_config)
        yield _changed(cloud, "model", new.model_id, *names)
    for hardware_type_id, was, now in _pairs(_contexts(old), _contexts(new)):
        if was != now:
            yield _changed(cloud, "model", new.model_id, f"context on {hardware_type_id}", was, now)


def _contexts(model: CatalogueModel) -> dict[str, str]:
    return {key: f"{tokens} tokens" if tokens else "unlimited" for key, tokens in model.hardware_configs.items()}


def _pairs(before: Mapping[str, T], after: Mapping[str, T]) -> Iterator[tuple[str, T | None, T | None]]:
    for key in sorted(before.keys() | after.keys()):
        yield key, before.get(key), after.get(key)


def _added_or_removed(cloud: str, what: str, row_id: str, before: object) -> Difference:
    return Difference(cloud, what, row_id, Kind.NEW if before is None else Kind.WITHDRAWN)


def _changed(cloud: str, what: str, row_id: str, name: str, before: Any, after: Any) -> Difference:
    return Difference(cloud, what, row_id, Kind.CHANGED, name, _display(before), _display(after))


def _percent(before: Money, after: Money) -> Decimal | None:
    """The change in percent, None between two currencies."""
    if before.currency != after.currency:
        return None
    with localcontext() as context:
        context.prec = 100  # a change slightly above the tolerance must not be rounded down to it
        return (after.amount - before.amount) * 100 / before.amount


def _display(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_display, value))
    return value.value if isinstance(value, Enum) else "none" if value is None else str(value)


def _with_notes(row: PricedHardware, before: PricedHardware | None) -> PricedHardware:
    if before is None:
        return row
    row = replace(row, billing=before.billing)
    if (row.gpu_ram_gb, row.num_gpus) == (before.gpu_ram_gb, before.num_gpus):
        row = replace(row, gpu_ram_is=before.gpu_ram_is)
    if (row.price_per_hour, row.price_per_minute) == (before.price_per_hour, before.price_per_minute):
        row = replace(row, provenance=before.provenance)
    return row

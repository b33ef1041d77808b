"""What the commands of `pulumi-cortecs catalogue` print: catalogues, and what has changed in one."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_cortecs.cli.output import Table, count_text, keep_whole, make_table, spare_columns

if TYPE_CHECKING:
    from pulumi_cortecs.cost.catalogue import Catalogue
    from pulumi_cortecs.cost.catalogue_diff import Difference
    from pulumi_cortecs.cost.hardware import PricedHardware
    from pulumi_cortecs.cost.pricelist import PriceList

_MAX_ROWS: Final = 20
_WORDS: Final = ("new", "withdrawn", "dearer", "cheaper", "changed")


def catalogue_tables(catalogue: Catalogue, gpu: str = "") -> Iterator[Table | str]:
    """The prices and the models of each cloud; with `gpu`, only the prices of hardware with this in its type or id."""
    for cloud in catalogue.clouds:
        prices = catalogue.price_lists[cloud]
        title = f"{cloud}, {prices.currency}, as of {prices.as_of:%Y-%m-%d %H:%M:%S} UTC, from {prices.source}"
        hardware = make_table(title, "hardware type", "GPUs", "memory", "an hour", "a minute", "provenance")
        keep_whole(hardware, "hardware type")
        spare_columns(hardware, "provenance", "a minute", "memory")
        rows = [row for row in prices.hardware_types if gpu.lower() in f"{row.gpu_type} {row.hardware_type_id}".lower()]
        notes = list(dict.fromkeys(row.provenance for row in rows if row.provenance))
        for row in rows:
            ram = "?" if row.gpu_ram_gb is None else f"{row.gpu_ram_gb} GB ({row.gpu_ram_is.value})"
            hour, minute = row.price_per_hour.decimal_string(), row.price_per_minute.decimal_string()
            note = f"({notes.index(row.provenance) + 1})" if row.provenance else ""
            hardware.add_row(row.hardware_type_id, _gpus_text(row), ram, hour, minute, note)
        if not rows:
            yield f"{cloud}: nothing with {gpu}"
        else:
            yield hardware
            yield from (f"({number}) {note}" for number, note in enumerate(notes, start=1))
        if prices.models and not gpu:
            yield _models_table(prices)


def _models_table(prices: PriceList) -> Table:
    models = make_table(
        f"{prices.cloud}: the hardware of each model, the cheapest first", "model", "hardware: longest context"
    )
    for model in prices.models:
        fits = (
            f"{row.hardware_type_id}: {model.hardware_configs[row.hardware_type_id] or 'unlimited'}"
            for row in prices.fitting[model.model_id]
        )
        models.add_row(model.model_id, ", ".join(fits))
    return models


def _gpus_text(row: PricedHardware) -> str:
    if row.is_volume:
        return "none: a GB of a volume"
    return f"{row.num_gpus or '?'} x {row.gpu_type or '?'}" if row.num_gpus or row.gpu_type else "none: CPU"


def content_text(catalogue: Catalogue, file: Path) -> str:
    """What a new catalogue has, and the command that shows it."""
    counts = (
        count_text(len(prices.hardware_types), "price")
        + (f" and {count_text(len(prices.models), 'model')}" if prices.models else "")
        + f" of {cloud}"
        for cloud, prices in sorted(catalogue.price_lists.items())
    )
    return f"{', '.join(counts)}: `pulumi-cortecs catalogue show {shlex.quote(str(file))}` shows them"


def pulled_changes(changes: Sequence[Difference], file: Path) -> Iterator[Table | str]:
    """The table of what a pull has changed, its greatest changes of prices first; at most a screen of it."""
    if changes:
        moved_most = sorted(changes, key=lambda difference: abs(difference.percent or Decimal(0)), reverse=True)
        yield difference_table(moved_most[:_MAX_ROWS])
    if (more := len(changes) - _MAX_ROWS) > 0:
        yield f"and {more} more: `git diff {shlex.quote(str(file))}` has all, if the former file was committed"


def changes_text(changes: Sequence[Difference]) -> str:
    """How many differences there are, and how many rows are new, withdrawn, dearer, cheaper or changed otherwise."""
    rows: dict[str, set[tuple[str, ...]]] = {}
    for change in changes:
        rows.setdefault(_word(change), set()).add((change.cloud, change.what, change.id))
    counts = ", ".join(f"{len(rows[word])} {word}" for word in _WORDS if word in rows)
    return f"{count_text(len(changes), 'difference')} from the pinned prices{': ' * bool(counts)}{counts}"


def _word(change: Difference) -> str:
    if change.percent is not None:
        return "dearer" if change.percent > 0 else "cheaper"
    return change.kind.value


def difference_table(rows: Iterable[Difference]) -> Table:
    """The differences, a row each."""
    table = make_table("Differences", "cloud", "row", "", "field", "before", "after", "percent")
    keep_whole(table, "row")
    spare_columns(table, "cloud", "field", "percent")
    for difference in rows:
        table.add_row(
            difference.cloud,
            difference.id,
            difference.kind.value,
            difference.field,
            difference.before,
            difference.after,
            percent_text(difference),
        )
    return table


def percent_text(difference: Difference) -> str:
    """The change of a price in percent, "" for another difference."""
    return "" if difference.percent is None else f"{difference.percent:+.2f}"

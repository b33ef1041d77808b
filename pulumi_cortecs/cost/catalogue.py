"""The pinned price list, `catalogue.lock.yaml`: the prices of hardware and the models that it fits, reviewed like code.

Every scalar of the file is read as a string, so that prices never become binary fractions, and the digest covers every
field.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

from pulumi_cortecs.cost import catalogue_rows
from pulumi_cortecs.cost.hardware import PricedHardware
from pulumi_cortecs.cost.pricelist import CatalogueError, CatalogueModel, PriceList

__all__ = ["Catalogue", "CatalogueError", "CatalogueModel", "PriceList", "dump", "load", "read"]

MAX_BYTES: Final = 2**20
"""Bytes of a file: about three hundred times the simulator's."""
_TOO_LARGE_TEXT: Final = f"has more than {MAX_BYTES // 1024} kB, the limit of a catalogue"
_HEADER: Final = (
    "# Written by `pulumi-cortecs catalogue pull`, to be reviewed like code. Prices are per worker, without tax.\n"
    "# The digest covers every field: after an edit by hand (gpu_ram_is, provenance), pull again, which keeps both.\n"
)


@dataclass(frozen=True)
class Catalogue:
    """The price lists of one file, by cloud. Raises CatalogueError without a list, or for one under another cloud's
    name."""

    price_lists: Mapping[str, PriceList]

    def __post_init__(self) -> None:
        if not self.price_lists:
            raise CatalogueError("contains no cloud")
        for cloud, prices in self.price_lists.items():
            if prices.cloud != cloud:
                raise CatalogueError(f"the price list of {prices.cloud} is under {cloud}")

    @property
    def clouds(self) -> tuple[str, ...]:
        """The clouds of the catalogue, sorted."""
        return tuple(sorted(self.price_lists))

    @property
    def sources(self) -> Mapping[str, str]:
        """The source of the prices, by cloud."""
        return {cloud: prices.source for cloud, prices in self.price_lists.items()}

    @property
    def as_of(self) -> datetime:
        """The time of the oldest of its price lists, in UTC."""
        return min(prices.as_of for prices in self.price_lists.values())

    @cached_property
    def digest(self) -> str:
        """The sha256 over all rows and other fields, in hexadecimal."""
        canonical = json.dumps(catalogue_rows.document(self.price_lists), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def currency(self, cloud: str) -> str | None:
        """The currency of a cloud, None for an unknown cloud."""
        return self.price_lists[cloud].currency if cloud in self.price_lists else None

    def hardware(self, cloud: str, hardware_type_id: str) -> PricedHardware | None:
        """One row, or None."""
        return self.price_lists[cloud].by_id.get(hardware_type_id) if cloud in self.price_lists else None

    def hardware_types(self, cloud: str) -> tuple[PricedHardware, ...]:
        """All rows of a cloud, in the order of the file; none for an unknown cloud."""
        return self.price_lists[cloud].hardware_types if cloud in self.price_lists else ()

    def fitting(self, cloud: str, model_id: str) -> tuple[PricedHardware, ...]:
        """The hardware that a model runs on, the cheapest per hour first; empty for an unknown model.

        `model_id` as the vendor writes it, with `--` for `/`.
        """
        return self.price_lists[cloud].fitting.get(model_id, ()) if cloud in self.price_lists else ()

    def models(self, cloud: str) -> tuple[CatalogueModel, ...]:
        """All models of a cloud, in the order of the file; none for an unknown cloud."""
        return self.price_lists[cloud].models if cloud in self.price_lists else ()


def load(path: str | Path) -> Catalogue:
    """The catalogue in a file; the same content is parsed once per process. Raises CatalogueError naming the file."""
    catalogue, pinned = _read(path)
    if catalogue.digest != pinned:
        raise CatalogueError(
            f"{path}: sha256: got {pinned}, but its rows have {catalogue.digest}: the file was edited or cut. "
            "`pulumi-cortecs catalogue pull` makes a new one"
        )
    return catalogue


def read(path: str | Path) -> Catalogue:
    """Like `load`, but the digest need not match: the file may have notes that were added by hand."""
    return _read(path)[0]


def dump(catalogue: Catalogue) -> str:
    """The text of the file, sorted, so that a review shows only the changes. Raises CatalogueError if it exceeds the
    size that `load` accepts."""
    document = catalogue_rows.document(catalogue.price_lists)
    text = _HEADER + catalogue_rows.as_yaml(
        {"version": int(catalogue_rows.VERSION), "clouds": document, "sha256": catalogue.digest}
    )
    if len(text.encode()) > MAX_BYTES:
        raise CatalogueError(_TOO_LARGE_TEXT)
    return text


def _read(path: str | Path) -> tuple[Catalogue, str]:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise CatalogueError(_TOO_LARGE_TEXT)
        return _parse(content)
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror or error}") from None
    except CatalogueError as error:
        raise CatalogueError(f"{path}: {error}") from None


@lru_cache(maxsize=8)
def _parse(content: bytes) -> tuple[Catalogue, str]:
    file = catalogue_rows.read_rows(content)
    return Catalogue({cloud: file.price_list(cloud) for cloud in file.clouds}), file.sha256

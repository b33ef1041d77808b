"""The pinned catalogue as a market: what a plan is made of where the vendor cannot be reached. Nothing is bought by it.

The file is the one that PULUMI_CORTECS_CATALOGUE names, else `catalogue.lock.yaml` in the program's folder, which is
where the host runs. The program's author can write to that folder, so a plan says that its price is a catalogue's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_cortecs.cortecs.client import CLOUD, Model
from pulumi_cortecs.cost import HardwareType
from pulumi_cortecs.cost.pricelist import LOCK_FILE, CatalogueError, PriceList
from pulumi_cortecs.http.errors import UnreachableError

VARIABLE: Final = "PULUMI_CORTECS_CATALOGUE"


@dataclass(frozen=True)
class PinnedMarket:
    """Models and hardware types of a catalogue; it answers what `Market` answers, and asks nobody."""

    prices: PriceList

    @property
    def source(self) -> str:
        """What a quote by it names as its source: the same for as long as the catalogue is."""
        return f"catalogue {self.prices.as_of:%Y-%m-%d}"

    def model_ids(self) -> list[str]:
        """The ids of all models in it."""
        return [model.model_id for model in self.prices.models]

    def model(self, model_id: str) -> Model:
        """One model with the hardware it runs on. Raises StopIteration for one that is not in it."""
        found = next(model for model in self.prices.models if model.model_id == model_id)
        limits = {key: {"max_context_length": tokens} for key, tokens in found.hardware_configs.items()}
        told = {"model_id": model_id, "recommended_config": found.recommended_config, "hardware_configs": limits}
        return Model.model_validate(told)

    def hardware_types(self) -> Mapping[str, HardwareType]:
        """All hardware types by id."""
        return self.prices.by_id

    def in_stock(self) -> Mapping[str, HardwareType]:
        """All of them: no catalogue knows what is in stock, and nothing is bought by it."""
        return self.prices.by_id


def instead_of(base_url: str, error: UnreachableError, environment: Mapping[str, str], folder: Path) -> PinnedMarket:
    """What stands in for the API at `base_url`, which could not be reached.

    Raises CatalogueError for a file that is named and cannot be used, and for one in the `folder` that is not whole;
    `error` where there is none, and where the one in the folder has the prices of another API.
    """
    if VARIABLE in environment:
        prices = _prices(_named(environment[VARIABLE]))
        if not _same(prices.source, base_url):
            raise CatalogueError(f"{environment[VARIABLE]} ({VARIABLE}) {_of_another(prices, base_url)}")
        return PinnedMarket(prices)
    if not (folder / LOCK_FILE).is_file():
        raise error
    prices = _prices(folder / LOCK_FILE)
    if not _same(prices.source, base_url):
        raise UnreachableError(f"{error}; the {LOCK_FILE} of the project {_of_another(prices, base_url)}")
    return PinnedMarket(prices)


def _named(path: str) -> Path:
    if not path:
        raise CatalogueError(f"{VARIABLE} is set and names no file; unset it, if there is none")
    named = Path(path)
    if not named.is_absolute():  # the working directory is the project's, and its author's
        raise CatalogueError(f"{VARIABLE} must be an absolute path, not {path!r}")
    return named


def _prices(path: Path) -> PriceList:
    from pulumi_cortecs.cost.catalogue import load  # every provider process loads this module, and hardly ever a file

    prices = load(path).price_lists.get(CLOUD)
    if prices is None:
        raise CatalogueError(f"{path}: there is nothing of {CLOUD} in it")
    return prices


def _same(source: str, base_url: str) -> bool:
    return source.rstrip("/") == base_url


def _of_another(prices: PriceList, base_url: str) -> str:
    return f"is of {prices.source!r}, and does not stand in for {base_url}"

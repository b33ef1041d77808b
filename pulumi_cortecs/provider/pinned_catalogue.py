"""The pinned catalogue: what a plan is made of where the vendor cannot be reached. Nothing is bought by it.

The file is the one that PULUMI_CORTECS_CATALOGUE names, else `catalogue.lock.yaml` in the program's folder, which is
where the host runs. The program's author can write to that folder, so a plan says that its price is a catalogue's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pulumi_cortecs.cost.pricelist import LOCK_FILE, CatalogueError, PriceList
from pulumi_cortecs.http.errors import UnreachableError

CATALOGUE_VARIABLE: Final = "PULUMI_CORTECS_CATALOGUE"


def fallback_prices(
    cloud: str, base_url: str, error: UnreachableError, environment: Mapping[str, str], folder: Path
) -> PriceList:
    """The prices that stand in for the cloud's API at `base_url`, which could not be reached.

    Raises CatalogueError for a file that is named and cannot be used, and for one in the `folder` that is not whole;
    `error` where there is none, and where the one in the folder has the prices of another API.
    """
    if CATALOGUE_VARIABLE in environment:
        prices = _load_prices(cloud, _absolute_path(environment[CATALOGUE_VARIABLE]))
        if not _is_same_url(prices.source, base_url):
            raise CatalogueError(
                f"{environment[CATALOGUE_VARIABLE]} ({CATALOGUE_VARIABLE}) {_wrong_source_text(prices, base_url)}"
            )
        return prices
    if not (folder / LOCK_FILE).is_file():
        raise error
    prices = _load_prices(cloud, folder / LOCK_FILE)
    if not _is_same_url(prices.source, base_url):
        raise UnreachableError(f"{error}; the {LOCK_FILE} of the project {_wrong_source_text(prices, base_url)}")
    return prices


def _absolute_path(path: str) -> Path:
    if not path:
        raise CatalogueError(f"{CATALOGUE_VARIABLE} is set and names no file; unset it, if there is none")
    named = Path(path)
    if not named.is_absolute():  # the working directory is the project's, and its author's
        raise CatalogueError(f"{CATALOGUE_VARIABLE} must be an absolute path, not {path!r}")
    return named


def _load_prices(cloud: str, path: Path) -> PriceList:
    from pulumi_cortecs.cost.catalogue import load  # every provider process loads this module, and hardly ever a file

    prices = load(path).price_lists.get(cloud)
    if prices is None:
        raise CatalogueError(f"{path}: there is nothing of {cloud} in it")
    return prices


def _is_same_url(source: str, base_url: str) -> bool:
    return source.rstrip("/") == base_url


def _wrong_source_text(prices: PriceList, base_url: str) -> str:
    return f"is of {prices.source!r}, and does not stand in for {base_url}"


def quote_source(prices: PriceList) -> str:
    """The source that a quote by it names: the same for as long as the catalogue is."""
    return f"catalogue {prices.as_of:%Y-%m-%d}"

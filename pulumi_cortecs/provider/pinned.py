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

VARIABLE: Final = "PULUMI_CORTECS_CATALOGUE"


def instead_of(
    cloud: str, base_url: str, error: UnreachableError, environment: Mapping[str, str], folder: Path
) -> PriceList:
    """What stands in for the cloud's API at `base_url`, which could not be reached.

    Raises CatalogueError for a file that is named and cannot be used, and for one in the `folder` that is not whole;
    `error` where there is none, and where the one in the folder has the prices of another API.
    """
    if VARIABLE in environment:
        prices = _prices(cloud, _named(environment[VARIABLE]))
        if not _same(prices.source, base_url):
            raise CatalogueError(f"{environment[VARIABLE]} ({VARIABLE}) {_of_another(prices, base_url)}")
        return prices
    if not (folder / LOCK_FILE).is_file():
        raise error
    prices = _prices(cloud, folder / LOCK_FILE)
    if not _same(prices.source, base_url):
        raise UnreachableError(f"{error}; the {LOCK_FILE} of the project {_of_another(prices, base_url)}")
    return prices


def _named(path: str) -> Path:
    if not path:
        raise CatalogueError(f"{VARIABLE} is set and names no file; unset it, if there is none")
    named = Path(path)
    if not named.is_absolute():  # the working directory is the project's, and its author's
        raise CatalogueError(f"{VARIABLE} must be an absolute path, not {path!r}")
    return named


def _prices(cloud: str, path: Path) -> PriceList:
    from pulumi_cortecs.cost.catalogue import load  # every provider process loads this module, and hardly ever a file

    prices = load(path).price_lists.get(cloud)
    if prices is None:
        raise CatalogueError(f"{path}: there is nothing of {cloud} in it")
    return prices


def _same(source: str, base_url: str) -> bool:
    return source.rstrip("/") == base_url


def _of_another(prices: PriceList, base_url: str) -> str:
    return f"is of {prices.source!r}, and does not stand in for {base_url}"


def source_of(prices: PriceList) -> str:
    """What a quote by it names as its source: the same for as long as the catalogue is."""
    return f"catalogue {prices.as_of:%Y-%m-%d}"

"""The pinned catalogue: the source of a plan's defaults and prices while the vendor cannot be reached. Create buys
nothing at its prices.

The file is the one that PULUMI_CORTECS_CATALOGUE names, else `catalogue.lock.yaml` in the program's folder, where the
host runs. The program's author can write to that folder, so a plan names the catalogue as the source of its price.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pulumi_cortecs.cost.pricelist import LOCK_FILE, CatalogueError, PriceList
from pulumi_cortecs.cost.quote import CATALOGUE
from pulumi_cortecs.http.errors import UnreachableError
from pulumi_cortecs.provider import host, session
from pulumi_cortecs.provider.kind import Inputs, Market, Problem, ResourceKind

CATALOGUE_VARIABLE: Final = "PULUMI_CORTECS_CATALOGUE"


def complete_by_catalogue(
    kind: ResourceKind,
    pinned: Callable[[PriceList], Market],
    base_url: str,
    error: UnreachableError,
    wanted: Inputs,
    current: Inputs,
) -> tuple[dict[str, Any], list[Problem]]:
    """`wanted`, completed by the catalogue in place of the market at `base_url`, which could not be reached, and the
    problems. Warns of it once in this process. Raises what fallback_prices raises."""
    prices = fallback_prices(kind.cloud, base_url, error, os.environ, Path.cwd())
    problems: list[Problem] = []
    completed = pinned(prices).complete(wanted, current, problems)
    if session.current().is_first("the catalogue"):
        host.current_call().warn(
            f"defaults and prices are those of the catalogue of {prices.as_of:%Y-%m-%d} from {prices.source}, and "
            f"`pulumi up` would refuse to buy by them: {error}"
        )
    # the catalogue may be older than what is sought
    by = f" (by the {quote_source(prices)}: {kind.vendor} cannot be reached)"
    return completed, [replace(problem, reason=problem.reason + by) for problem in problems]


def fallback_prices(
    cloud: str, base_url: str, error: UnreachableError, environment: Mapping[str, str], folder: Path
) -> PriceList:
    """The prices that replace those of the cloud's API at `base_url`, which could not be reached.

    Raises CatalogueError for an unusable file that the variable names, and for an invalid one in the `folder`. Raises
    `error` without a file, and if the one in the folder has the prices of another API.
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
        raise CatalogueError(f"{CATALOGUE_VARIABLE} is set and names no file; name one, or unset it")
    named = Path(path)
    if not named.is_absolute():  # the working directory belongs to the project, and to its author
        raise CatalogueError(f"{CATALOGUE_VARIABLE} must be an absolute path, not {path!r}")
    return named


def _load_prices(cloud: str, path: Path) -> PriceList:
    from pulumi_cortecs.cost.catalogue import load  # every provider process imports this module, but few read a file

    prices = load(path).price_lists.get(cloud)
    if prices is None:
        raise CatalogueError(f"{path}: has no entries for {cloud}")
    return prices


def _is_same_url(source: str, base_url: str) -> bool:
    return source.rstrip("/") == base_url


def _wrong_source_text(prices: PriceList, base_url: str) -> str:
    return f"has the prices of {prices.source!r}, not of {base_url}"


def quote_source(prices: PriceList) -> str:
    """The source that its quotes name. It changes only with the catalogue."""
    return f"{CATALOGUE} {prices.as_of:%Y-%m-%d}"

"""The simulator's catalogue as if it had been pulled from any API."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pulumi_cortecs.cost import catalogue
from pulumi_cortecs.cost.catalogue import Catalogue
from pulumi_cortecs.policy.pinned import SHIPPED


def pinned_from(base_url: str, path: Path, cloud: str = "cortecs") -> Path:
    """Writes it to a file, which is returned; `base_url` is what it says it comes from."""
    prices = catalogue.load(SHIPPED / "simulator.lock.yaml").price_lists[cloud]
    path.write_text(catalogue.dump(Catalogue({prices.cloud: replace(prices, source=base_url)})), encoding="utf-8")
    return path

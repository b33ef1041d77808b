"""The catalogue that a pack judges by, or the reason why it cannot be used."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_cortecs.cost import PricedHardware
from pulumi_cortecs.cost.catalogue import Catalogue, CatalogueError, load
from pulumi_cortecs.cost.pricelist import LOCK_FILE
from pulumi_cortecs.policy.field import Field, Known, Missing, NotKnownError, malformed

SHIPPED: Final = Path(__file__).parents[1] / "catalogues"


@dataclass(frozen=True)
class PinnedPrices:
    """The pinned catalogue, or the `problem` with it: then `catalogue` is None."""

    catalogue: Catalogue | None
    problem: str = ""
    is_missing: bool = False
    """True if the problem is that there is no such file."""

    def get(self) -> Catalogue:
        """The catalogue. Raises NotKnownError without a usable one."""
        if self.catalogue is None:
            raise NotKnownError(self.problem)
        return self.catalogue

    @property
    def day(self) -> str:
        """The day of the prices: "2026-08-20"."""
        return "" if self.catalogue is None else f"{self.catalogue.as_of:%Y-%m-%d}"

    @property
    def summary(self) -> str:
        """The day and digest of the prices, or the problem with them."""
        return (
            self.problem if self.catalogue is None else f"catalogue of {self.day}, sha256 {self.catalogue.digest[:12]}"
        )

    def row(self, cloud: str, hardware_type_id: Field[str]) -> Field[PricedHardware]:
        """The hardware that an id names."""
        if not isinstance(hardware_type_id, Known):
            return hardware_type_id
        if self.catalogue is None:
            return malformed(f"the hardware {hardware_type_id.value!r}", f"cannot be looked up: {self.problem}")
        row = self.catalogue.hardware(cloud, hardware_type_id.value)
        if row is None:
            return Missing(f"the hardware {hardware_type_id.value!r}", f"is not in the catalogue of {self.day}")
        return Known(row)


def load_pinned(directory: Path, file: str = LOCK_FILE, sha256: str | None = None) -> PinnedPrices:
    """The catalogue of a pack. `file`: an absolute path, or a name that is searched in the pack's `directory`, beside
    it, and among the catalogues of this package; never in the project, which the author of a change controls. `sha256`:
    its required digest."""
    places = [place / file for place in (directory, directory.parent, SHIPPED)]
    path = next((place for place in places if place.is_file()), places[0])
    if not path.is_file():
        return PinnedPrices(None, f"{path}: no such catalogue of prices; {_way_to_prices(path)}", is_missing=True)
    try:
        catalogue = load(path)
    except CatalogueError as error:
        return PinnedPrices(None, f"the catalogue cannot be used: {error}")
    if sha256 is not None and catalogue.digest != sha256:
        return PinnedPrices(
            None,
            f"{path} has the sha256 {catalogue.digest}; the limits require {sha256}; once its prices are reviewed, "
            "write its sha256 into catalogue-digest of the limits, as `pulumi-cortecs catalogue pull --update-limits` "
            "does with a new catalogue",
        )
    return PinnedPrices(catalogue)


def _way_to_prices(path: Path) -> str:
    packs = path.parent.parent
    if packs.name == "policies" and packs.parent in SHIPPED.parents[:2]:  # a new installation empties them
        return (
            "a pack that comes with the package has no prices, so judge by a copy in your project: `pulumi-cortecs "
            f"new` writes one with prices to policy/guard, and `pulumi-cortecs catalogue pull --output "
            f"policy/guard/{path.name}` pulls today's"
        )
    return f"make one with `pulumi-cortecs catalogue pull --output {shlex.quote(str(path))}`"


pinned = load_pinned
"""The earlier name of load_pinned."""

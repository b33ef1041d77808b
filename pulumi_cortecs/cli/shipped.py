"""The files that come with the package: packs, limits and programs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1]


class NotShippedError(Exception):
    """The package is incomplete. The text names the places."""


def shipped(path: str) -> Path:
    """The path of a file that comes with the package, such as "policies/guard/run". Raises NotShippedError."""
    # in an installed package beside the code, in a clone beside the package
    places = [place / path for place in (PACKAGE, PACKAGE.parent)]
    for place in places:
        if place.exists():
            return place
    raise NotShippedError(f"{path} is neither in {places[0].parent} nor in {places[1].parent}")

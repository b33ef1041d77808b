"""Chance that can be replayed, and gone on with after a restart: its whole state is a seed and a number of draws."""

from __future__ import annotations

from collections.abc import MutableMapping
from hashlib import sha256

SEED = "seed"


class Chance:
    """Each draw follows from the seed, the name of this source and how many draws came before.

    Seed and draws stand in `tally`, under "seed" and the source's name; sources of other names do not disturb this one.
    """

    def __init__(self, name: str, tally: MutableMapping[str, int]):
        self._name = name
        self._tally = tally

    def bytes16(self) -> bytes:
        """Sixteen bytes."""
        return self._draw()[:16]

    def random(self) -> float:
        """At least 0 and below 1."""
        return (int.from_bytes(self._draw()[:8], "big") >> 11) / (1 << 53)

    def _draw(self) -> bytes:
        before = self._tally.get(self._name, 0)
        self._tally[self._name] = before + 1
        return sha256(f"{self._tally[SEED]} {self._name} {before}".encode()).digest()

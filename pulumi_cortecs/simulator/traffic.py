"""How many requests of which kind came in since the last reset, and what was refused."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

_REFUSALS_KEPT = 1000
UNLISTED = "unlisted"


@dataclass(frozen=True)
class Refusal:
    """A request that was answered with 400 or above. Neither its headers nor its body are kept."""

    method: str
    path: str
    status: int
    reason: str


class Traffic:
    """Requests counted per "METHOD /route/{template}"; requests for the simulator's own control are not counted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.refusals: deque[Refusal] = deque(maxlen=_REFUSALS_KEPT)

    def count(self, method: str, template: str) -> None:
        """A request has come in."""
        self.counts[f"{method} {template}"] += 1

    def refuse(self, method: str, template: str, refusal: Refusal) -> None:
        """The request that was counted was refused."""
        self.refused[f"{method} {template}"] += 1
        self.refusals.append(refusal)

"""The requests since the last reset: counts per route, and the refused ones."""

from __future__ import annotations

from collections import deque
from collections.abc import MutableMapping
from dataclasses import dataclass

_REFUSALS_KEPT = 1000
UNLISTED = "unlisted"


@dataclass(frozen=True)
class FailedRequest:
    """A request that was answered with 400 or above. Neither its headers nor its body are kept."""

    method: str
    path: str
    status: int
    reason: str


class RequestLog:
    """Requests counted per "METHOD /route/{template}"; requests for the simulator's own control are not counted.

    The state keeps the counts; the single refusals are of this process only.
    """

    def __init__(self, counts: MutableMapping[str, int], refused: MutableMapping[str, int]) -> None:
        self.counts = counts
        self.refused = refused
        self.refusals: deque[FailedRequest] = deque(maxlen=_REFUSALS_KEPT)

    def count(self, method: str, template: str) -> None:
        """Count a request."""
        _increment(self.counts, f"{method} {template}")

    def record_refusal(self, method: str, template: str, refusal: FailedRequest) -> None:
        """Record that a request, which is counted already, was refused."""
        _increment(self.refused, f"{method} {template}")
        self.refusals.append(refusal)

    def clear(self) -> None:
        """Forget all requests."""
        self.counts.clear()
        self.refused.clear()
        self.refusals.clear()


def _increment(counts: MutableMapping[str, int], route: str) -> None:
    counts[route] = counts.get(route, 0) + 1

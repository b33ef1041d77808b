"""The market as one process sees it: each price list asked for once in a while, however many resources are checked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from pulumi_cortecs.cortecs.client import CortecsMarket, Model, ModelPreview
from pulumi_cortecs.cost import HardwareType
from pulumi_cortecs.http.errors import UnreachableError
from pulumi_cortecs.lifecycle.clock import Clock

T = TypeVar("T")

LIVE: Final = "live"
"""What a quote names as its source when its prices are the vendor's word of today."""


class Market:
    """Models and hardware types of one base URL. Threads may share it. Every method raises CloudError.

    A vendor that could not be reached is not asked again for as long as an answer would hold: without a network, a
    preview of a hundred instances must not try in vain a hundred times.
    """

    source: Final = LIVE

    def __init__(self, market: CortecsMarket, clock: Clock, max_age: float) -> None:
        self._market = market
        self._clock = clock
        self._max_age = max_age
        self._lock = threading.Lock()
        self._asking: dict[object, threading.Lock] = {}
        self._known: dict[object, tuple[float, Any]] = {}
        self._unreachable: tuple[float, UnreachableError] | None = None

    @property
    def base_url(self) -> str:
        """Where it asks."""
        return self._market.base_url

    def model_ids(self) -> list[str]:
        """The ids of all models on offer."""
        return self._once("models", self._market.model_ids)

    def models(self) -> list[ModelPreview]:
        """All models on offer."""
        return self._once("previews", self._market.models)

    def model(self, model_id: str) -> Model:
        """One model with the hardware it runs on."""
        return self._once(("model", model_id), lambda: self._market.model(model_id))

    def hardware_types(self) -> dict[str, HardwareType]:
        """All hardware types by id."""
        return self._once("hardware", self._market.hardware_types)

    def in_stock(self) -> dict[str, HardwareType]:
        """Those that can be had now."""
        return self._once("available", self._market.available_hardware_types)

    def _once(self, key: object, ask: Callable[[], T]) -> T:
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:  # one lock per question, so that a slow answer keeps nobody waiting who asks something else
            known = self._known.get(key)
            if known is not None and self._clock.now() - known[0] <= self._max_age:
                answer: T = known[1]
                return answer
            unreachable = self._unreachable
            if unreachable is not None and self._clock.now() - unreachable[0] <= self._max_age:
                raise unreachable[1]
            try:
                answer = ask()
            except UnreachableError as error:
                self._unreachable = (self._clock.now(), error)
                raise
            self._known[key] = (self._clock.now(), answer)
            return answer

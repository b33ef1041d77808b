"""What Cortecs sells: which hardware runs a model, how long a context that takes, what is in stock, and its price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pulumi_cortecs.cortecs.client import Model
from pulumi_cortecs.cost import BillingInterval, quote
from pulumi_cortecs.provider.cortecs.arguments import VENDOR
from pulumi_cortecs.provider.kind import Inputs, Problem
from pulumi_cortecs.provider.likeness import meant
from pulumi_cortecs.provider.market import Market
from pulumi_cortecs.provider.pinned import PinnedMarket
from pulumi_cortecs.provider.properties import LATER, unknown

Offers: TypeAlias = Market | PinnedMarket

_USUAL_CONTEXT: Final = 32_000
_MOST_NAMED: Final = 12


@dataclass(frozen=True)
class InstanceMarket:
    """The market of instances, by what is on offer now or was when it was pinned. See `kind.Market`."""

    offers: Offers

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        """Hardware and context length that the model runs with, and the quote."""
        completed = dict(wanted)
        model = self._model(completed["model_id"], problems)
        if model is not None:
            completed.setdefault("hardware_type_id", _hardware_for(model, current))
        hardware_type_id = completed.setdefault("hardware_type_id", LATER)
        refusals = self._against_hardware(model, hardware_type_id)
        problems += refusals
        if model is not None and not refusals and not unknown(hardware_type_id):
            longest = model.longest_context(hardware_type_id)
            length = completed.setdefault("context_length", _context_length(longest, current))
            if not unknown(length) and longest is not None and length > longest:
                reason = f"{model.model_id} on {hardware_type_id} takes at most {longest} tokens; got {length}"
                problems.append(Problem("context_length", reason))
        completed.setdefault("context_length", LATER)
        completed["quote"], _ = self.quote(completed)
        return completed

    def availability(self, inputs: Inputs) -> list[Problem]:
        """Whether the hardware is on offer and in stock."""
        return self._against_hardware(None, inputs.get("hardware_type_id", LATER))

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        """By hardware type, billing interval and workers."""
        hardware_type_id = inputs.get("hardware_type_id")
        if unknown(hardware_type_id):
            return LATER, []
        if hardware_type_id is None:
            return {}, []
        if refusals := self._not_on_offer(hardware_type_id):
            return {}, refusals
        hardware = self.offers.hardware_types()[hardware_type_id]
        interval, workers = inputs.get("billing_interval"), inputs.get("num_workers")
        if unknown(interval, workers):
            return LATER, []
        if interval is None or workers is None:
            return {}, []
        return quote(hardware, BillingInterval(interval), int(workers), source=self.offers.source).as_property(), []

    def purchase(self, inputs: Inputs) -> dict[str, str | None]:
        """Model and hardware."""
        return {key: _fact(inputs, key) for key in ("model_id", "hardware_type_id")}

    def _model(self, model_id: Any, problems: list[Problem]) -> Model | None:
        """The model, None while it is unknown and for one that is not on offer."""
        if unknown(model_id):
            return None
        on_offer = self.offers.model_ids()
        if model_id in on_offer:
            return self.offers.model(model_id)
        problems.append(Problem("model_id", f"{VENDOR} has no model {model_id!r}{_nearest(model_id, on_offer)}"))
        return None

    def _against_hardware(self, model: Model | None, hardware_type_id: Any) -> list[Problem]:
        """Why this hardware cannot be had for the model, as far as both are known."""
        if unknown(hardware_type_id):
            return []
        fitting = sorted(self.offers.hardware_types() if model is None else model.hardware_configs)
        if hardware_type_id is None and model is not None:
            reason = f"is required: {VENDOR} recommends none for {model.model_id}; it runs on {_some(fitting)}"
        elif refusals := self._not_on_offer(hardware_type_id):
            return refusals
        elif model is not None and hardware_type_id not in model.hardware_configs:
            reason = f"{model.model_id} does not run on {hardware_type_id}; it runs on {_some(fitting)}"
        elif hardware_type_id not in (in_stock := self.offers.in_stock()):
            others = _some([each for each in fitting if each in in_stock])
            reason = f"{hardware_type_id} is out of stock; in stock is {others}"
        else:
            return []
        return [Problem("hardware_type_id", reason)]

    def _not_on_offer(self, hardware_type_id: str) -> list[Problem]:
        known = self.offers.hardware_types()
        if hardware_type_id in known:
            return []
        reason = f"{VENDOR} has no hardware type {hardware_type_id!r}{_nearest(hardware_type_id, known)}"
        return [Problem("hardware_type_id", reason)]


def _hardware_for(model: Model, current: Inputs) -> str | None:
    """What the vendor would choose; what runs now is kept as long as it fits."""
    now = current.get("hardware_type_id")
    return now if now in model.hardware_configs else model.recommended_config


def _context_length(longest: int | None, current: Inputs) -> int:
    """The usual length, or the longest that the hardware takes; what runs now is kept as long as it fits."""
    now: int | None = current.get("context_length")
    if now is not None and (longest is None or now <= longest):
        return now
    return min(_USUAL_CONTEXT, longest or _USUAL_CONTEXT)


def _fact(inputs: Mapping[str, Any], key: str) -> str | None:
    value = inputs.get(key, f"what {VENDOR} does not tell ({key})")
    return None if unknown(value) else str(value)


def _nearest(value: str, known: Iterable[str]) -> str:
    ids = sorted(known)
    near = meant(value, ids)
    return (f"; did you mean {near}?" if near else ".") + f" On offer: {_some(ids)}"


def _some(ids: Sequence[str]) -> str:
    return (", ".join(ids[:_MOST_NAMED]) + (", ..." if len(ids) > _MOST_NAMED else "")) or "nothing"

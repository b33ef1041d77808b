"""The market of Cortecs: the hardware of each model, its longest context, stock and prices. Needs no credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Final, TypeAlias

from pulumi_cortecs.cortecs import client as cortecs
from pulumi_cortecs.cortecs.client import CLOUD, VENDOR, ApiModel, CortecsPublicClient
from pulumi_cortecs.cortecs.kind import INSTANCE
from pulumi_cortecs.cost import BillingInterval, Offer, PricedHardware, RamMeaning, quote
from pulumi_cortecs.cost.pricelist import CatalogueModel, PriceList
from pulumi_cortecs.cost.suggestions import join_names, suggestion
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.answer_cache import AnswerCache
from pulumi_cortecs.provider.kind import Inputs, Problem
from pulumi_cortecs.provider.pinned_catalogue import quote_source
from pulumi_cortecs.provider.properties import UNKNOWN, is_unknown

_DEFAULT_CONTEXT: Final = 32_000
_MINUTES_PER_HOUR: Final = 60


class LiveOffers:
    """Models and hardware types that are on offer now. Every method raises CloudError."""

    def __init__(self, market: CortecsPublicClient, answers: AnswerCache) -> None:
        self._market = market
        self._get = answers.get
        self.source = answers.source

    def model_ids(self) -> list[str]:
        """The ids of all models on offer."""
        return self._get("models", self._market.model_ids)

    def models(self) -> list[cortecs.ApiModelPreview]:
        """All models on offer."""
        return self._get("previews", self._market.models)

    def model(self, model_id: str) -> ApiModel:
        """One model with its hardware."""
        return self._get(("model", model_id), lambda: self._market.model(model_id))

    def hardware_types(self) -> Mapping[str, PricedHardware]:
        """All hardware types by id."""
        return self._get("hardware", self._market.hardware_types)

    def in_stock(self) -> Mapping[str, PricedHardware]:
        """The hardware types in stock."""
        return self._get("available", self._market.available_hardware_types)


@dataclass(frozen=True)
class PinnedOffers:
    """Models and hardware types of a catalogue; the same methods as LiveOffers, without requests."""

    prices: PriceList

    @property
    def source(self) -> str:
        """The source that its quotes name."""
        return quote_source(self.prices)

    def model_ids(self) -> list[str]:
        """The ids of all models in it."""
        return [model.model_id for model in self.prices.models]

    def model(self, model_id: str) -> ApiModel:
        """One model with its hardware. Raises StopIteration for an unknown one."""
        row = next(model for model in self.prices.models if model.model_id == model_id)
        limits = {key: {"max_context_length": tokens} for key, tokens in row.hardware_configs.items()}
        body = {"model_id": model_id, "recommended_config": row.recommended_config, "hardware_configs": limits}
        return ApiModel.model_validate(body)

    def hardware_types(self) -> Mapping[str, PricedHardware]:
        """All hardware types by id."""
        return self.prices.by_id

    def in_stock(self) -> Mapping[str, PricedHardware]:
        """All hardware types: a catalogue does not know the stock, and create buys nothing at its prices."""
        return self.prices.by_id


Offers: TypeAlias = LiveOffers | PinnedOffers


@dataclass(frozen=True)
class InstanceMarket:
    """The market of instances, with live or pinned offers. See `kind.Market`."""

    offers: Offers

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        """Completes the hardware and the context length of the model, and adds the quote."""
        completed = dict(wanted)
        model = self._model(completed["model_id"], problems)
        if model is not None:
            completed.setdefault("hardware_type_id", _choose_hardware(model, current))
        hardware_type_id = completed.setdefault("hardware_type_id", UNKNOWN)
        refusals = self._hardware_problems(model, hardware_type_id)
        problems += refusals
        if model is not None and not refusals and not is_unknown(hardware_type_id):
            longest = model.max_context(hardware_type_id)
            length = completed.setdefault("context_length", _choose_context_length(longest, current))
            if not is_unknown(length) and longest is not None and length > longest:
                reason = f"{model.model_id} on {hardware_type_id} takes at most {longest} tokens; got {length}"
                problems.append(Problem("context_length", reason))
        completed.setdefault("context_length", UNKNOWN)
        completed["quote"], _ = self.quote(completed)
        return completed

    def availability(self, inputs: Inputs, _refusal: str = "", /) -> list[Problem]:
        """The problems with the hardware: not on offer, or out of stock."""
        return self._hardware_problems(None, inputs.get("hardware_type_id", UNKNOWN))

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        """The quote, by hardware type, billing interval and workers."""
        hardware_type_id = inputs.get("hardware_type_id")
        if is_unknown(hardware_type_id):
            return UNKNOWN, []
        if hardware_type_id is None:
            return {}, []
        hardware_types = self.offers.hardware_types()  # once: the next answer may be another list
        if refusals := _offer_problems(hardware_type_id, hardware_types):
            return {}, refusals
        hardware = hardware_types[hardware_type_id]
        interval, workers = inputs.get("billing_interval"), inputs.get("num_workers")
        if is_unknown(interval, workers):
            return UNKNOWN, []
        if interval is None or workers is None:
            return {}, []
        try:
            # the host returns the result of an earlier check with every number as a float
            made = quote(hardware, BillingInterval(interval), int(workers), source=self.offers.source)
        except ValueError:  # the vendor may report an interval or a number of workers that is invalid
            return {}, []
        return made.as_property(), []

    def policy_values(self, inputs: Inputs) -> dict[str, str | None]:
        """The values for allow-lists: model and hardware."""
        return {key: _policy_value(inputs, key) for key in ("model_id", "hardware_type_id")}

    def _model(self, model_id: Any, problems: list[Problem]) -> ApiModel | None:
        """The model, None while it is unknown and for one that is not on offer."""
        if is_unknown(model_id):
            return None
        on_offer = self.offers.model_ids()
        if model_id in on_offer:
            return self.offers.model(model_id)
        problems.append(Problem("model_id", f"{VENDOR} has no model {model_id!r}{suggestion(model_id, on_offer)}"))
        return None

    def _hardware_problems(self, model: ApiModel | None, hardware_type_id: Any) -> list[Problem]:
        """The reasons why this hardware is not available for the model, as far as both are known."""
        if is_unknown(hardware_type_id):
            return []
        hardware_types = self.offers.hardware_types()
        fitting = sorted(hardware_types if model is None else model.hardware_configs)
        if hardware_type_id is None and model is not None:
            reason = f"is required: {VENDOR} recommends none for {model.model_id}; it runs on {join_names(fitting)}"
        elif refusals := _offer_problems(hardware_type_id, hardware_types):
            return refusals
        elif model is not None and hardware_type_id not in model.hardware_configs:
            reason = f"{model.model_id} does not run on {hardware_type_id}; it runs on {join_names(fitting)}"
        elif hardware_type_id not in (in_stock := self.offers.in_stock()):
            others = join_names([key for key in fitting if key in in_stock])
            reason = f"{hardware_type_id} is out of stock; in stock is {others}"
        else:
            return []
        return [Problem("hardware_type_id", reason)]


def live_market(base_url: str, answers: AnswerCache) -> InstanceMarket:
    """The market by Cortecs' answers."""
    return InstanceMarket(LiveOffers(CortecsPublicClient(base_url), answers))


def pinned_market(prices: PriceList) -> InstanceMarket:
    """The market by a catalogue."""
    return InstanceMarket(PinnedOffers(prices))


def live_offers(config: Mapping[str, str]) -> LiveOffers:
    """The offers at the base URL of `config` and the environment. Raises ConfigurationError."""
    market = accounts.market(INSTANCE, config)
    assert isinstance(market, InstanceMarket)
    assert isinstance(market.offers, LiveOffers)
    return market.offers


def _offer_problems(hardware_type_id: str, hardware_types: Mapping[str, PricedHardware]) -> list[Problem]:
    if hardware_type_id in hardware_types:
        return []
    reason = f"{VENDOR} has no hardware type {hardware_type_id!r}{suggestion(hardware_type_id, hardware_types)}"
    return [Problem("hardware_type_id", reason)]


def _choose_hardware(model: ApiModel, current: Inputs) -> str | None:
    """The vendor's choice of hardware; the current one is kept as long as it fits."""
    now = current.get("hardware_type_id")
    return now if now in model.hardware_configs else model.recommended_config


def _choose_context_length(longest: int | None, current: Inputs) -> int:
    """The usual length, or the longest of the hardware; the current one is kept as long as it fits."""
    now: int | None = current.get("context_length")
    if now is not None and (longest is None or now <= longest):
        return now
    return min(_DEFAULT_CONTEXT, longest or _DEFAULT_CONTEXT)


def _policy_value(inputs: Mapping[str, Any], key: str) -> str | None:
    value = inputs.get(key, f"{key} that {VENDOR} does not report")
    return None if is_unknown(value) else str(value)


def price_list(base_url: str) -> PriceList:
    """Today's offers at a base URL, to be pinned. Raises CloudError and CatalogueError."""
    with new_client() as client:
        return fetch_price_list(CortecsPublicClient(base_url, client), datetime.now(timezone.utc))


def fetch_price_list(market: CortecsPublicClient, as_of: datetime, source: str = "") -> PriceList:
    """The offers of the market at this moment, to be pinned. It sends a request per model. `source` is the market's URL
    by default.

    It leaves out hardware of a model that is not on the price list, because it cannot be bought. Raises CloudError, and
    CatalogueError for an inconsistent list.
    """
    hardware_types = {key: _with_ram_meaning(row) for key, row in market.hardware_types().items()}
    models = (market.model(model_id) for model_id in market.model_ids())
    currencies = sorted({row.currency for row in hardware_types.values()})
    return PriceList(
        cloud=CLOUD,
        currency=currencies[0] if currencies else "",
        source=source or market.base_url,
        as_of=as_of.replace(microsecond=0),
        hardware_types=tuple(hardware_types[key] for key in sorted(hardware_types)),
        models=tuple(_preview(model, hardware_types) for model in sorted(models, key=lambda model: model.model_id)),
    )


def offers(base_url: str) -> list[Offer]:
    """The hardware types at a base URL. Sends two requests. Raises CloudError."""
    market = CortecsPublicClient(base_url)
    in_stock = market.available_hardware_types()
    return [_offer(row, row.hardware_type_id in in_stock) for row in market.hardware_types().values()]


def _offer(row: PricedHardware, available: bool) -> Offer:
    return Offer(
        cloud=CLOUD,
        id=row.hardware_type_id,
        price_per_hour=min(row.price_per_hour, row.price_per_minute * _MINUTES_PER_HOUR),
        available=available,
        gpu_type=row.gpu_type or "",
        gpu_count=row.num_gpus,
        gpu_memory_gb=row.gpu_ram_gb if row.num_gpus == 1 else None,  # docs/apis/cortecs.md#hardware
    )


def _with_ram_meaning(row: PricedHardware) -> PricedHardware:
    """The row with the meaning of its memory: with one GPU both meanings are equal; with more GPUs the vendor leaves it
    open (docs/apis/cortecs.md#hardware)."""
    return replace(row, gpu_ram_is=RamMeaning.TOTAL) if row.num_gpus == 1 else row


def _preview(model: ApiModel, hardware_types: dict[str, PricedHardware]) -> CatalogueModel:
    contexts = {key: model.max_context(key) for key in sorted(model.hardware_configs) if key in hardware_types}
    recommended = model.recommended_config if model.recommended_config in contexts else None
    return CatalogueModel(model.model_id, recommended, contexts)

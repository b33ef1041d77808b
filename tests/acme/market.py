"""The offers of Acme and their prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from pulumi_cortecs.cost import Money, Offer, PricedHardware
from pulumi_cortecs.cost.pricelist import PriceList
from pulumi_cortecs.cost.quote import LIVE, Quote
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.provider.answer_cache import AnswerCache
from pulumi_cortecs.provider.kind import Inputs, Problem
from pulumi_cortecs.provider.pinned_catalogue import quote_source
from pulumi_cortecs.provider.properties import UNKNOWN, is_unknown
from tests.acme.client import AcmeClient, Plan, plans


@dataclass(frozen=True)
class AcmeMarket:
    plans: Callable[[], Mapping[str, Plan]]
    source: str = LIVE

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        quote, refusals = self.quote(wanted)
        problems += refusals
        # the next answer may be another list
        plan = None if refusals or is_unknown(wanted["plan"]) else self.plans().get(wanted["plan"])
        zones = [UNKNOWN] if plan is None else plan.zones
        return {"zone": current.get("zone", zones[0]), **wanted, "quote": quote}

    def availability(self, inputs: Inputs, _refusal: str = "", /) -> list[Problem]:
        return self.quote(inputs)[1]

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        name = inputs.get("plan", UNKNOWN)
        if is_unknown(name):
            return UNKNOWN, []
        if (plan := self.plans().get(name)) is None:
            return {}, [Problem("plan", f"Acme has no plan {name!r}; there are {', '.join(self.plans())}")]
        hour, minute = (Money(Decimal(plan.cents_per_hour) / units, "EUR") for units in (100, 6000))
        return Quote(hour, minute, hour, self.source).as_property(), []

    def policy_values(self, inputs: Inputs) -> Mapping[str, str | None]:
        return {"plan": None if is_unknown(inputs["plan"]) else inputs["plan"]}


@dataclass(frozen=True)
class DiskMarket:
    cents_per_gb: Callable[[], int]
    source: str = LIVE

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        return {**wanted, "quote": self.quote(wanted)[0]}

    def availability(self, inputs: Inputs, _refusal: str = "", /) -> list[Problem]:
        return []

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        if is_unknown(size := inputs.get("size", UNKNOWN)):
            return UNKNOWN, []
        hour, minute = (Money(Decimal(self.cents_per_gb() * size) / units, "EUR") for units in (100, 6000))
        return Quote(hour, minute, hour, self.source).as_property(), []

    def policy_values(self, inputs: Inputs) -> Mapping[str, str | None]:
        return {}


def disks(client: AcmeClient, answers: AnswerCache) -> DiskMarket:
    return DiskMarket(lambda: answers.get("disk price", client.disk_price), answers.source)


def price_list(base_url: str) -> PriceList:
    with new_client() as client:
        offers = plans(base_url, client)
    rows = []
    for key, plan in offers.items():
        hour, minute = (Money(Decimal(plan.cents_per_hour) / units, "EUR") for units in (100, 6000))
        rows.append(PricedHardware(key, hour, minute, cloud="acme", region=plan.zones[0]))
    return PriceList("acme", "EUR", base_url, datetime.now(timezone.utc).replace(microsecond=0), tuple(rows))


def offers(base_url: str) -> list[Offer]:
    rows = [(plan, zone) for plan in plans(base_url).values() for zone in plan.zones]
    prices = [Money(Decimal(plan.cents_per_hour) / 100, "EUR") for plan, _ in rows]
    return [Offer("acme", plan.plan, price, True, zone) for (plan, zone), price in zip(rows, prices, strict=True)]


def live(base_url: str, answers: AnswerCache) -> AcmeMarket:
    return AcmeMarket(lambda: answers.get("plans", lambda: plans(base_url)), answers.source)


def pinned(prices: PriceList) -> AcmeMarket:
    rows = {key: (int(row.price_per_hour.amount * 100), [str(row.region)]) for key, row in prices.by_id.items()}
    plans_by_name = {key: Plan(plan=key, cents_per_hour=cents, zones=zones) for key, (cents, zones) in rows.items()}
    return AcmeMarket(lambda: plans_by_name, quote_source(prices))

"""The market of Gcore against a simulator: both ends of the price, regions by id or name, and what an order lacks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.output import Unknown

from pulumi_cortecs.cost import Money, catalogue
from pulumi_cortecs.cost.catalogue import Catalogue
from pulumi_cortecs.cost.pricelist import CatalogueError
from pulumi_cortecs.gcore import market as markets
from pulumi_cortecs.gcore.client import GcoreClient
from pulumi_cortecs.gcore.kind import INSTANCE
from pulumi_cortecs.gcore.market import GcoreMarket, live_market, pinned_market
from pulumi_cortecs.gcore.quota import order_problems, replicas_of, shortfalls
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.lifecycle.clock import SystemClock
from pulumi_cortecs.policy.testing import sample_catalogue
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.answer_cache import AnswerCache, VendorClock, sharing
from pulumi_cortecs.provider.kind import Problem
from pulumi_cortecs.provider.properties import UNKNOWN
from pulumi_cortecs.simulator import Simulator, running
from tests.unit.fakes import FakeClock

FLAVOR, SMALL = "inference-16vcpu-232gib-1xl40s-48gb", "inference-4vcpu-16gib"
LARGE = "inference-64vcpu-928gib-4xh100-80gb"
PREVIEW = "POST /cloud/v2/pricing/inference/deployments"


@pytest.fixture(scope="module")
def _simulator() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def sim(_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    _simulator.control.reset()
    for name, value in _simulator.env().items():
        monkeypatch.setenv(name, value)
    return _simulator


@pytest.fixture
def client(sim: Simulator) -> GcoreClient:
    return GcoreClient(credentials_of(sim))


@pytest.fixture
def market(sim: Simulator) -> GcoreMarket:
    return live_market(lambda: credentials_of(sim), AnswerCache(FakeClock(), 30.0))


def credentials_of(sim: Simulator) -> Credentials:
    return Credentials("gcore", sim.gcore_url, (os.environ["GCORE_API_KEY"], os.environ["GCORE_CLOUD_PROJECT_ID"]))


def container(region_id: Any, least: Any = 0, most: Any = 1) -> dict[str, Any]:
    return {"region_id": region_id, "scale": {"min": least, "max": most}}


def wanted(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    placed = list(containers) or [container("luxembourg-1")]
    return {"flavor_name": FLAVOR, "containers": placed, "timeout": 120, "state": "running", **more}


def quote_of(market: GcoreMarket, inputs: dict[str, Any]) -> dict[str, Any]:
    quote, problems = market.quote(inputs)
    assert problems == []
    assert isinstance(quote, dict)
    return quote


def texts(problems: list[Problem]) -> list[str]:
    return [f"{problem.property}: {problem.reason}" for problem in problems]


def test_the_quote_has_both_ends_and_the_names_of_the_regions(market: GcoreMarket) -> None:
    inputs = wanted(container(1, 1, 3), container("frankfurt-1", 0, 2))
    problems: list[Problem] = []
    completed = market.complete(inputs, {}, problems)
    assert problems == []
    assert completed == {
        **inputs,
        "quote": {
            "price_per_hour": "1.80",
            "price_per_minute": "0.03",
            "hourly_total": "9.00",
            "currency": "USD",
            "source": "live",
            "hourly_min": "1.80",
            "discount_percent": "0",
            "tax_percent": "0",
            "regions": {"1": "luxembourg-1", "26": "frankfurt-1"},
        },
    }


@pytest.mark.parametrize(("least", "floor"), [(0, "0.00"), (1, "1.80"), (2, "3.60")])
def test_the_floor_is_the_price_of_the_least_replicas(market: GcoreMarket, least: int, floor: str) -> None:
    quote = quote_of(market, wanted(container(1, least, 2)))
    assert (quote["hourly_min"], quote["hourly_total"]) == (floor, "3.60")


def test_one_price_is_asked_for_once(sim: Simulator, market: GcoreMarket) -> None:
    for _ in range(3):  # a state has every number as a float, and a region by its name is the same region
        quote_of(market, wanted(container(1.0, 2.0, 2.0)))
        quote_of(market, wanted(container("luxembourg-1", 2, 2)))
    assert sim.control.requests().counts[PREVIEW] == 1


def test_discount_and_tax_stand_in_the_quote_and_not_in_its_price(sim: Simulator, market: GcoreMarket) -> None:
    sim.control.settings(gcore_discount_percent="12.5", gcore_tax_percent="19", gcore_currency="EUR")
    quote = quote_of(market, wanted())
    assert (quote["discount_percent"], quote["tax_percent"]) == ("0.125", "19")  # a share, and percent
    assert (quote["hourly_total"], quote["currency"]) == ("1.80", "EUR")


def test_what_is_stopped_costs_nothing_until_it_is_started(market: GcoreMarket) -> None:
    quote = quote_of(market, wanted(state="stopped"))
    assert (quote["while_stopped"], quote["hourly_total"]) == ("0 while stopped", "1.80")


def test_what_is_not_known_yet_has_no_price_yet(market: GcoreMarket) -> None:
    unknown = [container(UNKNOWN), container(1, UNKNOWN, 3), UNKNOWN]
    for inputs in (wanted(flavor_name=UNKNOWN), wanted(containers=UNKNOWN), *(wanted(one) for one in unknown)):
        quote, problems = market.quote(inputs)
        assert isinstance(quote, Unknown)
        assert problems == []


def test_what_gcore_does_not_report_has_no_price_and_is_no_problem(market: GcoreMarket) -> None:
    for key in ("flavor_name", "containers"):
        assert market.quote({name: value for name, value in wanted().items() if name != key}) == ({}, [])


def test_a_misspelt_flavor_or_region_is_named_with_what_is_on_offer(market: GcoreMarket) -> None:
    quote, problems = market.quote(wanted(container("luxemburg-1"), container(2), flavor_name="inference-4vcpu-16gb"))
    assert quote == {}
    flavor, named, numbered = texts(problems)
    assert "flavor_name: Gcore has no flavor 'inference-4vcpu-16gb'; did you mean inference-4vcpu-16gib?" in flavor
    assert "containers: [0].region_id: Gcore has no inference in 'luxemburg-1'; did you mean luxembourg-1?" in named
    assert "containers: [1].region_id: Gcore has no inference in 2" in numbered
    assert "1337" in numbered


def test_a_region_by_its_number_and_by_its_name_is_one_region(market: GcoreMarket) -> None:
    (text,) = texts(market.quote(wanted(container(7), container("luxembourg-2")))[1])
    assert text == ("containers: [1].region_id: got 'luxembourg-2', which is there already; luxembourg-2 is region 7")
    twice = wanted(container(7, 0, 2), container("luxembourg-2", 0, 3))
    assert replicas_of(twice, "max", {7: "luxembourg-2"}) == {7: 5}


@pytest.mark.parametrize("status", ["hide", "error"])
def test_a_hidden_price_is_the_pinned_one_and_says_so(
    sim: Simulator, market: GcoreMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    sim.control.settings(gcore_price_status=status)
    monkeypatch.chdir(tmp_path)
    assert quote_of(market, wanted()) == {}  # without a catalogue there is none
    prices = sample_catalogue().price_lists["gcore"]
    own = Catalogue({"gcore": type(prices)(**{**vars_of(prices), "source": sim.gcore_url})})
    (tmp_path / "catalogue.lock.yaml").write_text(catalogue.dump(own))
    quote = quote_of(market, wanted(container(1, 1, 2)))
    assert (quote["hourly_total"], quote["hourly_min"], quote["source"]) == ("3.60", "1.80", "live")
    assert quote["priced_by"] == f"catalogue {prices.as_of:%Y-%m-%d}"
    # the program's author has written the file, so that limits do not believe it
    assert accounts.hourly_price(INSTANCE, wanted(), 0.0) is None
    sim.control.settings(gcore_price_status="show")
    assert accounts.hourly_price(INSTANCE, wanted(), 0.0) == Money.of("1.80", "USD")


def vars_of(prices: Any) -> dict[str, Any]:
    return {name: getattr(prices, name) for name in ("cloud", "currency", "as_of", "hardware_types", "models")}


def test_a_catalogue_prices_what_cannot_be_asked_for(sim: Simulator) -> None:
    market = pinned_market(sample_catalogue().price_lists["gcore"])
    before = sim.control.requests()
    quote = quote_of(market, wanted(container(1, 0, 2), container("anywhere-1")))
    assert (quote["hourly_total"], quote["hourly_min"]) == ("5.40", "0.00")
    assert quote["source"].startswith("catalogue 20")
    assert market.availability(wanted(), "Refused") == []
    assert market.policy_values(wanted(container(1), container("anywhere-1"), quote=quote)) == {
        "hardware_type_id": FLAVOR,
        "region": ("anywhere-1",),
    }
    assert sim.control.requests() == before


def test_allow_lists_see_names_of_regions_and_fail_closed(market: GcoreMarket) -> None:
    inputs = wanted(container(1), container("frankfurt-1"), container(UNKNOWN), UNKNOWN)
    assert market.policy_values({**inputs, "quote": UNKNOWN})["region"] == ("frankfurt-1",)
    named = {**inputs, "quote": {"source": "live", "regions": {"1": "luxembourg-1"}}}
    assert market.policy_values(named)["region"] == ("luxembourg-1", "frankfurt-1")
    unnamed, *_ = market.policy_values(wanted(container(9.0), quote={}))["region"] or ()
    assert unnamed == "region 9, which has no known name,"
    assert market.policy_values({}) == {
        "hardware_type_id": "a flavor that Gcore does not report",
        "region": ("a region that Gcore does not report",),
    }
    later = market.policy_values(wanted(flavor_name=UNKNOWN, containers=UNKNOWN))
    assert later == {"hardware_type_id": None, "region": ()}


def test_an_order_within_quota_and_capacity_lacks_nothing(client: GcoreClient) -> None:
    assert shortfalls(client, wanted(container(1, 0, 300)), None) == []
    for vague in (wanted(containers=UNKNOWN), {"timeout": 120}, wanted(container("nowhere-1")), wanted(container(2))):
        assert shortfalls(client, vague, None) == []


def test_a_new_account_is_told_how_to_ask_for_quota(sim: Simulator, client: GcoreClient) -> None:
    sim.control.settings(gcore_gpu_quota=0)
    (problem,) = order_problems(client, wanted(container(1, 0, 2)), None)
    assert (problem.argument, problem.is_final) == ("flavor_name", False)
    assert problem.reason == (
        "2 more of inference_gpu_l40s_count are needed, and the quota is 0, as on every new account; ask for more in "
        "Gcore's portal, at Quotas, or its support: it mostly answers within 15 minutes"
    )


def test_a_change_needs_quota_for_what_it_adds_only(sim: Simulator, client: GcoreClient) -> None:
    sim.control.settings(gcore_gpu_quota=3)
    running_now = wanted(container(1, 0, 2.0))
    body = {"name": "chat-1", "image": "vllm/vllm-openai:latest", "listening_port": 8000, "flavor_name": FLAVOR}
    client.create_deployment({**body, "containers": [container(1, 0, 2)]})
    assert shortfalls(client, wanted(container(1, 0, 3)), running_now) == []
    (text,) = texts(shortfalls(client, wanted(container(1, 0, 4)), running_now))
    assert text.startswith("flavor_name: 2 more of inference_gpu_l40s_count are needed, and the quota is 3, of which 2")


def test_a_region_without_room_is_refused_with_others_that_have_some(sim: Simulator, market: GcoreMarket) -> None:
    sim.control.set_gcore_capacity(FLAVOR, 1, 26)
    sim.control.set_gcore_capacity(FLAVOR, 0, 52)
    inputs = wanted(container(1, 0, 9), container("frankfurt-1", 2, 9))
    assert market.availability(inputs) == []  # nothing was refused
    (problem,) = market.availability(inputs, "Refused")
    assert texts([problem]) == [
        f"containers: frankfurt-1 has room for 1 replicas of {FLAVOR}, and 2 would start at once"
    ]
    assert [one.text for one in problem.alternatives] == [
        "luxembourg-2 (room for 42)",
        "test-region-1 (room for 42)",
        "santa-clara-1 (room for 24)",
    ]
    first = problem.alternatives[0].inputs
    assert first["containers"] == [container(1, 0, 9), container("luxembourg-2", 2, 9)]
    assert market.policy_values({**first, "quote": {"regions": {"1": "luxembourg-1"}}})["region"] == (
        "luxembourg-1",
        "luxembourg-2",
    )


@pytest.mark.parametrize(
    ("before", "now", "short"),
    [
        (container(26, 1, 1), container(26, 1, 9), False),
        (container(26, 0, 1), container(26, 1, 1), False),
        (container(26, 1, 1), container(26, 2, 2), True),
        (container(1, 1, 1), container(26, 0, 1), True),
    ],
)
def test_a_change_needs_room_for_what_would_start(
    sim: Simulator, client: GcoreClient, before: dict[str, Any], now: dict[str, Any], short: bool
) -> None:
    sim.control.set_gcore_capacity(FLAVOR, 0, 26)
    assert bool(shortfalls(client, wanted(now), wanted(before))) == short
    assert shortfalls(client, wanted(now), wanted(before, flavor_name=SMALL)) != []


def test_a_catalogue_has_each_flavor_at_its_price(sim: Simulator) -> None:
    prices = markets.price_list(sim.gcore_url)
    assert (prices.currency, prices.source, prices.models) == ("USD", sim.gcore_url, ())
    row = prices.by_id[LARGE]
    assert (row.price_per_hour, row.gpu_type, row.num_gpus, row.region) == (Money.of("15.12", "USD"), "H100", 4, None)
    assert row.total_ram_gb() == (320, 320)
    small = prices.by_id[SMALL]
    assert (small.gpu_type, small.num_gpus, small.gpu_ram_gb) == (None, None, None)
    sim.control.settings(gcore_price_status="hide")
    with pytest.raises(CatalogueError, match="shows this account no price"):
        markets.price_list(sim.gcore_url)


def test_offers_are_flavors_in_regions(sim: Simulator) -> None:
    rows = {(offer.id, offer.region): offer for offer in markets.offers(sim.gcore_url)}
    assert len(rows) == 8 * 6
    offer = rows[LARGE, "luxembourg-1"]
    assert (offer.price_per_hour, offer.gpu_type, offer.gpu_count, offer.gpu_memory_gb) == (
        Money.of("15.12", "USD"),
        "H100",
        4,
        80,
    )
    assert offer.available
    assert not rows[LARGE, "frankfurt-1"].available


def test_without_a_key_there_is_no_market() -> None:
    def missing() -> Credentials:
        raise AssertionError("asked")

    market = live_market(missing, AnswerCache(SystemClock(), 30.0))
    with pytest.raises(AssertionError, match="asked"):
        market.quote(wanted())


def test_orders_that_come_at_once_share_the_answers_about_quota_and_room(client: GcoreClient) -> None:
    sent: list[str] = []
    times = [100.0]

    class Counting:
        def vendor_time(self) -> float:
            return times[0]

        def __getattr__(self, name: str) -> Any:
            def call(*args: Any) -> Any:
                sent.append(name)
                return getattr(client, name)(*args)

            return call

    counting: Any = Counting()
    supply = sharing(counting, AnswerCache(VendorClock(counting), 5.0))
    for _ in range(3):
        assert order_problems(supply, wanted(container(1, 0, 2)), None) == []
    assert sorted(sent) == ["capacity", "check_limits", "regions"]
    times[0] += 6
    order_problems(supply, wanted(container(1, 0, 2)), None)
    assert len(sent) == 6

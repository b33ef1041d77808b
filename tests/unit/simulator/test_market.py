"""The data of the simulated market holds together, and says of every row where it is from."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator import SimulatorSettings
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.cortecs.instances import PurchasedArgs
from pulumi_cortecs.simulator.cortecs.market import SimulatedMarket
from pulumi_cortecs.simulator.cortecs.orders import StartOrder, validate_order

QWEN = "Qwen--Qwen2-7B-Instruct"


@pytest.fixture
def market() -> SimulatedMarket:
    return SimulatedMarket()


def test_an_hour_is_sixty_minutes(market: SimulatedMarket) -> None:
    assert market.offers
    for offer in market.offers.values():
        assert offer.hardware.price_per_hour == offer.hardware.price_per_minute * 60


def test_only_the_documented_price_calls_itself_a_fact(market: SimulatedMarket) -> None:
    facts = [name for name, offer in market.offers.items() if offer.provenance.startswith("fact")]
    assert facts == ["NVIDIA_L4_1"]
    assert market.offers["NVIDIA_L4_1"].hardware.price_per_hour == Money(Decimal("1.2"), "EUR")
    for name, offer in market.offers.items():
        assert name in facts or offer.provenance.startswith("invented price")


def test_every_model_runs_on_what_is_offered_and_on_what_it_recommends(market: SimulatedMarket) -> None:
    assert market.models
    for model in market.models.values():
        assert model.recommended_config in model.max_context
        assert set(model.max_context) <= set(market.offers)
        assert "/" not in model.model_id
        assert model.provenance


def test_what_the_vendors_own_tests_need_is_there(market: SimulatedMarket) -> None:
    qwen = market.models[QWEN]
    assert qwen.hf_name == "Qwen/Qwen2-7B-Instruct"
    assert qwen.recommended_config == "NVIDIA_L4_1"
    assert 32000 <= qwen.max_context["NVIDIA_L4_1"] < 64000
    assert "NVIDIA_L4_2" in qwen.max_context


def test_one_markets_changes_are_not_anothers(market: SimulatedMarket) -> None:
    market.reprice("NVIDIA_L4_1", Money(Decimal("0.5"), "EUR"))
    market.withdraw_hardware("NVIDIA_L4_2")
    market.recommend(QWEN, "NVIDIA_L40S_1")
    fresh = SimulatedMarket()
    assert fresh.offers["NVIDIA_L4_1"].hardware.price_per_hour == Money(Decimal("1.2"), "EUR")
    assert "NVIDIA_L4_2" in fresh.models[QWEN].max_context
    assert fresh.models[QWEN].recommended_config == "NVIDIA_L4_1"


def test_a_changed_price_does_not_pass_for_a_fact(market: SimulatedMarket) -> None:
    market.reprice("NVIDIA_L4_1", Money(Decimal("0.03"), "EUR"))
    assert market.offers["NVIDIA_L4_1"].provenance.startswith("invented")


def test_withdrawn_hardware_leaves_every_model(market: SimulatedMarket) -> None:
    before = set(market.models)
    market.withdraw_hardware("NVIDIA_L4_1")
    assert set(market.models) == before
    assert QWEN in before
    for model in market.models.values():
        assert "NVIDIA_L4_1" not in model.max_context
        assert model.recommended_config in model.max_context


def test_a_model_cannot_recommend_what_it_does_not_run_on(market: SimulatedMarket) -> None:
    with pytest.raises(KeyError):
        market.recommend(QWEN, "NVIDIA_H100_2")


def order(market: SimulatedMarket, *, settings: SimulatorSettings | None = None, **wanted: object) -> PurchasedArgs:
    return validate_order(StartOrder(**{"model_id": QWEN, **wanted}), market, settings or SimulatorSettings())  # type: ignore[arg-type]


def test_what_is_not_set_becomes_the_default(market: SimulatedMarket) -> None:
    bought = order(market)
    assert (bought.hardware_type_id, bought.context_length, bought.billing_interval.value, bought.num_workers) == (
        "NVIDIA_L4_1",
        32000,
        "per_minute",
        1,
    )


def test_the_default_context_fits_the_hardware(market: SimulatedMarket) -> None:
    bought = order(market, model_id="cortecs--phi-4-FP8-Dynamic")
    assert bought.context_length == 16384


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"hardware_type_id": "NVIDIA_H100_1"}, "NVIDIA_L40S_1 or NVIDIA_L4_1 or NVIDIA_L4_2"),
        ({"hardware_type_id": ""}, "''"),
        ({"context_length": 32769}, "1 to 32768"),
        ({"context_length": 0}, "1 to 32768"),
        ({"context_length": -5}, "1 to 32768"),
        ({"billing_interval": "per_second"}, "per_hour or per_minute"),
        ({"num_workers": 0}, "1 to 8"),
        ({"num_workers": 9}, "1 to 8"),
        ({"model_id": "Qwen/Qwen2-7B-Instruct"}, "'Qwen--Qwen2-7B-Instruct'"),
        ({"model_id": "nobody--nothing"}, "Qwen--Qwen2-7B-Instruct"),
    ],
)
def test_a_refused_order_names_the_value_and_what_is_allowed(
    wanted: dict[str, object], message: str, market: SimulatedMarket
) -> None:
    with pytest.raises(ApiError) as refused:
        order(market, **wanted)
    assert refused.value.status == 400
    assert message in refused.value.message


@pytest.mark.parametrize("edge", [{"context_length": 1}, {"context_length": 32768}, {"num_workers": 8}])
def test_the_edges_are_allowed(edge: dict[str, object], market: SimulatedMarket) -> None:
    bought = order(market, **edge)
    assert {name: getattr(bought, name) for name in edge} == edge


def test_the_status_of_an_unknown_model_is_a_knob(market: SimulatedMarket) -> None:
    with pytest.raises(ApiError) as refused:
        order(market, model_id="nobody--nothing", settings=SimulatorSettings(unknown_model_status=404))
    assert refused.value.status == 404


def test_what_is_out_of_stock_is_refused_but_stays_listed(market: SimulatedMarket) -> None:
    market.set_available("NVIDIA_L4_1", False)
    with pytest.raises(ApiError, match="not available"):
        order(market)
    assert "NVIDIA_L4_1" in market.offers
    order(market, hardware_type_id="NVIDIA_L4_2")

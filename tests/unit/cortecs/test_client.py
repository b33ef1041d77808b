"""The Cortecs client: each call against the simulator, and what real answers may look like besides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pulumi_cortecs.cortecs.client import ApiInstance, ApiInstanceArgs, CortecsClient, CortecsPublicClient
from pulumi_cortecs.cost import Money
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import (
    BadAnswerError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
)
from pulumi_cortecs.simulator import Simulator
from tests.unit.fakes import Script, answer

QWEN = "Qwen--Qwen2-7B-Instruct"
ORDER = ApiInstanceArgs(model_id=QWEN, num_workers=2)


@pytest.fixture
def client(simulator: Simulator) -> Iterator[CortecsClient]:
    simulator.control.pause()
    with new_client() as http:
        yield CortecsClient(Credentials("cortecs", simulator.base_url, ("sim", "sim")), http)


@pytest.fixture
def market(simulator: Simulator) -> Iterator[CortecsPublicClient]:
    with new_client() as http:
        yield CortecsPublicClient(simulator.base_url, http)


def test_an_instance_lives_from_start_to_delete(client: CortecsClient, simulator: Simulator) -> None:
    started = client.create_instance(ORDER)
    instance_id = started.instance_id
    assert (started.instance_status.status, started.base_url) == ("pending", None)
    assert started.instance_args == ApiInstanceArgs(
        model_id=QWEN,
        hardware_type_id="NVIDIA_L4_1",
        context_length=32000,
        billing_interval="per_minute",
        num_workers=2,
    )
    assert [worker.init_progress.current_step for worker in started.worker_statuses if worker.init_progress] == [1, 1]
    simulator.control.advance(18)
    running = client.instance(instance_id)
    assert running.instance_status.status == "running"
    assert running.base_url == f"{simulator.url}/serve/{instance_id}/v1"
    assert client.instances() == {instance_id: running}
    stopped = client.stop_instance(instance_id)
    assert stopped.instance_status.status == "stopped"
    assert stopped.instance_status.stopped_at is not None
    assert all(worker.init_progress is None for worker in stopped.worker_statuses)
    assert client.start_instance(instance_id).instance_status.status == "pending"
    with pytest.raises(RefusedError, match="only stopped instances"):
        client.delete_instance(instance_id)
    client.stop_instance(instance_id)
    client.delete_instance(instance_id)
    assert client.instances() == {}
    with pytest.raises(NotFoundError):
        client.instance(instance_id)
    assert simulator.control.instances() == ()


def test_an_account_sees_its_own_instances_only(client: CortecsClient, simulator: Simulator) -> None:
    client.create_instance(ORDER)
    simulator.control.register("other", "s")
    with new_client() as http:
        assert CortecsClient(Credentials("cortecs", simulator.base_url, ("other", "s")), http).instances() == {}


def test_a_wrong_secret_is_unauthorized(simulator: Simulator) -> None:
    with new_client() as http:
        stranger = CortecsClient(Credentials("cortecs", simulator.base_url, ("sim", "not-the-secret")), http)
        with pytest.raises(UnauthorizedError) as raised:
            stranger.create_instance(ORDER)
    assert "not-the-secret" not in str(raised.value)
    assert simulator.control.instances() == ()


def test_tokens_that_expire_in_use_cost_one_new_token(client: CortecsClient, simulator: Simulator) -> None:
    client.instances()
    simulator.control.expire_tokens()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: client.instances(), range(16))) == [{}] * 16
    assert simulator.control.requests().count("POST /api/v1/oauth2/token") == 2


def test_a_start_that_finds_its_token_expired_is_not_sent_again_unlooked(
    client: CortecsClient, simulator: Simulator
) -> None:
    simulator.control.fault("token_expiry", count=1, path="/instances/start")
    with pytest.raises(UnauthorizedError):
        client.create_instance(ORDER)
    assert simulator.control.instances() == ()
    client.create_instance(ORDER)  # with a new one
    assert len(simulator.control.instances()) == 1


def test_a_refused_start_says_why_and_buys_nothing(client: CortecsClient, simulator: Simulator) -> None:
    with pytest.raises(RefusedError, match="num_workers 9") as raised:
        client.create_instance(ApiInstanceArgs(model_id=QWEN, num_workers=9))
    assert not raised.value.may_have_taken_effect
    assert simulator.control.instances() == ()


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [("lost_answer", {}), ("malformed_json", {}), ("server_error", {"after_side_effect": True})],
)
def test_a_start_whose_answer_is_bad_has_bought_exactly_one(
    fault: str, parameters: dict[str, Any], client: CortecsClient, simulator: Simulator
) -> None:
    simulator.control.fault(fault, path="/instances/start", **parameters)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each fault has an error class of its own
        client.create_instance(ORDER)
    assert raised.value.may_have_taken_effect  # type: ignore[attr-defined]
    assert len(simulator.control.instances()) == 1


def test_reads_and_stops_weather_lost_answers(client: CortecsClient, simulator: Simulator) -> None:
    instance_id = client.create_instance(ORDER).instance_id
    simulator.control.fault("lost_answer", count=1, path="/instances")
    simulator.control.fault("malformed_json", count=1, path=f"/instances/{instance_id}")
    simulator.control.fault("server_error", count=1, path="/instances/stop", after_side_effect=True)
    assert client.instances().keys() == {instance_id}
    assert client.instance(instance_id).instance_id == instance_id
    assert client.stop_instance(instance_id).instance_status.status == "stopped"


def test_the_market_needs_no_credentials(market: CortecsPublicClient, simulator: Simulator) -> None:
    assert market.base_url == simulator.base_url
    assert QWEN in market.model_ids()
    model = market.model(QWEN)
    assert model.recommended_config == "NVIDIA_L4_1"
    assert set(model.hardware_configs) >= {"NVIDIA_L4_1", "NVIDIA_L4_2"}
    assert (model.max_context("NVIDIA_L4_1") or 0) >= 32000
    with pytest.raises(KeyError):
        model.max_context("NVIDIA_H200_8")
    with pytest.raises(NotFoundError):
        market.model("no--such")
    assert simulator.control.requests().count("POST /api/v1/oauth2/token") == 0


def test_prices_come_over_the_wire_to_the_cent(market: CortecsPublicClient, simulator: Simulator) -> None:
    offers = market.hardware_types()
    assert offers["NVIDIA_L4_1"].price_per_hour == Money.of("1.20", "EUR")
    assert offers["NVIDIA_L4_1"].price_per_minute == Money.of("0.02", "EUR")
    assert offers["NVIDIA_L4_1"].gpu_ram_gb == Decimal(24)
    simulator.control.set_available("NVIDIA_L4_1", False)
    assert set(offers) - set(market.available_hardware_types()) == {"NVIDIA_L4_1"}
    simulator.control.withdraw_hardware("NVIDIA_L4_1")
    assert "NVIDIA_L4_1" not in market.hardware_types()


def test_an_id_that_is_another_route_is_never_asked_for(client: CortecsClient, simulator: Simulator) -> None:
    mine = client.create_instance(ORDER).instance_id
    client.stop_instance(mine)
    before = simulator.control.requests().counts
    for odd in (
        "delete-all",
        "stop-all",
        "start",
        "stop",
        "restart",
        "",
        ".",
        "..",
        "../x",
        "a/../delete-all",
        "..\\x",
    ):
        for ask in (client.instance, client.delete_instance):
            with pytest.raises(NotFoundError, match="is not a valid id at"):
                ask(odd)
    assert simulator.control.requests().counts == before
    assert [instance.instance_id for instance in simulator.control.instances()] == [mine]


def test_an_odd_id_is_one_part_of_the_path(client: CortecsClient, simulator: Simulator) -> None:
    mine = client.create_instance(ORDER).instance_id
    client.stop_instance(mine)
    odd = ["a b", "a?b", "delete-all?force_deletion=True", "a#b", "a%2Fb", "ü", "a;b", "%2e%2e", "delete-all;x"]
    for instance_id in odd:
        for ask in (client.instance, client.delete_instance):
            with pytest.raises(NotFoundError):
                ask(instance_id)
    counts = simulator.control.requests().counts
    asked = [counts[f"{method} /api/v1/instances/{{instance_id}}"] for method in ("GET", "DELETE")]
    assert asked == [len(odd), len(odd)]
    assert [instance.instance_id for instance in simulator.control.instances()] == [mine]


def scripted(body: Any, status: int = 200) -> CortecsClient:
    token = answer(200, {"access_token": "t", "expires_in": 3600})
    http = new_client(httpx.MockTransport(Script(token, answer(status, body))))
    return CortecsClient(Credentials("cortecs", "https://vendor.example", ("me", "secret")), http)


def scripted_market(body: Any) -> CortecsPublicClient:
    return CortecsPublicClient("https://vendor.example", new_client(httpx.MockTransport(Script(answer(200, body)))))


def instance_body(**changes: Any) -> dict[str, Any]:
    """An instance as the vendor's documentation shows it: without num_workers."""
    args = {
        "model_id": "m",
        "hardware_type_id": "NVIDIA_L4_1",
        "context_length": 32000,
        "billing_interval": "per_minute",
    }
    plain = {
        "instance_id": "i-1",
        "base_url": "https://abcd-123456.eu/v1",
        "instance_args": args,
        "instance_status": {"status": "running", "started_at": "2025-01-01T00:00:00Z", "stopped_at": None},
        "worker_statuses": [{"init_progress": {"current_step": 5, "num_steps": 5, "description": "ready"}}],
    }
    return {**plain, **changes}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in instance_body().items() if name != key}


@pytest.mark.parametrize(
    "body",
    [
        instance_body(),
        instance_body(base_url=None),
        instance_body(worker_statuses=None),
        instance_body(worker_statuses=[]),
        instance_body(worker_statuses=[None]),
        instance_body(worker_statuses=[{}]),
        instance_body(worker_statuses=[{"init_progress": None}]),
        instance_body(worker_statuses=[{"init_progress": {"current_step": 1, "num_steps": 5, "description": None}}]),
        instance_body(worker_statuses=[{"init_progress": {"current_step": 1, "num_steps": 5}, "gpu": "hot"}]),
        instance_body(instance_args={"model_id": "m"}),
        instance_body(instance_args={"model_id": "m", "num_workers": None, "region": "eu"}),
        instance_body(instance_status={"status": "pending"}),
        instance_body(instance_status={"status": "running", "init_progress": {"current_step": 5}}),
        instance_body(instance_status={"status": "a word of tomorrow"}),
        instance_body(new_field={"a": 1}),
        without("base_url"),
        without("worker_statuses"),
    ],
)
def test_an_instance_stays_visible_whatever_is_left_out_beside_the_point(body: dict[str, Any]) -> None:
    assert scripted({"instances": [body]}).instances()["i-1"].instance_args.model_id == "m"
    assert scripted({"instance": body}).instance("i-1").instance_id == "i-1"
    assert scripted({"instance": body}).create_instance(ORDER).instance_id == "i-1"


@pytest.mark.parametrize(
    "body", [without("instance_args"), instance_body(instance_args=None), instance_body(instance_args={})]
)
def test_an_instance_of_which_nothing_is_told_stays_visible_too(body: dict[str, Any]) -> None:
    assert scripted({"instances": [{**body, "worker_statuses": []}]}).instances()["i-1"].reported() == {}


@pytest.mark.parametrize(
    ("args", "statuses", "workers"),
    [({}, [None, {}], 2), ({"num_workers": 8}, [{}], 8), ({}, [], None), ({"num_workers": None}, None, None)],
)
def test_each_worker_status_counts_where_the_workers_are_not_told(
    args: dict[str, Any], statuses: Any, workers: int | None
) -> None:
    body = instance_body(instance_args={"model_id": "a/b", **args}, worker_statuses=statuses)
    instance = scripted({"instance": body}).instance("i-1")
    assert instance.reported().get("num_workers") == workers
    assert instance.reported()["model_id"] == "a--b"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (without("instance_id"), "instance_id"),
        (instance_body(instance_id=""), "instance_id"),
        (instance_body(instance_id=None), "instance_id"),
        (instance_body(instance_id=7), "instance_id"),
        (without("instance_status"), "instance_status"),
        (instance_body(instance_status={}), "instance_status.status"),
        (instance_body(instance_status={"status": None}), "instance_status.status"),
        (instance_body(instance_args={"model_id": "m", "num_workers": "2"}), "instance_args.num_workers"),
        (instance_body(instance_args={"model_id": "m", "context_length": True}), "instance_args.context_length"),
        (instance_body(base_url=7), "base_url"),
        (None, "instances.0"),
    ],
)
def test_what_bills_and_states_hang_on_is_read_strictly(body: Any, place: str) -> None:
    with pytest.raises(BadAnswerError, match=place):
        scripted({"instances": [body]}).instances()


@pytest.mark.parametrize("body", [{}, {"instances": None}, {"instances": {}}, [], None, "", {"instance_ids": []}])
def test_a_list_that_is_none_is_never_taken_for_an_empty_one(body: Any) -> None:
    with pytest.raises(BadAnswerError):
        scripted(body).instances()


def test_a_start_that_names_no_id_may_have_bought_something() -> None:
    with pytest.raises(BadAnswerError) as raised:
        scripted({"message": "Instance is starting."}).create_instance(ORDER)
    assert raised.value.may_have_taken_effect


def test_a_start_sends_what_is_left_out_as_null() -> None:
    script = Script(answer(200, {"access_token": "t", "expires_in": 60}), answer(200, {"instance": instance_body()}))
    http = new_client(httpx.MockTransport(script))
    CortecsClient(Credentials("cortecs", "https://vendor.example", ("me", "secret")), http).create_instance(ORDER)
    assert httpx.Response(200, content=script.requests[1].content).json() == {
        "model_id": QWEN,
        "hardware_type_id": None,
        "context_length": None,
        "billing_interval": None,
        "num_workers": 2,
    }


@pytest.mark.parametrize("body", [{"instance_id": "i-1"}, {}, {"message": "ok"}, b""])
def test_a_deletion_is_believed_in_any_words(body: Any) -> None:
    script = Script(answer(200, {"access_token": "t", "expires_in": 3600}), answer(200, body))
    http = new_client(httpx.MockTransport(script))
    CortecsClient(Credentials("cortecs", "https://vendor.example", ("me", "secret")), http).delete_instance("i-1")
    # one request, and no error whatever the answer says: the list shows whether the instance is gone
    (request,) = script.requests[1:]
    assert (request.method, request.url.path) == ("DELETE", "/instances/i-1")


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        ({"params": {"--max-model-len": 64000}}, 64000),
        ({"params": {"--max-model-len": 64000, "max_context_length": 1}}, 64000),
        ({"params": {"max_context_length": 64000}}, 64000),
        ({"max_context_length": 64000}, 64000),
        ({"params": None, "max_context_length": 64000}, 64000),
        ({"params": {"--max-model-len": None}, "max_context_length": 64000}, 64000),
        ({"params": {"--max-model-len": "64000"}}, None),
        ({"params": {"--max-model-len": True}}, None),
        ({"params": {"--max-model-len": 0}}, None),
        ({"params": {}}, None),
        (None, None),
    ],
)
def test_the_longest_context_has_had_several_names(config: Any, longest: int | None) -> None:
    market = scripted_market({"model": {"model_id": "m", "hardware_configs": {"H": config}}})
    assert market.model("m").max_context("H") == longest


def test_a_model_that_runs_on_nothing_is_a_model() -> None:
    assert scripted_market({"model": {"model_id": "m", "hardware_configs": None}}).model("m").hardware_configs == {}


def row(**price: Any) -> dict[str, Any]:
    plain = {"price_per_hour": 1.2, "price_per_minute": 0.02, "currency": "EUR"}
    return {"hardware_type_id": "H", "price_info": {**plain, **price}, "hardware_info": {}}


@pytest.mark.parametrize(
    "price",
    [
        {"price_per_hour": 0},
        {"price_per_minute": -0.02},
        {"price_per_hour": None},
        {"price_per_hour": True},
        {"price_per_hour": "1e999999"},
        {"currency": "eur"},
        {"currency": None},
    ],
)
def test_a_price_that_is_none_is_refused_and_never_zero(price: dict[str, Any]) -> None:
    with pytest.raises(BadAnswerError):
        scripted_market({"hardware_types": [row(**price)]}).hardware_types()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_price_is_a_number(number: str) -> None:
    body = (
        '{"hardware_types": [{"hardware_type_id": "H", "hardware_info": {}, "price_info": '
        f'{{"price_per_hour": {number}, "price_per_minute": 1, "currency": "EUR"}}}}]}}'
    )
    with pytest.raises(BadAnswerError, match="price_per_hour"):
        scripted_market(body).hardware_types()


def test_a_price_keeps_the_digits_it_was_sent_with() -> None:
    offers = scripted_market({"hardware_types": [row(price_per_minute=0.016666666666666666)]}).hardware_types()
    assert offers["H"].price_per_minute == Money.of("0.016666666666666666", "EUR")


def test_an_unknown_status_of_the_vendor_is_kept_word_for_word() -> None:
    current: ApiInstance = scripted({"instance": instance_body(instance_status={"status": "hibernating"})}).instance(
        "i-1"
    )
    assert current.instance_status.status == "hibernating"


def test_a_busy_vendor_is_not_a_no() -> None:
    with pytest.raises(UnavailableError):
        scripted({"error": "later"}, status=503).instance("i-1")


@pytest.mark.parametrize("instance_id", ["delete-all", "start", "../x", "a\\b"])
def test_an_answer_that_names_no_id_is_none(instance_id: str) -> None:
    row = {"instance_id": instance_id, "instance_status": {"status": "pending"}}
    with pytest.raises(ValueError, match="must be an id that is no path"):
        ApiInstance.model_validate_json(json.dumps(row))

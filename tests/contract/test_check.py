"""Check: what is refused before money is spent, what is filled in, and what it will cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS
from tests.contract.engine import listening
from tests.contract.host import ENDPOINT, IMPATIENT, INSTANCE, UNKNOWN, CallFailedError, Host, urn

QWEN = "Qwen/Qwen2-7B-Instruct"
LLAMA_70B = "neuralmagic/Meta-Llama-3.1-70B-Instruct-FP8"
PHI = "cortecs/phi-4-FP8-Dynamic"


def test_what_the_vendor_would_choose_is_filled_in(shared_host: Host) -> None:
    checked = shared_host.instance().check({"model_id": QWEN})
    assert checked.failures == ()
    assert checked.inputs == {
        "model_id": "Qwen--Qwen2-7B-Instruct",
        "hardware_type_id": "NVIDIA_L4_1",
        "context_length": 32000,
        "billing_interval": "per_minute",
        "num_workers": 1,
        "state": "running",
        "restart_trigger": "",
        "on_timeout": "keep",
        "quote": {
            "price_per_hour": "1.20",
            "price_per_minute": "0.02",
            "hourly_total": "1.20",
            "currency": "EUR",
            "source": "simulator",
        },
    }


def test_a_context_is_no_longer_than_the_hardware_allows(shared_host: Host) -> None:
    assert shared_host.instance().check({"model_id": PHI}).inputs["context_length"] == 16384


def test_the_quote_counts_every_worker(shared_host: Host) -> None:
    news = {
        "model_id": LLAMA_70B,
        "hardware_type_id": "NVIDIA_L40S_2",
        "num_workers": 8,
        "billing_interval": "per_hour",
    }
    quote = shared_host.instance().check(news).inputs["quote"]
    assert quote == {
        "price_per_hour": "4.14",
        "price_per_minute": "0.069",
        "hourly_total": "33.12",
        "currency": "EUR",
        "source": "simulator",
    }


def test_given_arguments_are_kept_as_they_are(shared_host: Host) -> None:
    program = {
        "model_id": "Qwen--Qwen2-7B-Instruct",
        "hardware_type_id": "NVIDIA_L40S_1",
        "context_length": 4096,
        "billing_interval": "per_hour",
        "num_workers": 8,
        "state": "running",
        "restart_trigger": "today",
    }
    inputs = shared_host.instance().check(program).inputs
    assert {key: inputs[key] for key in program} == program


@pytest.mark.parametrize(
    ("property_", "value", "named"),
    [
        ("num_workers", 9, "must be 1..8; got 9"),
        ("num_workers", 0, "must be 1..8; got 0"),
        ("num_workers", -1, "must be 1..8; got -1"),
        ("num_workers", 1.5, "1.5"),
        ("num_workers", 1e9, "1000000000"),
        ("num_workers", "8", "the string '8'"),
        ("num_workers", "８", "the string '８'"),
        ("num_workers", True, "the boolean True"),
        ("num_workers", math.nan, "nan"),
        ("num_workers", math.inf, "inf"),
        ("num_workers", -math.inf, "-inf"),
        ("num_workers", [1], "the list [1.0]"),
        ("num_workers", {"a": 1}, "the object {'a': 1.0}"),
        ("context_length", 0, "must be 1 or more; got 0"),
        ("context_length", -1, "got -1"),
        ("context_length", 0.5, "0.5"),
        ("context_length", "32000", "the string '32000'"),
        ("context_length", False, "the boolean False"),
        ("context_length", math.nan, "nan"),
        ("context_length", math.inf, "inf"),
        ("context_length", 1e9, "takes at most 32768 tokens; got 1000000000"),
        ("context_length", 32769, "takes at most 32768 tokens; got 32769"),
        ("model_id", "", "''"),
        ("model_id", "a model", "'a model'"),
        ("model_id", "a/b/c", "'a/b/c'"),
        ("model_id", " Qwen/Qwen2-7B-Instruct", "' Qwen/Qwen2-7B-Instruct'"),
        ("model_id", 7, "must be a string; got 7.0"),
        ("model_id", True, "the boolean True"),
        ("hardware_type_id", "", "''"),
        ("hardware_type_id", "NVIDIA_L4_1 ", "'NVIDIA_L4_1 '"),
        ("hardware_type_id", 1, "must be a string"),
        ("hardware_type_id", "NVIDIA_L4_１", "no hardware type 'NVIDIA_L4_１'; did you mean NVIDIA_L4_1?"),
        ("billing_interval", "per_day", "per_minute or per_hour; got 'per_day'"),
        ("billing_interval", "Per_hour", "'Per_hour'"),
        ("billing_interval", 60, "must be a string"),
        ("state", "paused", "running or stopped; got 'paused'"),
        ("state", True, "the boolean True"),
        ("restart_trigger", 5, "must be a string"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(
    shared_host: Host, property_: str, value: Any, named: str
) -> None:
    checked = shared_host.instance().check({"model_id": QWEN, property_: value})
    (reason,) = checked.reasons(property_)
    assert named in reason
    assert len(checked.failures) == 1


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("model", "did you mean model_id?"),
        ("hardware_type", "did you mean hardware_type_id?"),
        ("instance_id", "is not an argument of an Instance"),
        ("account", "is not an argument of an Instance"),
        ("__defaults", "is not an argument of an Instance"),
        ("__provider2", "is not an argument of an Instance"),
        ("zzz", "valid arguments: model_id, hardware_type_id"),
    ],
)
def test_an_unknown_key_is_refused_by_name(shared_host: Host, key: str, hint: str) -> None:
    (reason,) = shared_host.instance().check({"model_id": QWEN, key: "x"}).reasons(key)
    assert hint in reason


def test_the_model_is_required(shared_host: Host) -> None:
    assert [name for name, _ in shared_host.instance().check({}).failures] == ["model_id"]


def test_an_unknown_model_is_refused_with_the_nearest_one(shared_host: Host) -> None:
    checked = shared_host.instance().check({"model_id": "Qwen/Qwen2-7B-Instrukt"})
    (reason,) = checked.reasons("model_id")
    assert "'Qwen--Qwen2-7B-Instrukt'; did you mean Qwen--Qwen2-7B-Instruct?" in reason
    assert "neuralmagic--Mistral-Nemo-Instruct-2407-FP8" in reason


def test_unknown_hardware_is_refused_with_the_nearest_one(shared_host: Host) -> None:
    checked = shared_host.instance().check({"model_id": QWEN, "hardware_type_id": "NVIDIA_L40_S_1"})
    (reason,) = checked.reasons("hardware_type_id")
    assert "'NVIDIA_L40_S_1'; did you mean NVIDIA_L40S_1?" in reason


def test_unfitting_hardware_is_refused_with_what_fits(shared_host: Host) -> None:
    checked = shared_host.instance().check({"model_id": LLAMA_70B, "hardware_type_id": "NVIDIA_L4_1"})
    (reason,) = checked.reasons("hardware_type_id")
    assert "it runs on NVIDIA_H100_2, NVIDIA_L40S_2" in reason


def test_hardware_out_of_stock_is_refused_with_what_is_there(
    start_host: Callable[..., Host], simulator: Simulator
) -> None:
    simulator.control.set_available("NVIDIA_L4_1", False)
    (reason,) = start_host().instance().check({"model_id": QWEN}).reasons("hardware_type_id")
    assert reason == "NVIDIA_L4_1 is out of stock; in stock is NVIDIA_L40S_1, NVIDIA_L4_2"


def test_a_quote_is_never_taken_from_the_program(shared_host: Host) -> None:
    quote = {"price_per_hour": "0.01", "price_per_minute": "0.01", "hourly_total": "0.01", "currency": "EUR"}
    checked = shared_host.instance().check({"model_id": QWEN, "quote": quote})
    assert [name for name, _ in checked.failures] == ["quote"]


def test_all_failures_come_at_once(shared_host: Host) -> None:
    news = {
        "model_id": "Qwen/nothing-of-this-name",
        "hardware_type_id": "NVIDIA_L5",
        "context_length": 0,
        "billing_interval": "weekly",
        "num_workers": 9,
        "state": "stopped",
        "restart_trigger": 1,
        "colour": "red",
        "quote": {},
    }
    assert {name for name, _ in shared_host.instance().check(news).failures} == set(news)


def test_wrong_arguments_are_named_even_when_the_market_is_down(
    start_host: Callable[..., Host], simulator: Simulator
) -> None:
    simulator.control.fault("server_error", path="/models")
    checked = start_host(before=IMPATIENT).instance().check({"model_id": QWEN, "num_workers": 9})
    assert [name for name, _ in checked.failures] == ["num_workers"]


NOWHERE = {"CORTECS_API_BASE_URL": "http://127.0.0.1:1/api/v1"}


def test_without_a_network_a_preview_says_what_is_not_known(start_host: Callable[..., Host]) -> None:
    with listening() as engine:
        host = start_host(NOWHERE, before=IMPATIENT, engine=engine.address)
        checked = host.instance("chat").check({"model_id": QWEN, "num_workers": 2})
        assert checked.failures == ()
        # left out, not unknown: an `up` takes no unknown from check, and create says what is missing
        assert set(INPUTS) - set(checked.inputs) == {"hardware_type_id", "context_length", "quote"}
        (warning,) = engine.lines
        assert "the defaults and the price are unknown" in warning.message
        assert (warning.severity, warning.ephemeral) == (2, False)


def test_without_a_network_nothing_that_runs_is_changed(start_host: Callable[..., Host], shared_host: Host) -> None:
    """A replacement that create would refuse must stop before the old instance is ended (delete_before_replace)."""
    olds = shared_host.instance().check({"model_id": QWEN}).inputs
    with pytest.raises(CallFailedError, match="the purchase cannot be checked"):
        start_host(NOWHERE, before=IMPATIENT).instance().check({"model_id": QWEN, "num_workers": 2}, olds)


PURCHASE = ("model_id", "hardware_type_id", "context_length", "billing_interval", "num_workers")


@pytest.mark.parametrize(
    ("unknown", "unknown_too"),
    [
        (PURCHASE, ("quote",)),
        (("model_id",), ("hardware_type_id", "context_length", "quote")),
        (("hardware_type_id",), ("context_length", "quote")),
        (("hardware_type_id", "context_length"), ("quote",)),
        (("context_length",), ()),
        (("billing_interval",), ("quote",)),
        (("num_workers",), ("quote",)),
        (("state",), ()),
        (("restart_trigger",), ()),
    ],
)
def test_what_depends_on_an_unknown_is_unknown_and_nothing_else(
    shared_host: Host, unknown: tuple[str, ...], unknown_too: tuple[str, ...]
) -> None:
    news = {"model_id": QWEN, **dict.fromkeys(unknown, UNKNOWN)}
    checked = shared_host.instance().check(news)
    assert checked.failures == ()
    assert {key for key, value in checked.inputs.items() if value == UNKNOWN} == {*unknown, *unknown_too}


def test_an_unknown_model_on_known_hardware_is_quoted(shared_host: Host) -> None:
    checked = shared_host.instance().check({"model_id": UNKNOWN, "hardware_type_id": "NVIDIA_H100_1"})
    assert checked.inputs["quote"]["hourly_total"] == "4.50"
    assert checked.inputs["context_length"] == UNKNOWN


@pytest.mark.parametrize(
    ("news", "refused"),
    [
        ({"model_id": UNKNOWN, "num_workers": 9}, "num_workers"),
        ({"model_id": UNKNOWN, "hardware_type_id": "NVIDIA_L5"}, "hardware_type_id"),
        ({"model_id": QWEN, "hardware_type_id": UNKNOWN, "context_length": 0}, "context_length"),
        ({"model_id": "Qwen/nothing", "hardware_type_id": UNKNOWN}, "model_id"),
        ({"model_id": QWEN, "num_workers": UNKNOWN, "context_length": 40_000}, "context_length"),
        ({"model_id": QWEN, "num_workers": UNKNOWN, "hardware_type_id": "NVIDIA_H100_1"}, "hardware_type_id"),
        ({"model_id": UNKNOWN, "state": "stopped"}, "state"),
    ],
)
def test_what_is_known_is_checked_beside_what_is_not(shared_host: Host, news: dict[str, Any], refused: str) -> None:
    assert [name for name, _ in shared_host.instance().check(news).failures] == [refused]


def test_an_instance_cannot_be_created_stopped(shared_host: Host) -> None:
    checked = shared_host.instance().check({"model_id": QWEN, "state": "stopped"})
    (reason,) = checked.reasons("state")
    assert "cannot be created stopped" in reason


@pytest.mark.parametrize(
    "type_",
    ["pulumi-python:dynamic:Resource", "pulumi-python:dynamic/mine:Instance", "aws:ec2/instance:Instance", ENDPOINT],
)
def test_somebody_elses_type_cannot_borrow_the_instance_provider(shared_host: Host, type_: str) -> None:
    borrowed = shared_host.instance(urn_=f"urn:pulumi:test::tests::{type_}::chat")
    with pytest.raises(CallFailedError, match="serves pulumi-python:dynamic/cortecs:Instance only"):
        borrowed.check({"model_id": QWEN})


def test_the_endpoint_provider_serves_endpoints_only(shared_host: Host) -> None:
    borrowed = shared_host.endpoint(urn_=urn(INSTANCE, "chat"))
    with pytest.raises(CallFailedError, match="serves pulumi-python:dynamic/cortecs:Endpoint only"):
        borrowed.check({"model_id": QWEN})


def test_an_instance_may_be_a_child_of_anything(shared_host: Host) -> None:
    nested = shared_host.instance(urn_=f"urn:pulumi:test::tests::my:house:Room${INSTANCE}::chat::with::colons")
    assert nested.check({"model_id": QWEN}).failures == ()


def test_no_answer_from_the_market_stops_the_check(start_host: Callable[..., Host], simulator: Simulator) -> None:
    simulator.control.fault("server_error", path="/models")
    with pytest.raises(CallFailedError, match="nothing was bought or changed: Cortecs answered GET /models/ with 500"):
        start_host(before=IMPATIENT).instance().check({"model_id": QWEN})


ENDPOINT_INPUTS = {
    "instance_id": "some-id",
    "state": "running",
    "spec_digest": "",
    "ready_timeout": 1200,
    "on_timeout": "stop",
}


def test_an_endpoints_inputs_pass_unchanged(shared_host: Host) -> None:
    checked = shared_host.endpoint().check(ENDPOINT_INPUTS)
    assert (checked.inputs, checked.failures) == (ENDPOINT_INPUTS, ())


@pytest.mark.parametrize("key", ENDPOINT_INPUTS)
def test_what_an_endpoint_does_not_know_yet_is_left_alone(shared_host: Host, key: str) -> None:
    checked = shared_host.endpoint().check({**ENDPOINT_INPUTS, key: UNKNOWN})
    assert checked.failures == ()
    assert checked.inputs[key] == UNKNOWN


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ready_timeout", 0),
        ("ready_timeout", -1),
        ("ready_timeout", 1.5),
        ("ready_timeout", math.nan),
        ("ready_timeout", math.inf),
        ("ready_timeout", True),
        ("ready_timeout", "1200"),
        ("ready_timeout", 8 * 24 * 3600),
        ("ready_timeout", None),
        ("instance_id", None),
        ("instance_id", ""),
        ("instance_id", 7),
        ("state", None),
        ("state", "paused"),
        ("state", 1),
        ("spec_digest", None),
        ("spec_digest", 1),
        ("base_url", "http://somewhere.else"),
        ("__x", 1),
    ],
)
def test_an_endpoint_takes_only_what_an_instance_passes_on(shared_host: Host, key: str, value: Any) -> None:
    checked = shared_host.endpoint().check({**ENDPOINT_INPUTS, key: value})
    assert [name for name, _ in checked.failures] == [key]

"""Data sources against a simulator: rows as Cortecs has them, one question per list, short errors."""

from __future__ import annotations

import inspect
import logging
from dataclasses import FrozenInstanceError
from decimal import Decimal
from typing import Any

import pulumi
import pytest

import pulumi_cortecs
from pulumi_cortecs import (
    Balance,
    DataSourceError,
    UnknownIdError,
    get_balance,
    get_hardware_type,
    get_hardware_types,
    get_instance,
    get_model,
    get_models,
)
from pulumi_cortecs.simulator import Simulator
from tests.unit.mocked import run
from tests.unit.simulated import QWEN, start


@pytest.fixture
def at(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A simulator that the environment names, as that of a program would."""
    for name in ("CORTECS_CLIENT_ID", "CORTECS_CLIENT_SECRET", "CORTECS_API_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in simulator.env().items():
        monkeypatch.setenv(name, value)
    return simulator


def bought(simulator: Simulator) -> str:
    with simulator.client() as api:
        return start(api, hardware_type_id="NVIDIA_L4_1", context_length=4096, num_workers=2)


@pytest.mark.usefixtures("at")
def test_hardware_is_priced_in_decimal_strings() -> None:
    hardware = get_hardware_type("NVIDIA_L4_1")
    assert (hardware.price_info.price_per_hour, hardware.price_info.price_per_minute) == ("1.20", "0.02")
    assert (hardware.price_info.currency, hardware.hardware_info.gpu_ram_gb) == ("EUR", 24.0)
    assert hardware in get_hardware_types()
    with pytest.raises(FrozenInstanceError):
        hardware.hardware_type_id = "other"  # type: ignore[misc]


def test_available_hardware_is_what_is_in_stock(at: Simulator) -> None:
    at.control.set_available("NVIDIA_L4_1", False)
    every = {hardware.hardware_type_id for hardware in get_hardware_types()}
    assert {hardware.hardware_type_id for hardware in get_hardware_types(available=True)} == every - {"NVIDIA_L4_1"}


@pytest.mark.usefixtures("at")
def test_a_model_has_its_context_limits_by_hardware() -> None:
    model = get_model("Qwen/Qwen2-7B-Instruct")
    assert model == get_model(QWEN)
    assert (model.model_id, model.recommended_config) == (QWEN, "NVIDIA_L4_1")
    assert model.hardware_configs["NVIDIA_L4_1"].max_context_length == 32768
    (listed,) = [model for model in get_models() if model.model_id == QWEN]
    assert set(listed.hardware_configs) == set(model.hardware_configs)
    assert model.hardware_configs["NVIDIA_L4_1"].params["--max-model-len"] == 32768
    assert model.creator == listed.creator
    assert model.creator is not None
    assert (model.creator.name, model.creator.url) == ("Qwen", "https://huggingface.co/Qwen")
    assert {model.creator and model.creator.url for model in get_models()} == {None, "https://huggingface.co/Qwen"}


def test_an_instance_is_shown_as_it_is(at: Simulator) -> None:
    instance_id = bought(at)
    at.control.stop(instance_id)
    info = get_instance(instance_id)
    assert info.instance_id == instance_id
    assert (info.instance_args.model_id, info.instance_args.context_length) == (QWEN, 4096)
    assert info.instance_args.num_workers == 2
    assert info.instance_status.status == "stopped"
    assert info.instance_status.stopped_at is not None
    assert info.instance_status.init_progress is None
    assert [worker.init_progress for worker in info.worker_statuses] == [None, None]


@pytest.mark.usefixtures("at")
def test_a_boot_is_shown_with_its_progress(at: Simulator) -> None:
    at.control.pause()
    info = get_instance(bought(at))
    assert (info.base_url, info.instance_status.status) == (None, "pending")
    progress = info.worker_statuses[0].init_progress
    assert progress is not None
    assert (progress.current_step, progress.num_steps) == (1, 5)
    assert info.instance_status.init_progress == progress


@pytest.mark.usefixtures("at")
def test_the_balance_is_money() -> None:
    balance = get_balance()
    assert balance == Balance(balance.current_balance, "EUR")
    assert isinstance(balance.current_balance, str)


def test_one_process_asks_once_per_list(at: Simulator) -> None:
    at.control.reset()
    for _ in range(3):
        get_hardware_types()
        get_hardware_type("NVIDIA_L4_1")
        get_hardware_types(available=True)
        get_models()
        get_model(QWEN)
    assert at.control.requests().count("GET /api/v1/hardware-types") == 1
    assert at.control.requests().count("GET /api/v1/hardware-types/available") == 1
    assert at.control.requests().count("GET /api/v1/models/{model_id}") == 1


def test_an_unknown_id_is_told_with_the_nearest(at: Simulator) -> None:
    instance_id = bought(at)
    nearly = instance_id[:-1] + ("0" if instance_id[-1] != "0" else "1")
    for asked, says in (
        (lambda: get_hardware_type("NVIDIA_L5_1"), "no hardware type 'NVIDIA_L5_1'; did you mean NVIDIA_L4_1?"),
        (lambda: get_model("Qwen/Qwen2-7B-Instrukt"), f"no model 'Qwen/Qwen2-7B-Instrukt'; did you mean {QWEN}?"),
        (lambda: get_instance(nearly), f"no instance '{nearly}' in this account; did you mean {instance_id}?"),
    ):
        with pytest.raises(LookupError) as raised:
            asked()
        assert isinstance(raised.value, UnknownIdError)
        assert str(raised.value) == f"Cortecs has {says}"


@pytest.mark.parametrize("instance_id", ["delete-all", "..", "", "a/b"])
@pytest.mark.usefixtures("at")
def test_what_is_no_id_is_never_asked_for(instance_id: str) -> None:
    with pytest.raises(UnknownIdError):
        get_instance(instance_id)


def test_credentials_are_needed_for_an_account_and_for_nothing_else(
    at: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CORTECS_CLIENT_ID")
    monkeypatch.delenv("CORTECS_CLIENT_SECRET")
    assert get_models()
    with pytest.raises(DataSourceError, match="get_balance: no Cortecs credentials") as raised:
        get_balance()
    assert isinstance(raised.value, pulumi.RunError)  # no traceback at the user's
    assert raised.value.__suppress_context__


def test_an_error_of_the_vendor_is_no_unknown_id(at: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET, "stamina")  # as a program finds it
    instance_id = bought(at)
    at.control.fault("server_error", method="GET", path="*/instances*")
    with pytest.raises(DataSourceError, match=r"get_instance: .*500") as raised:
        get_instance(instance_id)
    assert not isinstance(raised.value, LookupError)
    assert not [record for record in caplog.records if record.name == "stamina"]  # a line for each retry


_PRELUDE = """
import os
from pulumi_cortecs import (
    Provider, UnknownIdError, get_balance, get_balance_output, get_hardware_type_output, get_hardware_types_output,
    get_instance, get_model, get_model_output, get_models,
)
url = os.environ["CORTECS_API_BASE_URL"]
b = Provider("b", client_id="id-of-b", client_secret="secret-of-b", api_base_url=url)
at_b = pulumi.InvokeOptions(provider=b)

def refused(ask):
    try:
        ask()
    except TypeError as error:
        return str(error)

def secrecy(key, output):
    async def found():
        return await output.is_secret()
    return say(key, found())

class Team(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("tests:index:Team", name, None, opts)
"""


def run_program(at: Simulator, body: str) -> Any:
    at.control.register("id-of-b", "secret-of-b", "acct-b")
    return run(_PRELUDE + body)["said"]


def test_an_explicit_provider_is_asked_with_its_own_credentials(at: Simulator) -> None:
    of_a = bought(at)
    at.control.advance(3600)
    body = f"""
return [
    say("a_output", get_balance_output().current_balance),
    say("a", get_instance({of_a!r}).instance_id),
    say("b", str(refused_by_b())),
    say("b_output", get_balance_output(opts=at_b).current_balance),
    say("child", str(refused_by_b(pulumi.InvokeOptions(parent=Team("team", pulumi.ResourceOptions(providers=[b])))))),
    say("other", refused(lambda: get_models(pulumi.InvokeOptions(provider=pulumi.ProviderResource("aws", "x"))))),
]
"""
    helper = f"""
def refused_by_b(opts=at_b):
    try:
        return get_instance({of_a!r}, opts)
    except UnknownIdError as error:
        return error
"""
    answers = run_program(at, helper + body)
    assert answers["a"] == of_a
    assert answers["b"] == answers["child"] == f"Cortecs has no instance {of_a!r} in this account"
    assert Decimal(answers["a_output"]) < Decimal(answers["b_output"])  # only the first account has paid
    assert "take a pulumi_cortecs.Provider, not a ProviderResource" in answers["other"]


def test_outputs_need_the_other_form(at: Simulator) -> None:
    body = """
secret = Provider("c", client_id="id-of-b", client_secret=pulumi.Output.secret("secret-of-b"), api_base_url=url)
at_c = pulumi.InvokeOptions(provider=secret)
model = pulumi.Output.from_input("Qwen/Qwen2-7B-Instruct")
return [
    say("argument", refused(lambda: get_model(model))),
    say("provider", refused(lambda: get_balance(at_c))),
    say("model", get_model_output(model).recommended_config),
    say("balance", get_balance_output(at_c).currency),
    secrecy("price list", get_hardware_types_output(True, at_c)),
    secrecy("secret id", get_model_output(pulumi.Output.secret("Qwen/Qwen2-7B-Instruct"))),
    say("lifted", get_hardware_type_output("NVIDIA_L4_1").price_info.price_per_hour),
]
"""
    answers = run_program(at, body)
    assert answers["argument"].endswith("for Outputs use get_model_output")
    assert answers["provider"].endswith("for Outputs use get_balance_output")
    assert (answers["model"], answers["balance"], answers["lifted"]) == ("NVIDIA_L4_1", "EUR", "1.20")
    assert (answers["price list"], answers["secret id"]) == (False, True)


def test_a_data_source_shows_its_own_arguments_only() -> None:
    assert list(inspect.signature(pulumi_cortecs.get_model).parameters) == ["model_id", "opts"]
    assert pulumi_cortecs.get_model.__name__ == "get_model"
    with pytest.raises(TypeError, match="missing a required argument: 'model_id'"):
        pulumi_cortecs.get_model()  # type: ignore[call-arg]
    lifted: pulumi.Output[str] = object.__new__(pulumi.Output)  # one with a value would need an event loop
    with pytest.raises(TypeError, match="for Outputs use get_model_output"):
        pulumi_cortecs.get_model(model_id=lifted)  # type: ignore[arg-type]


def test_every_data_source_has_both_forms() -> None:
    public = {name for name in pulumi_cortecs.__all__ if name.startswith("get_")}
    plain = {name for name in public if not name.endswith("_output")}
    assert public == plain | {f"{name}_output" for name in plain}
    assert all(callable(getattr(pulumi_cortecs, name)) for name in pulumi_cortecs.__all__)
    assert set(pulumi_cortecs.__all__) <= set(dir(pulumi_cortecs))
    with pytest.raises(AttributeError):
        _ = pulumi_cortecs.get_everything  # type: ignore[attr-defined]
